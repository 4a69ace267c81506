"""What kernels that compute in several steps are told, and what they make of it; and the rounding between steps.

Between steps values are whole numbers of 2^-n: they are rounded half up there, `(v + 2^(n-1)) >> n`, on screen as in C.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from penjing.model.operators.integer_reference import Attributes, FloatArray, IntArray, Shape


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a kernel computes with."""

    attributes: Attributes
    tensors: Mapping[str, Tensor]
    shape: Shape
    """Of its input."""
    scale: float
    """Of its input's codes …"""
    reach: int
    """… and the largest size that these, centred, have."""
    weight: IntArray | None = None
    """Centred codes [out, …], where its weight is quantized …"""
    weight_scale: FloatArray | None = None
    """… and their scales, [] or [out]."""


@dataclass(frozen=True, kw_only=True)
class Steps:
    """What it needs, and what its sums then are."""

    attributes: Attributes
    """Integers that its reference and its C read beside the layer's own attributes."""
    scale: float
    """The real value of 1 in its sums."""
    bound: int
    """The largest size of a sum."""


Prepare = Callable[[Told], Steps | None]
"""None: its sums would not fit, and the layer stays float."""


def halved(values: IntArray, bits: int) -> IntArray:
    """round(values / 2^bits), half up."""
    return np.asarray((values + (1 << (bits - 1))) >> bits)


EXPONENTIAL_BITS = 23
"""Of exp(-S d), which is at most 1."""
LOGARITHM_UNIT = 1 << 16
_MANTISSA_BITS, _LARGEST_SHIFT = 30, 62
_LARGEST_LOGARITHM = 1 << 29


def exponentials(scale: float, count: int) -> IntArray:
    """exp(-S d) in 1/2^23, for d from 0 up."""
    distances = np.arange(count, dtype=np.float64)
    return np.asarray(np.rint(np.exp(-np.float64(scale) * distances) * 2.0**EXPONENTIAL_BITS), np.int64)


def prepare_log_softmax(told: Told) -> Steps | None:
    """S as a multiplier, and the exponentials of all distances of codes."""
    unit = told.scale * LOGARITHM_UNIT
    down = int(np.clip(_MANTISSA_BITS - math.frexp(unit)[1], 1, _LARGEST_SHIFT))
    reach = 2 * told.reach
    if unit * reach > _LARGEST_LOGARITHM or math.ldexp(unit, down) >= 1 << 31:
        return None
    attributes = {
        "exponentials": exponentials(told.scale, reach + 1),
        "step": round(math.ldexp(unit, down)),
        "down": down,
    }
    return Steps(attributes=attributes, scale=1 / LOGARITHM_UNIT, bound=1 << 30)
