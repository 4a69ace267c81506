"""What compression costs in accuracy, beside the plain recipe, torch-pruning and onnxruntime's static quantization.

    python -m benchmarks.quality [--json] [--quick] [--only BAR]

Bars Q1 to Q6, T3 and T4 of BARS.md, on both samples and on a ResNet-20 that is trained here on the digits once. Every
network of ours is what a plan makes (`run_plan`) whose methods are those of `planning.recipe`, without labels, from at
most 256 training inputs and what 256 validation inputs say of a candidate. Peers have the best of their variants,
chosen on the validation split. Figures are of the test split. A bar has many parts; its value is that of the worst.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

from benchmarks.quality_parts import Part, finding
from benchmarks.quality_subjects import SAMPLES, TRAINED, Subject, subject
from benchmarks.quality_training import distillation, quantized_training
from benchmarks.quality_untrained import (
    channels_removed,
    low_bits,
    packed_files,
    peers_beaten,
    static_quantization,
    weights_zeroed,
)

BARS: dict[str, tuple[str, Callable[..., Iterator[Part]]]] = {
    "Q1": ("pp of accuracy lost with weights of few bits", low_bits),
    "Q2": ("pp lost in integers, against onnxruntime's static quantization", static_quantization),
    "Q3": ("pp lost with weights set to zero", weights_zeroed),
    "Q4": ("pp lost with inner channels removed, against ℓ₂ alone", channels_removed),
    "Q5": ("pp more than torch-pruning, and than onnxruntime at equal bytes", peers_beaten),
    "Q6": ("of the int8 file's weight bytes", packed_files),
    "T3": ("pp more than the student trained alone", distillation),
    "T4": ("pp more than the same bits without training", quantized_training),
}


def main() -> int:
    """Measure, print, and say by the exit code whether every bar holds; of a quick run, only whether it ran."""
    given = _arguments()
    torch.set_num_threads(1)
    subjects = [subject(name) for name in (("digits",) if given.quick else (*SAMPLES, TRAINED))]
    found = measured(subjects, quick=given.quick, only=given.only)
    if given.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        _table(found)
    return 0 if given.quick or all(one["holds"] for one in found.values()) else 1


def measured(subjects: list[Subject], *, quick: bool = False, only: list[str] | None = None) -> dict[str, Any]:
    """Every bar, or those of `only`, by identifier."""
    found = {}
    for bar, (unit, parts) in BARS.items():
        if only and bar not in only:
            continue
        started, heard = time.process_time(), []
        for one in subjects:
            for part in parts(one, quick=quick):
                heard.append(part)
                print(f"{bar} {one.name:9} {part}", file=sys.stderr, flush=True)
        print(f"{bar} took {time.process_time() - started:.0f} CPU s", file=sys.stderr, flush=True)
        found[bar] = finding(heard, unit)
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--quick", action="store_true", help="one network and one part of each bar")
    parser.add_argument("--only", action="append", choices=list(BARS), help="this bar alone; may be repeated")
    return parser.parse_args()


def _table(found: dict[str, Any]) -> None:
    for bar, one in found.items():
        mark = "holds" if one["holds"] else "FAILS"
        print(f"{bar}  {mark}  worst {one['value']:.2f}, bar {one['bar']:.2f} {one['unit']}")
        for part in one["detail"]["parts"]:
            print(f"    {part['text']}")


if __name__ == "__main__":
    sys.exit(main())
