"""How live the estimates are: exact numbers under a slider, predicted and measured accuracy, stopping, the window.

    python -m benchmarks.live [--json] [--quick] [--mnist FOLDER] [--only L1 …]

Bars L1 to L8 of BARS.md, on four trained networks and an untrained one of 25 million parameters. What the window feels
like (pixels, L7, L8) is measured by `benchmarks.feel`, which this one calls. Times are CPU times of one thread, medians
of blocks in steady state; speeds are ratios against plain eager torch and against looking at every weight again.
With a folder of MNIST's idx files (as `benchmarks.records` takes them) accuracies are judged on samples enough.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks import live_measured, live_predicted, live_speed, live_structure
from benchmarks.bars import Finding, table

ROOT = Path(__file__).parents[1]
PARTS: dict[str, Callable[[bool, Path | None], dict[str, Finding]]] = {
    "L1": lambda quick, _: live_structure.exact(quick),
    "L2": lambda quick, _: live_structure.scale(quick),
    "fit": lambda quick, _: live_structure.fitting(quick),
    "L3": live_predicted.predicted,
    "L4": live_measured.first_numbers,
    "L5": lambda quick, _: live_speed.evaluator(quick),
    "L6": lambda quick, _: live_speed.superseded(quick),
}
WINDOW = "window"
"""The bars of `benchmarks.feel`."""


def main() -> int:
    """Measure, print, and say by the exit code whether every bar holds."""
    given = _arguments()
    torch.set_num_threads(1)
    found: dict[str, Finding] = {}
    for name in given.only or (*PARTS, WINDOW):
        print(f"{name} …", file=sys.stderr, flush=True)
        own = _feel(given.quick) if name == WINDOW else PARTS[name](given.quick, given.mnist)
        print(table(own), file=sys.stderr, flush=True)  # a run takes long: what is known is not lost with the rest
        found |= own
    if given.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        print(table(found))
    return 0 if all(one["holds"] for one in found.values()) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--quick", action="store_true", help="fewer networks, plans and repetitions")
    parser.add_argument("--mnist", type=Path, help="where the idx files of MNIST are, at any depth")
    parser.add_argument("--only", nargs="+", choices=(*PARTS, WINDOW), help="these bars alone")
    return parser.parse_args()


def _feel(quick: bool) -> dict[str, Finding]:
    program = [sys.executable, "-m", "benchmarks.feel", "--json", *(["--quick"] if quick else [])]
    paths = os.pathsep.join(str(ROOT / part) for part in ("core", "gui", "."))
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if not done.stdout:
        raise RuntimeError(f"benchmarks.feel: {done.stderr[-2000:]}")
    found: dict[str, Finding] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    sys.exit(main())
