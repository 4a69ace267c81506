"""Norms whose statistics are those of the example, in whole numbers: mean and variance of codes are exact.

With N codes c, d = N c - Σc and V = N Σc² - (Σc)² the normalized value is d / √(V + N² ε / S²): a whole root and one
division, rounded to 29 bits (Ba 2016, arXiv:1607.06450; Wu 2018, arXiv:1803.08494). Then γ and β.
"""

import math

import numpy as np

from penjing.model.operators.integer_reference import Attributes, FloatArray, Inputs, IntArray, Shape
from penjing.model.operators.integer_steps import Steps, Told, halved

BITS = 28
"""Of a normalized value, without its sign."""
FACTOR_BITS = 29
"""Of the largest γ."""
SUM_BITS = 29
"""Of γ x + β."""
_EPSILON_BITS = 30
_LARGEST_EPSILON = 2.0**58
_MOST_VALUES = 1 << 20
"""Of one mean: their sums of squares fit 64 bits."""
_ROOT_BITS = 62
_MOST_BITS = 60


def prepare_layer_norm(told: Told) -> Steps | None:
    """Over the last axis; γ and β one a feature."""
    return _prepare(told, told.shape[-1])


def prepare_group_norm(told: Told) -> Steps | None:
    """Over the channels of a group and all positions; γ and β one a channel."""
    return _prepare(told, math.prod(told.shape[1:]) // int(told.attributes["groups"]))


def _prepare(told: Told, count: int) -> Steps | None:
    epsilon = float(told.attributes["eps"]) * count**2 / told.scale**2
    if count > _MOST_VALUES or epsilon > _LARGEST_EPSILON:
        return None
    shift = max(0, math.frexp(epsilon)[1] - _EPSILON_BITS)
    fraction = BITS - math.ceil(math.log2(max(count, 1)) / 2)
    weight, bias = (told.tensors[name].numpy().astype(np.float64) for name in ("weight", "bias"))
    largest = float(np.abs(weight).max(initial=0))
    factor_bits = FACTOR_BITS - math.frexp(largest)[1] if largest > 0 else 0
    reach = largest * math.sqrt(count) + float(np.abs(bias).max(initial=0))
    exponent = SUM_BITS - math.frexp(reach)[1] if reach > 0 else 0
    exponent = min(exponent, fraction + factor_bits - 1)
    down = fraction + factor_bits - exponent
    attributes: Attributes = {
        "epsilon": round(math.ldexp(epsilon, -shift)),
        "epsilon_shift": shift,
        "fraction": fraction,
        "factors": _whole(weight, factor_bits),
        "offsets": _whole(bias, exponent),
        "down": down,
    }
    if down > _MOST_BITS:  # all factors are as good as 0
        return None
    return Steps(attributes=attributes, scale=math.ldexp(1.0, -exponent), bound=1 << (SUM_BITS + 1))


def _whole(values: FloatArray, bits: int) -> IntArray:
    found: IntArray = np.rint(np.ldexp(values, bits)).astype(np.int64)
    return found


def layer_norm(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """γ x + β in units that the lowering has chosen, of rows along the last axis."""
    return _affine(attributes, _normalized(attributes, inputs[0]), (-1,))


def group_norm(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """The same of groups of channels."""
    values = inputs[0]
    rows = values.reshape(len(values), int(attributes["groups"]), -1)
    return _affine(attributes, _normalized(attributes, rows).reshape(values.shape), (-1, *(1,) * (values.ndim - 2)))


def _affine(attributes: Attributes, values: IntArray, shape: Shape) -> IntArray:
    factors, offsets = (np.asarray(attributes[name]).reshape(shape) for name in ("factors", "offsets"))
    return np.asarray(halved(values * factors, int(attributes["down"])) + offsets)


def _normalized(attributes: Attributes, rows: IntArray) -> IntArray:
    """round(2^fraction · d / √W), halves away from 0, of rows along the last axis."""
    count, total = rows.shape[-1], rows.sum(axis=-1, keepdims=True)
    wide = count * (rows * rows).sum(axis=-1, keepdims=True) - total * total
    wide = wide + (int(attributes["epsilon"]) << int(attributes["epsilon_shift"]))
    doubled = (_ROOT_BITS - _bit_length(wide)) & ~1  # even, so that the root is shifted by half of it
    root = _root(wide << doubled)
    distance = (count * rows - total) << (int(attributes["fraction"]) + doubled // 2)
    size = (np.abs(distance) + root // 2) // np.maximum(root, 1)
    return np.asarray(np.where(distance < 0, -size, size))


def _bit_length(values: IntArray) -> IntArray:
    """Of whole numbers from 0 up."""
    bits = np.frexp(values.astype(np.float64))[1].astype(np.int64)
    return np.asarray(np.where((values >> np.maximum(bits - 1, 0)) == 0, bits - 1, bits))  # was rounded up to 2^bits


def _root(values: IntArray) -> IntArray:
    """⌊√v⌋."""
    found = np.sqrt(values.astype(np.float64)).astype(np.int64)
    found = found - (found * found > values)
    return np.asarray(found + ((found + 1) * (found + 1) <= values))
