"""Makes the environment that Penjing runs in: one for each build of the package, whole or made again."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import told

ROOM = 2_200_000_000
"""Bytes that an environment with the CPU build of torch takes while it is made (measured: 1.5e9 when it is there)."""
CUDA_ROOM = 9_000_000_000
"""The same with the CUDA build and the packages it needs."""
_STAMP = "penjing-set-up"
_CHECK = "import PySide6.QtWidgets, msgspec, numpy, onnx, onnxruntime, pyqtgraph, torch, penjing.plan, penjing_gui.app"
"""What fails where a library is missing on the system, or a download was cut off."""

Say = Callable[[str], None]


class SetUpError(Exception):
    """What went wrong; `hint`: what to do."""

    def __init__(self, text: str, hint: str) -> None:
        super().__init__(text)
        self.hint = hint


@dataclass(frozen=True)
class Place:
    """Where the package lies and where its environment goes."""

    package: Path
    environment: Path

    @classmethod
    def here(cls) -> "Place":
        """Of this very launcher, and of the person who runs it."""
        package = Path(__file__).resolve().parents[1]
        bundled = package / "environment"
        if bundled.is_dir():
            return cls(package, bundled)
        build = (package / "build").read_text("utf-8").strip()
        version = ".".join(map(str, sys.version_info[:2]))
        return cls(package, _data_folder() / "environments" / f"{build}-python{version}")

    @property
    def python(self) -> Path:
        """The interpreter of the environment."""
        return self.environment / "bin" / "python"

    @property
    def wheel(self) -> Path:
        """Penjing itself."""
        return next(self.package.glob("penjing-*.whl"))

    @property
    def log(self) -> Path:
        """What pip said."""
        return self.environment.parent / "set-up.log"

    def ready(self) -> bool:
        """Whether it was made to its end."""
        return (self.environment / _STAMP).is_file() and self.python.exists()


class CancelledError(Exception):
    """The person gave up."""


def set_up(place: Place, say: Say, cancelled: threading.Event | None = None) -> None:
    """Make the environment, telling each step.

    Raises:
        SetUpError: No room, no network, no package that fits; what to do is in it.
        CancelledError: `cancelled` was set; nothing is left.
    """
    cancelled = cancelled or threading.Event()
    try:
        place.environment.parent.mkdir(parents=True, exist_ok=True)
        with _alone(place, say):
            if place.ready():  # another start did it while this one waited
                return
            try:
                _make(place, say, cancelled)
            except BaseException:
                shutil.rmtree(place.environment, ignore_errors=True)
                raise
            _remove_others(place)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SetUpError(told.text("disk").format(reason=reason), _where(place)) from error


def build_of_torch(place: Place) -> bool:
    """Whether pip is offered a CPU build of torch: only such a build carries this label."""
    pin = re.search(r"^torch==(\S+)$", (place.package / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    assert pin is not None
    ask = [str(place.python), *_PIP, "--dry-run", "--no-deps", f"torch=={pin[1]}+cpu"]
    return subprocess.run(ask, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


_NOTHING = "No matching distribution"
"""How pip says that its index has no such package, or that there is no index."""
_PIP = ("-m", "pip", "install", "--no-input", "--disable-pip-version-check")


def _make(place: Place, say: Say, cancelled: threading.Event) -> None:
    _want_room(place, ROOM)
    say(told.text("creating"))
    _run([sys.executable, "-m", "venv", "--clear", str(place.environment)], place, lambda line: None, cancelled)
    say(told.text("asking"))
    if not build_of_torch(place):
        _want_room(place, CUDA_ROOM)
        say(told.text("cuda"))
    install = [str(place.python), *_PIP, "--constraint", str(place.package / "constraints.txt")]

    def hear(line: str) -> None:
        if step := step_of(line):
            say(step)

    _run([*install, f"{place.wheel}[search]"], place, hear, cancelled)
    say(told.text("checking"))
    _run([str(place.python), "-P", "-c", _CHECK], place, lambda line: None, cancelled)
    (place.environment / _STAMP).touch()


def step_of(line: str) -> str:
    """What a line of pip means for a person; empty: nothing new."""
    if found := re.match(r"\s*(?:Downloading|Obtaining) (?:\S*/)?([A-Za-z0-9_.]+)-\S+(?: \(([^)]+)\))?", line):
        size = f" ({found[2]})" if found[2] else ""
        return told.text("downloading").format(name=found[1] + size)
    if found := re.match(r"Processing (?:\S*/)?([A-Za-z0-9_.]+)-\S+", line):
        return told.text("taking").format(name=found[1])
    if "WARNING: Retrying" in line:
        return told.text("retrying")
    if line.startswith("Installing collected packages"):
        return told.text("installing").format(count=line.count(",") + 1)
    return ""


def _run(command: list[str], place: Place, hear: Callable[[str], None], cancelled: threading.Event) -> None:
    """One step, of which the log keeps every line."""
    last = wanted = ""
    with place.log.open("a", encoding="utf-8") as log, _process(command) as process:
        watch = threading.Thread(target=_end_when, args=(process, cancelled), daemon=True)
        watch.start()
        assert process.stdout is not None
        for line in process.stdout:
            log.write(line)
            hear(line)
            if line.startswith(("ERROR", "error", "ModuleNotFoundError", "ImportError", "OSError")):
                last = line.strip().removeprefix("ERROR: ")
            elif found := re.search(r"The user requested \(constraint\) (\S+)", line):
                wanted = found[1]
        code = process.wait()
    if cancelled.is_set():
        raise CancelledError
    if code and wanted:  # pip calls it a conflict that its index has no such file
        raise SetUpError(told.text("nothing").format(name=wanted), _advice(place, _NOTHING))
    if code:
        raise SetUpError(last or told.text("ended").format(code=code), _advice(place, last))


def _process(command: list[str]) -> "subprocess.Popen[str]":
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONHOME", "PIP_USER")}
    return subprocess.Popen(
        command,
        env={**environment, "PYTHONUNBUFFERED": "1", "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def _end_when(process: "subprocess.Popen[str]", cancelled: threading.Event) -> None:
    while process.poll() is None:
        if cancelled.wait(0.2):
            process.terminate()
            return


def _advice(place: Place, reason: str) -> str:
    if _NOTHING in reason or "Could not find a version" in reason:
        said = told.text("offline")
    elif "No space left" in reason:
        said = told.text("room-hint")
    elif "cannot open shared object" in reason:
        said = told.text("library")
    else:
        said = told.text("again")
    return f"{said} {told.text('log').format(path=place.log)}"


def _where(place: Place) -> str:
    return told.text("where").format(folder=_data_folder())


def _want_room(place: Place, wanted: int) -> None:
    free = shutil.disk_usage(place.environment.parent).free
    if free < wanted:
        text = told.text("room").format(wanted=f"{wanted / 1e9:.1f}", free=f"{free / 1e9:.1f}")
        raise SetUpError(text, f"{told.text('room-hint')} {_where(place)}")


@contextmanager
def _alone(place: Place, say: Say) -> Iterator[None]:
    """One set-up at a time: a second start waits for the first."""
    with (place.environment.parent / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(told.text("waiting"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_others(place: Place) -> None:
    """Environments of earlier versions, unless something still runs in them."""
    running = b"\0".join(_command_lines())
    for other in place.environment.parent.iterdir():
        if other.is_dir() and other != place.environment and os.fsencode(other) not in running:
            shutil.rmtree(other, ignore_errors=True)


def _command_lines() -> Iterator[bytes]:
    for found in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield found.read_bytes()
        except OSError:  # it has ended
            continue


def _data_folder() -> Path:
    home = os.environ.get("PENJING_HOME")
    if home:
        return Path(home).absolute()
    data = os.environ.get("XDG_DATA_HOME", "")
    return (Path(data) if data.startswith("/") else Path.home() / ".local" / "share") / "penjing"
