"""Counts what every kernel of exported C executes, and keeps it as data for the estimate of time.

    python -m benchmarks.kernel_time [CORE ...] [--only KERNEL ...]

Writes `core/penjing/model/c_kernels/kernel_time.json`. Networks of one layer, with weights of 8, 4 and 2 bits and with
most weights zero, run on emulated cores. For each kernel an output takes so many instructions, and more for every row
of its filter and for every weight: fitted to what was counted, with the largest relative error of the fit.
"""

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from penjing.compression.prune import prune
from penjing.estimation.c99_bytes import filter_kernel
from penjing.estimation.finished import state_of
from penjing.estimation.kernel_time import FILE, key_of, shape_of
from penjing.exporting.export import export_model
from penjing.exporting.samples import random_inputs
from penjing.inspection.graph import layer_graph
from penjing.layer_graph import Layer
from penjing.model.c_kernels.code_size import fingerprint
from penjing.model.model import Model
from penjing.model.modules import TransposedConv
from penjing.model.recurrent import GATES, Recurrent
from penjing.plan import Plan
from penjing.verification.c99.tools import ToolMissing
from penjing.verification.runtimes import open_c99
from tests.support.calibration import quantized
from tests.support.networks import network

CORES = ("cortex-m0plus", "cortex-m4", "rv32")
"""One of each kind; the others are told as one of these (`estimation.kernel_time`)."""
RUNS = 2
SPARSITIES = (0.75, 0.9, 0.95)
IMAGES: tuple[tuple[tuple[int, ...], nn.Module], ...] = (
    ((32, 8, 8), nn.Conv2d(32, 32, 3, padding=1)),
    ((16, 16, 16), nn.Conv2d(16, 16, 3, padding=1)),
    ((64, 6, 6), nn.Conv2d(64, 32, 3, padding=1)),
    ((64, 8, 8), nn.Conv2d(64, 64, 1)),
    ((32, 12, 12), nn.Conv2d(32, 64, 1)),
    ((128, 5, 5), nn.Conv2d(128, 128, 1)),
    ((3, 16, 16), nn.Conv2d(3, 16, 3, padding=1)),
    ((1, 28, 28), nn.Conv2d(1, 8, 5)),
    ((24, 40), nn.Conv1d(24, 32, 5)),
)
POINTS: tuple[tuple[tuple[int, ...], nn.Module], ...] = (
    ((128,), nn.Linear(128, 64)),
    ((256,), nn.Linear(256, 64)),
    ((640,), nn.Linear(640, 128)),
)
CHANNELS: tuple[tuple[tuple[int, ...], nn.Module], ...] = (
    ((64, 8, 8), nn.Conv2d(64, 64, 3, padding=1, groups=64)),
    ((16, 16, 16), nn.Conv2d(16, 16, 3, padding=1, groups=16)),
    ((32, 10, 10), nn.Conv2d(32, 32, 5, padding=2, groups=32)),
    ((24, 40), nn.Conv1d(24, 24, 5, groups=24)),
)
GROUPS: tuple[tuple[tuple[int, ...], nn.Module], ...] = (
    ((32, 8, 8), nn.Conv2d(32, 32, 3, padding=1, groups=4)),
    ((16, 16, 16), nn.Conv2d(16, 16, 3, padding=1, groups=2)),
    ((64, 8, 8), nn.Conv2d(64, 64, 1, groups=2)),
    ((64, 6, 6), nn.Conv2d(64, 32, 3, padding=1, groups=2)),
    ((128, 6, 6), nn.Conv2d(128, 64, 1, groups=8)),
    ((24, 40), nn.Conv1d(24, 32, 5, groups=4)),
)


def over(filters: int, inputs: int, kernel: int, stride: int, groups: int = 1) -> nn.Module:
    """A transposed convolution whose result is `stride` times as large."""
    both = ((kernel - stride) // 2,) * 2
    weight = torch.zeros(filters, inputs // groups, kernel, kernel)
    settings = {"output_padding": (0, 0), "dilation": (1, 1), "groups": groups}
    return TransposedConv(weight, torch.zeros(filters), stride=(stride, stride), padding=both, **settings)


def cell(kind: str, features: int, hidden: int) -> nn.Module:
    """A recurrent layer."""
    rows = GATES[kind] * hidden
    state = torch.zeros(hidden) if kind == "gru" else None
    return Recurrent(kind, torch.zeros(rows, features + hidden), torch.zeros(rows), state, last=False)


OVER: tuple[tuple[tuple[int, ...], nn.Module], ...] = (
    ((16, 6, 6), over(16, 16, 2, 2)),
    ((32, 5, 5), over(16, 32, 4, 2)),
    ((8, 8, 8), over(16, 8, 4, 2)),
    ((24, 6, 6), over(8, 24, 3, 1)),
    ((32, 5, 5), over(32, 32, 2, 2, groups=2)),
)
TIMES: tuple[tuple[tuple[int, ...], nn.Module], ...] = tuple(
    ((5, features), cell(kind, features, hidden))
    for kind in GATES
    for features, hidden in ((10, 32), (40, 24), (16, 64))
)


@dataclass(frozen=True, kw_only=True)
class Counted:
    """One layer on one core."""

    key: str
    features: tuple[float, float, float]
    """Of one output: 1, rows, weights."""
    instructions: float
    """Of one output."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Counts, fits, writes, and prints the fit's error by core."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernel_time", description=__doc__.splitlines()[0])
    parser.add_argument("cores", nargs="*", metavar="CORE", help=f"of {', '.join(CORES)}; all without")
    parser.add_argument("--only", nargs="+", default=[""], metavar="KERNEL", help="how the kernels to count begin")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    known: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))["cores"] if FILE.is_file() else {}
    cores = given.cores or list(CORES)
    found: dict[str, list[Counted]] = {core: [] for core in cores}
    for model in subjects():
        for core, counted in count(model, cores, tuple(given.only)):
            found[core].append(counted)
    for core, rows in found.items():
        if rows:
            fresh = {key: fit([one for one in rows if one.key == key]) for key in {row.key for row in rows}}
            known[core] = dict(sorted({**(known.get(core, {}) if given.only != [""] else {}), **fresh}.items()))
            worst = max(one["error"] for one in known[core].values())
            print(f"{core:12} {len(rows)} layers, off by at most {100 * worst:.0f} %")
    document = {
        "made_by": "benchmarks/kernel_time.py",
        "kernels": fingerprint(),
        "cores": {core: known[core] for core in CORES if core in known},
    }
    FILE.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


def subjects() -> Iterator[Model]:
    """Networks of one quantized layer."""
    for shape, layer in (*IMAGES, *POINTS, *CHANNELS, *GROUPS, *OVER, *TIMES):
        loaded = network(shape, [("layer", layer, "x")], seed=0)
        for bits in (8, 4, 2):
            yield quantized(loaded, weight_bits=bits)
        for sparsity in SPARSITIES:
            plan = Plan().with_defaults(sparsity=sparsity)
            yield quantized(prune(loaded, layer_graph(loaded), plan).model)


def count(model: Model, cores: Sequence[str], only: tuple[str, ...] = ("",)) -> Iterator[tuple[str, Counted]]:
    """What a network takes on every core whose tools are here."""
    graph = layer_graph(model)
    (layer,) = graph.layers
    weight = state_of(model, graph).weight(layer)
    kernel = filter_kernel(layer, weight)
    masked = weight.kept < layer.weights
    if not kernel.startswith(only) or (masked and kernel != "conv_sparse"):
        return  # not asked for, or stored in full: counted already
    shape = shape_of(layer, weight, kernel)
    with tempfile.TemporaryDirectory(prefix="penjing-time-") as folder:
        files = export_model(model, Path(folder), format="c99")
        for core, runtime in zip(cores, open_c99(Path(folder) / files[0].path, cores)[1:], strict=True):
            try:
                runtime.run(random_inputs(model, RUNS))
            except ToolMissing as missing:
                print(f"{core}: {missing.tool} is not installed ({missing.packages})", file=sys.stderr)
                continue
            assert runtime.board is not None and runtime.board.counts is not None
            each = runtime.board.counts.instructions / outputs(layer)
            yield core, Counted(key=key_of(layer, kernel), features=(1.0, *shape), instructions=each)


def outputs(layer: Layer) -> int:
    """How many values a layer makes."""
    assert layer.weight_shape is not None
    return layer.macs // math.prod(layer.weight_shape[1:])


def fit(rows: Sequence[Counted]) -> Mapping[str, Any]:
    """Instructions an output, a row and a weight: least squares of the relative error, none of them negative."""
    wanted = np.array([row.instructions for row in rows])
    features = np.array([row.features for row in rows]) / wanted[:, None]
    used = [0, 1, 2]
    while True:
        found, *_ = np.linalg.lstsq(features[:, used], np.ones(len(rows)), rcond=None)
        if (found >= 0).all():
            break
        used.remove(used[int(found.argmin())])
    costs = np.zeros(3)
    costs[used] = found
    error = float(np.abs(features @ costs - 1).max())
    return {"costs": [round(float(cost), 2) for cost in costs], "error": round(error, 3)}


if __name__ == "__main__":
    sys.exit(main())
