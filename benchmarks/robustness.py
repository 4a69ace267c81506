"""How much Penjing survives: damaged and hostile files, killed processes, a full disk.

    python -m benchmarks.robustness [--json] [--quick] [--only R1 …]

Bars R1 to R6 of BARS.md, as figures: inputs tried, and how many of them did harm. R4 (a killed window) and R6 (long
life) are in `benchmarks.robustness_window`.
"""

import argparse
import contextlib
import io
import json
import os
import random
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks import hostile_files, robustness_window
from benchmarks.bars import Finding, at_most, table

ROOT = Path(__file__).parents[1]
MOST_SECONDS = 5.0
MOST_BYTES = 2 << 30


class Reader:
    """A process that reads files, replaced when it dies or hangs."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self.peak = 0

    def read(self, kind: str, path: Path, *, seconds: float = MOST_SECONDS) -> str:
        """What became of a file: `loaded`, `refused CODE`, `unclear …`, `hang` or `crash N`."""
        process = self._process or self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(f"{kind}\t{path}\n")
            process.stdin.flush()
            line = self._line(seconds)
        except BrokenPipeError:
            line = ""
        if line is None:
            self.close()
            return "hang"
        if not line:
            code = process.wait()
            self.close()
            return f"crash {code}"
        peak, _, answer = line.rstrip("\n").partition("\t")
        self.peak = max(self.peak, int(peak) * 1024)
        return answer

    def _start(self) -> subprocess.Popen[str]:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.hostile_reader", str(2 * MOST_BYTES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert self._line(120) == "ready\n"
        return self._process

    def _line(self, seconds: float) -> str | None:
        assert self._process is not None and self._process.stdout is not None
        # Seconds of the processor: a machine that is busy with other things makes no file a hang.
        started, patience = _cpu(self._process.pid), time.monotonic() + 20 * seconds
        while _cpu(self._process.pid) - started <= seconds and time.monotonic() < patience:
            ready, _, _ = select.select([self._process.stdout], [], [], 0.2)
            if ready:
                return self._process.stdout.readline()
        return None

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()
            self._process.wait()
            self._process = None


def _cpu(pid: int) -> float:
    """Seconds that a process has computed."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def damaged_files(quick: bool) -> dict[str, Finding]:
    """R1: mutated models, data, plans, projects, devices and lessons."""
    count, chance, reader = (300 if quick else 10_000), random.Random(hostile_files.SEED), Reader()
    fates: Counter[str] = Counter()
    harm: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        originals = list(hostile_files.originals(root))
        for index, (kind, ending, content) in enumerate(originals):
            path = root / f"original{index}{ending}"
            path.write_bytes(content)
            (root / f"whole{ending}").write_bytes(
                content
            )  # what lies beside a damaged one, where a kind has neighbours
            fate = reader.read(kind, path, seconds=60)
            assert fate == "loaded", (kind, ending, fate)
        for number in range(count):
            kind, ending, content = originals[number % len(originals)]
            path = root / f"damaged{ending}"
            path.write_bytes(hostile_files.damaged(content, chance))
            fate = reader.read(kind, path)
            fates[fate.split()[0]] += 1
            if not fate.startswith(("loaded", "refused")):
                harm.append(f"{number} {ending}: {fate}")
                print(harm[-1], file=sys.stderr)
    reader.close()
    told = f"{count} files: {fates['loaded']} loaded, {fates['refused']} refused in words; peak {reader.peak >> 20} MiB"
    if harm:
        told += "; " + "; ".join(harm[:5])
    return {
        "R1": at_most(len(harm), 0, "files", told),
        "R1-memory": at_most(reader.peak / MOST_BYTES * 2, 2, "GiB", "the largest process that read them"),
    }


def hostile_content(quick: bool) -> dict[str, Finding]:
    """R2: pickles that run commands, paths that leave their folder, external data outside of it."""
    reader, done = Reader(), []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        inside = root / "inside"
        inside.mkdir()
        canary = root / "canary"
        for name, kind, content in _hostile(f"touch {canary}"):
            path = inside / name
            path.write_bytes(content)
            fate = reader.read(kind, path)
            outside = sorted(one.name for one in root.iterdir() if one != inside)
            if outside or fate == "loaded" or not fate.startswith("refused"):
                done.append(f"{name}: {fate}, {outside}")
            tried = len(list(inside.iterdir()))
    reader.close()
    told = f"{tried} files: none ran, none reached outside its folder" if not done else "; ".join(done)
    return {"R2": at_most(len(done), 0, "files", told)}


def _hostile(command: str) -> Iterator[tuple[str, str, bytes]]:
    evil = f"cposix\nsystem\n(S'{command}'\ntR.".encode()  # what a pickle that runs a command looks like
    yield "plain.pt", "weights", evil
    yield "plain.pth", "weights", evil
    yield "plain.pkl", "model", evil
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("archive/data.pkl", evil)
        out.writestr("archive/version", b"3\n")
        out.writestr("archive/byteorder", b"little")
    yield "zipped.pt", "weights", archive.getvalue()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("model/data/sample_inputs/model.pt", evil)
        out.writestr("model/models/model.json", b"{}")
        out.writestr("model/data/weights/weight_0", evil)
        out.writestr("model/archive_format", b"pt2")
        out.writestr("model/archive_version", b"0")
    yield "zipped.pt2", "model", archive.getvalue()
    archive, labels, objects = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.save(labels, np.arange(2))
    np.lib.format.write_array_header_1_0(objects, {"descr": "|O", "fortran_order": False, "shape": (2,)})
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("x.npy", objects.getvalue() + evil)
        out.writestr("y.npy", labels.getvalue())
    yield "objects.npz", "data", archive.getvalue()
    for place, member in enumerate(("../canary", "/tmp/../canary", "runs/../../canary", "runs/a/../../../canary")):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as out:
            out.writestr("project.json", b"{}")
            out.writestr(member, b"outside")
        yield f"leaves{place}.penjing", "project", archive.getvalue()
    for place, location in enumerate(("../../../../etc/passwd", "/etc/passwd", "..\\..\\x", "a/../../b")):
        yield f"external{place}.onnx", "model", _external(location)


def _external(location: str) -> bytes:
    import onnx
    from onnx import helper

    weight = onnx.TensorProto(name="w", data_type=1, dims=[2, 2], data_location=onnx.TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value=location)
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w"], ["y"])],
        "external",
        [helper.make_tensor_value_info("x", 1, ["n", 2])],
        [helper.make_tensor_value_info("y", 1, ["n", 2])],
        [weight],
    )
    return helper.make_model(graph).SerializeToString()


def killed_engines(quick: bool) -> dict[str, Finding]:
    """R3: `kill -9` of the engine at random moments while plans come; the next one must measure again."""
    from penjing.plan import Plan
    from penjing.worker.client import Worker
    from penjing.worker.engine_messages import Measure, Measured, Opened, OpenSource
    from penjing.worker.exchange import Exchange

    count, chance, lost = (5 if quick else 50), random.Random(3), 0
    with Exchange() as exchange:
        for kill in range(count + 1):
            with Worker.start("engine", exchange) as engine:
                engine.send(OpenSource(request=1, source="sample:digits"))
                if _heard(engine, Opened, 60) is None:
                    lost += 1
                    continue
                plan = Plan().with_defaults(weight_bits=2 + kill % 6)
                engine.send(Measure(generation=1, plan=plan))
                if kill and _heard(engine, Measured, 60) is None:
                    lost += 1
                engine.send(Measure(generation=2, plan=plan.with_defaults(sparsity=0.5)))
                if kill < count:
                    _heard(engine, Measured, chance.random() * 0.4)
                    os.kill(engine.pid, signal.SIGKILL)
                    engine.stop()
    told = f"{count} engines killed while they measured; each next one opened and measured"
    return {"R3": at_most(lost, 0, "losses", told), **robustness_window.killed_workers(quick)}


def _heard(worker: object, kind: type[object], seconds: float) -> object | None:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0 and not worker.ended:  # type: ignore[attr-defined]
        for message in worker.receive(timeout=left):  # type: ignore[attr-defined]
            if isinstance(message, kind):
                return message
    return None


def full_disks(quick: bool) -> dict[str, Finding]:
    """R5: an export that finds no room at every stage of it leaves the older export whole."""
    rooms = (64, 20_000) if quick else (0, 64, 1_000, 5_000, 20_000, 60_000, 100_000, 200_000)
    harm = []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        command = [
            sys.executable,
            "-m",
            "penjing",
            "export",
            "sample:digits",
            "--format",
            "onnx",
            "-o",
            str(out),
            "--plan",
        ]
        plan = Path(folder) / "plan.json"
        plan.write_text('{"schema_version": 1, "defaults": {"weight_bits": 8}, "pipeline": ["quantize"]}')
        subprocess.run([*command, str(plan)], check=True, capture_output=True, cwd=ROOT)
        before = _contents(out)
        for room in rooms:

            def limited(room: int = room) -> None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

            ran = subprocess.run([*command, str(plan)], capture_output=True, text=True, cwd=ROOT, preexec_fn=limited)
            left = sorted(one.name for one in Path(folder).iterdir())
            said = ran.stderr.strip().splitlines()
            if (
                ran.returncode != 2
                or "Traceback" in ran.stderr
                or _contents(out) != before
                or left != ["out", "plan.json"]
            ):
                harm.append(f"{room} bytes: exit {ran.returncode}, {said[-1:]}, {left}")
    told = (
        f"{len(rooms)} exports without room: one line each, the older export as it was" if not harm else "; ".join(harm)
    )
    return {"R5": at_most(len(harm), 0, "exports", told)}


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


PARTS: dict[str, Callable[[bool], dict[str, Finding]]] = {
    "R1": damaged_files,
    "R2": hostile_content,
    "R3": killed_engines,
    "R4": robustness_window.killed_windows,
    "R5": full_disks,
    "R6": robustness_window.long_life,
}


def main() -> int:
    """Try, print, and say by the exit code whether every bar holds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.robustness", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--quick", action="store_true", help="300 files and 5 kills")
    parser.add_argument("--only", nargs="+", choices=tuple(PARTS), help="these bars alone")
    given = parser.parse_args()
    found: dict[str, Finding] = {}
    for name in given.only or PARTS:
        print(f"{name} …", file=sys.stderr, flush=True)
        found |= PARTS[name](given.quick)
    print(json.dumps(found, indent=2, ensure_ascii=False) if given.json else table(found))
    return 0 if all(one["holds"] for one in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
