"""How long the kernels of exported C take beside those for which rates were published; torch-free.

Rates of a device belong to dense weights of 8 bits. Weights that are packed, that are stored sparse, or that need the
general kernel take another time: in the ratio of instructions, counted on emulated cores (`benchmarks/kernel_time.py`).
"""

import functools
import json
import math
from pathlib import Path
from typing import Any

from penjing.devices.cores import STAND_IN, core_of
from penjing.devices.profiles import Device
from penjing.estimation.c99_bytes import filter_kernel
from penjing.estimation.state import FILTERED, WeightState
from penjing.layer_graph import Layer
from penjing.model.c_kernels import code_size
from penjing.model.c_kernels.sparse import KERNEL as SPARSE

FILE = Path(code_size.__file__).with_name("kernel_time.json")
RATIO_BAND = 0.25
"""What the ratio adds to a band: the fit's own error, and that instructions of two kernels take unlike times."""
_USUAL = {"depthwise": "depthwise_8bit"}
_COUNTED_AS = dict.fromkeys(("cortex-m3", "cortex-m7", "cortex-m33", "cortex-m55"), "cortex-m4")
"""Cores on which the same C becomes as many instructions, within a few percent of the ratio."""


def slowdown(layer: Layer, weight: WeightState, device: Device) -> float:
    """How many times what dense weights of 8 bits take a layer in integers takes on a device; 1 where that is known.

    Only exported C unpacks and skips weights: other runtimes take what their rates say.
    """
    if not device.brings_c or layer.weight_kind not in FILTERED or layer.weight_shape is None:
        return 1.0
    kernel = filter_kernel(layer, weight)
    usual = _USUAL.get(kernel.partition("_")[0], "conv_8bit")
    if kernel == usual:
        return 1.0
    core = core_of(device) or STAND_IN
    costs = _costs()[_COUNTED_AS.get(core, core)]
    key, dense = key_of(layer, kernel), key_of(layer, usual)
    own = _instructions(costs[key]["costs"], shape_of(layer, weight, kernel))
    return own / _instructions(costs[dense]["costs"], shape_of(layer, weight, usual))


def key_of(layer: Layer, kernel: str) -> str:
    """The name of a kernel's costs: layers of one position take one window at a time, others two."""
    # A recurrent layer meets its weights once a step, as a linear one does.
    positions = 1 if layer.kind == "recurrent" else layer.macs // max(layer.weights, 1)
    return f"{kernel}, one position" if positions <= 1 and kernel in ("conv_8bit", SPARSE) else kernel


def shape_of(layer: Layer, weight: WeightState, kernel: str) -> tuple[float, float]:
    """What an output of a layer reads: rows of its filter, and weights."""
    assert layer.weight_shape is not None
    filters, _, *kernel_shape = (*layer.weight_shape, 1, 1)[:4] if len(layer.weight_shape) > 1 else (1, 1, 1, 1)
    rows = kernel_shape[0] if len(layer.weight_shape) == 4 else 1
    read = weight.kept if kernel == SPARSE else layer.weights
    return float(rows), read / max(filters, 1)


def _instructions(costs: tuple[float, float, float], shape: tuple[float, float]) -> float:
    return math.fsum((costs[0], costs[1] * shape[0], costs[2] * shape[1]))


@functools.cache
def _costs() -> Any:
    return json.loads(FILE.read_text(encoding="utf-8"))["cores"]


def is_current() -> bool:
    """Whether the kernels are still those that were counted."""
    return bool(json.loads(FILE.read_text(encoding="utf-8"))["kernels"] == code_size.fingerprint())
