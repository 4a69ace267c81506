"""Whether the networks that people bring open from whatever wrote them, and go the whole way to a verified file.

    python -m benchmarks.breadth [--json] [--only NETWORK-OR-SOURCE …] [--sources-only]

Every network of `tests/support/zoo.py` as every kind of file of `tests/support/sources.py` is opened, compared with
onnxruntime (with onnx's reference or torch where onnxruntime has no kernels), shown and estimated; from five of the
sources it is pruned both ways, quantized, taught, exported and verified, too. What goes wrong is printed, one line a
file, and then the totals. A run takes three quarters of an hour of one processor.
"""

import argparse
import json
import logging
import math
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch

from benchmarks.bars import Finding, at_most, table
from benchmarks.breadth_trial import COUNTS, WORKS, Trial, tried
from tests.support.sources import SOURCES, NotWrittenError
from tests.support.zoo import ZOO

LARGEST_SIZE_ERROR = 0.02
WORKED = ("opset 17", "all axes open", "newer exporter", "float16", ".pt2")
"""Sources from which whole jobs are done, where none is named: what the others open is the same layers."""


def main(arguments: list[str] | None = None) -> int:
    """Try, print, and say by the exit code whether every bar holds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.breadth", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    known = (*ZOO, *SOURCES, *WORKS)
    parser.add_argument(
        "--only", nargs="+", choices=known, default=(), metavar="NAME", help="these networks, sources and jobs alone"
    )
    parser.add_argument("--sources-only", action="store_true", help="no jobs: open, compare and estimate")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    works = () if given.sources_only else _chosen(WORKS, given.only)
    sources = _chosen(SOURCES, given.only)
    worked = sources if set(given.only) & set(SOURCES) else WORKED
    trials, unwritten = matrix(_chosen(ZOO, given.only), {name: works if name in worked else () for name in sources})
    found = findings(trials, unwritten)
    print(json.dumps(found, indent=2, ensure_ascii=False) if given.json else f"{failures(trials)}{table(found)}")
    return 0 if all(one["holds"] for one in found.values()) else 1


def _chosen(known: Iterable[str], only: Sequence[str]) -> list[str]:
    return [name for name in known if name in only] or list(known)


def matrix(names: Sequence[str], sources: Mapping[str, Sequence[str]]) -> tuple[list[Trial], list[str]]:
    """Every network from every source, with the jobs of each, and what exporters of torch themselves refuse."""
    trials: list[Trial] = []
    unwritten: list[str] = []
    for name in names:
        for title, works in sources.items():
            with tempfile.TemporaryDirectory(prefix="penjing-breadth-") as folder:
                try:
                    path = SOURCES[title].write(name, Path(folder))
                except NotWrittenError as reason:
                    unwritten.append(f"{name} as {title}: {reason}")
                    print(unwritten[-1], file=sys.stderr, flush=True)
                    continue
                trial = tried(name, title, SOURCES[title], path, works=works)
            trials.append(trial)
            mark = "; ".join(f"{what}: {why}" for what, why in trial.failed.items()) or "holds"
            print(f"{name}, {title}: {mark}", file=sys.stderr, flush=True)
    return trials, unwritten


def findings(trials: Sequence[Trial], unwritten: Sequence[str]) -> dict[str, Finding]:
    """The totals as bars."""
    opened = [one for one in trials if one.opened]
    judges = Counter(one.judge for one in opened)
    told = ", ".join(f"{count} by {judge}" for judge, count in judges.most_common())
    found = {
        "opened": at_most(
            len(trials) - len(opened),
            0,
            "files",
            f"not opened, of {len(trials)} files of {len({one.network for one in trials})} networks; "
            f"{len(unwritten)} more that torch itself does not write; "
            f"{sum(one.layers for one in opened)} layers, {sum(one.compressible for one in opened)} with weights, "
            f"{sum(one.groups for one in opened)} groups of filters",
        )
    }
    for count in COUNTS:
        if not opened:
            break
        worst = max(opened, key=lambda one: _share(one, count))
        found[f"parity of {count}"] = at_most(
            _share(worst, count),
            1,
            "of bound",
            f"{_difference(worst, count):.1e} of the largest answer: {worst.network}, {worst.source}; told {told}",
        )
    found["estimated"] = at_most(
        sum(not one.estimated for one in opened), 0, "files", f"not estimated, of {len(opened)} that opened"
    )
    passed = sum(len(one.passed) for one in trials)
    if passed or any(set(one.failed) & set(WORKS) for one in trials):
        broken = sum(len(set(one.failed) & set(WORKS)) for one in trials)
        refused = Counter(reason.split(":")[0] for one in trials for reason in one.refused.values())
        reasons = ", ".join(f"{count} {code}" for code, count in refused.most_common())
        found["jobs"] = at_most(
            broken, 0, "jobs", f"failed; {passed} passed, {refused.total()} refused with reason ({reasons or 'none'})"
        )
        sizes = [abs(one.size_error) for one in trials]
        found["estimated bytes"] = at_most(
            100 * max(sizes), 100 * LARGEST_SIZE_ERROR, "%", "away from the bytes of the worst of the exported files"
        )
    return found


def _difference(trial: Trial, count: int) -> float:
    return trial.differences.get(count, math.inf)


def _share(trial: Trial, count: int) -> float:
    """Of how far a file may be from what runs it: float16 computes more coarsely than the screen."""
    return _difference(trial, count) / trial.within


def failures(trials: Sequence[Trial]) -> str:
    """One line a failure."""
    rows = [
        f"{trial.network:26} {trial.source:28} {what}: {why}\n"
        for trial in trials
        for what, why in trial.failed.items()
    ]
    return "".join(rows)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # exporters talk of themselves
    sys.exit(main())
