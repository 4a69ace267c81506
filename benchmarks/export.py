"""Whether exports compute, take and cost what was on screen: on the host, on seven emulated cores, in onnxruntime.

    python -m benchmarks.export [--json] [--quick]

Bars E1 to E4 of BARS.md (E5: `python -m benchmarks.latency`). The subjects are both samples, calibrated on their own
data, and the four networks of MLPerf Tiny with random weights; all with 8 bits, the samples with 4 bits for weights and
with three quarters zeros, too. Every one is exported as a user would, compiled, linked and run. A core whose tools are
not installed is named, and E1 does not hold without those that the bar names.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.tiny_networks import NETWORKS
from penjing.compression.simulation import simulate
from penjing.devices.cores import TITLES
from penjing.estimation.finished import state_of
from penjing.estimation.measured import accuracy_of, classes_of
from penjing.exporting.export import export_model
from penjing.exporting.samples import random_inputs
from penjing.inspection.graph import layer_graph
from penjing.loading.data import open_data
from penjing.loading.dataset import Dataset
from penjing.loading.open import open_model
from penjing.model.model import Model
from penjing.pipeline.run import run_plan
from penjing.plan import Plan
from penjing.verification.c99.tools import ToolMissing
from penjing.verification.host import saturating_kernels
from penjing.verification.linked import RAM, estimates
from penjing.verification.runtimes import open_c99, open_onnx, reference
from tests.support.calibration import quantized

CMSIS_NN = {"resnet8": 30.2e6, "dscnn": 7.8e6, "mobilenet": 24.8e6, "autoencoder": 0.58e6}
"""Instructions an inference on a Cortex-M4 (BARS.md)."""
MOST_TIMES, MOST_ERROR, LEAST_AGREEMENT = 1.5, 2.0, 0.999
NEEDED = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "rv32")
SAMPLES = ("watch", "digits")
HOST_INPUTS, ONNX_INPUTS = 64, 256
QUICK_CORES = ("cortex-m0plus", "cortex-m4", "rv32")

Finding = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One quantized network; `data` is that of a sample."""

    name: str
    model: Model
    data: Dataset | None = None

    def inputs(self, count: int) -> torch.Tensor:
        """Real inputs: of the test split, or random ones."""
        if self.data is None:
            return random_inputs(self.model, count)[0]
        return self.data.batch(self.data.test, slice(0, count))


@dataclass(kw_only=True)
class Seen:
    """Everything measured so far."""

    differences: dict[str, int] = field(default_factory=dict)
    """By subject and machine: results that are not the integer reference's."""
    flash: dict[str, float] = field(default_factory=dict)
    """By subject and core: percent beside the estimate."""
    arena: dict[str, int] = field(default_factory=dict)
    """By subject and core: bytes beside the estimate."""
    instructions: dict[str, dict[str, int]] = field(default_factory=dict)
    stack: dict[str, int] = field(default_factory=dict)
    """By core, the largest of all subjects."""
    missing: dict[str, str] = field(default_factory=dict)
    onnx: dict[str, str] = field(default_factory=dict)
    onnx_wrong: int = 0


def main() -> int:
    """Measure, print, and say by the exit code whether every bar holds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--quick", action="store_true", help="one sample, two small networks and three cores")
    given = parser.parse_args()
    torch.set_num_threads(1)
    seen, cores = Seen(), QUICK_CORES if given.quick else tuple(TITLES)
    for subject in subjects(quick=given.quick):
        print(f"{subject.name} …", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="penjing-export-") as folder:
            _c99(subject, Path(folder), cores, seen)
            _onnx(subject, Path(folder), seen)
    found = findings(seen, cores)
    if given.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        _table(found)
    return 0 if all(one["holds"] for one in found.values()) else 1


def subjects(*, quick: bool) -> Iterator[Subject]:
    """The samples and the networks of MLPerf Tiny."""
    for name in SAMPLES[:1] if quick else SAMPLES:
        model = open_model(f"sample:{name}")
        data = open_data(f"sample:{name}", model=model)
        for bits, zeros in ((8, 0.0), (4, 0.0), (8, 0.75)):
            plan = Plan().with_defaults(weight_bits=bits, activation_bits=8, sparsity=zeros)
            named = f"{name} {bits} bits" + (f" {100 * zeros:g} % zeros" if zeros else "")
            yield Subject(name=named, model=run_plan(model, plan, data).model, data=data)
    for name in ("dscnn", "autoencoder") if quick else NETWORKS:
        yield Subject(name=name, model=quantized(NETWORKS[name]()))


def _c99(subject: Subject, folder: Path, cores: Sequence[str], seen: Seen) -> None:
    model, inputs = subject.model, subject.inputs(HOST_INPUTS)
    graph = layer_graph(model)
    predicted = estimates(graph, state_of(model, graph))
    files = export_model(model, folder, format="c99")
    wanted = reference(model).run((inputs,))[0]
    for runtime in open_c99(folder / files[0].path, cores):
        taken = inputs[: runtime.limit]
        try:
            answers = runtime.run((taken,))[0]
        except ToolMissing as missing:
            seen.missing[runtime.variant] = f"{missing.tool} is not installed: {missing.packages}"
            continue
        key = f"{subject.name}, {runtime.variant}"
        seen.differences[key] = int((answers != wanted[: len(taken)]).sum())
        counts = None if runtime.board is None else runtime.board.counts
        if counts is None or runtime.board is None:
            continue
        seen.flash[key] = 100 * (counts.flash / predicted[f"flash:{runtime.board.board.core}"] - 1)
        seen.arena[key] = counts.arena - predicted[RAM]
        seen.instructions.setdefault(subject.name, {})[runtime.variant] = counts.instructions
        seen.stack[runtime.variant] = max(counts.stack, seen.stack.get(runtime.variant, 0))


def _onnx(subject: Subject, folder: Path, seen: Seen) -> None:
    """On all of the test data of a sample: the file's accuracy against the interval of the screen's."""
    files = export_model(subject.model, folder, format="onnx-int8")
    labels = None if subject.data is None else subject.data.test.y
    inputs = subject.inputs(ONNX_INPUTS if labels is None else len(labels))
    screen = classes_of(simulate(subject.model)(inputs))
    for runtime in open_onnx(folder / files[0].path):
        chosen = classes_of(runtime.run((inputs,))[0])
        key = f"{subject.name}, {runtime.variant}"
        agreement = float(np.mean(chosen == screen))
        if labels is None or subject.data is None:
            right, told = agreement >= LEAST_AGREEMENT, f"agrees with the screen on {100 * agreement:.2f} %"
        else:
            shown, own = (
                accuracy_of(found == labels, groups=subject.data.test.groups, metric="top1", split="test")
                for found in (screen, chosen)
            )
            right = shown.low <= own.value <= shown.high
            interval = f"{100 * shown.low:.1f} to {100 * shown.high:.1f}"
            told = f"{100 * own.value:.2f} % (screen {100 * shown.value:.2f}, {interval})"
        seen.onnx[key] = told
        seen.onnx_wrong += not right


def findings(seen: Seen, cores: Sequence[str]) -> dict[str, Finding]:
    """The bars."""
    needed = [TITLES[core] for core in NEEDED if core in cores]
    tried = {key.rsplit(", ", 1)[1] for key in seen.differences}
    wrong = sum(seen.differences.values())
    ratios = {
        name: found[TITLES["cortex-m4"]] / CMSIS_NN[name]
        for name, found in seen.instructions.items()
        if name in CMSIS_NN and TITLES["cortex-m4"] in found
    }
    worst = max(seen.flash, key=lambda key: abs(seen.flash[key]), default="")
    flash = abs(seen.flash.get(worst, 0.0))
    return {
        "E1": {
            "value": wrong,
            "bar": 0,
            "unit": "results that differ from the integer reference",
            "holds": wrong == 0 and all(title in tried for title in needed) and "host compiler" in tried,
            "detail": {
                "networks and machines": len(seen.differences),
                "machines": sorted(tried),
                "not tried": seen.missing,
                "differ": {key: count for key, count in seen.differences.items() if count},
            },
        },
        "E2": {
            "value": round(flash, 3),
            "bar": MOST_ERROR,
            "unit": "% flash beside the estimate, at worst; RAM as estimated",
            "holds": bool(seen.flash) and flash <= MOST_ERROR and not any(seen.arena.values()),
            "detail": {
                "worst": worst,
                "mean, %": round(float(np.mean([abs(error) for error in seen.flash.values()] or [0])), 3),
                "RAM differs": {key: count for key, count in seen.arena.items() if count},
                "largest stack, bytes": seen.stack,
            },
        },
        "E3": {
            "value": round(max(ratios.values(), default=0.0), 3),
            "bar": MOST_TIMES,
            "unit": "× the instructions of CMSIS-NN on a Cortex-M4, at worst",
            "holds": bool(ratios) and max(ratios.values()) <= MOST_TIMES,
            "detail": {
                "times": {name: round(ratio, 3) for name, ratio in ratios.items()},
                **{name: _millions(found) for name, found in seen.instructions.items()},
            },
        },
        "E4": {
            "value": seen.onnx_wrong,
            "bar": 0,
            "unit": "ONNX files whose accuracy is not the screen's ± its interval",
            "holds": bool(seen.onnx) and not seen.onnx_wrong,
            "detail": {**seen.onnx, "this processor's 8-bit kernels saturate": saturating_kernels()},
        },
    }


def _millions(found: Mapping[str, int]) -> str:
    return ", ".join(f"{title} {count / 1e6:.2f} M" for title, count in found.items())


def _table(found: Mapping[str, Finding]) -> None:
    for bar, one in found.items():
        print(f"{bar}  {one['value']} {one['unit']} (bar ≤ {one['bar']})  {'holds' if one['holds'] else 'MISSED'}")
        for name, value in one["detail"].items():
            print(f"    {name:42} {value}")


if __name__ == "__main__":
    sys.exit(main())
