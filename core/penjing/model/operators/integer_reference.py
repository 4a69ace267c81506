"""The exact kernels of the operator table: centred codes in, integer sums out, in plain numpy.

Each takes (attributes, inputs, weight); the weight of a kernel with a table is the table.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Attributes = Mapping[str, Any]
IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
Inputs = Sequence[IntArray]
Shape = tuple[int, ...]

_PADDING = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}


def pooled_extent(extent: int, kernel: int, *, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """How many windows fit along one axis; with `ceil_mode` the last may hang over, but starts inside."""
    room = extent + 2 * padding - dilation * (kernel - 1) - 1
    count = (room + (stride - 1 if ceil_mode else 0)) // stride + 1
    return count - 1 if ceil_mode and (count - 1) * stride >= extent + padding else count


def windows(values: IntArray, kernel: Sequence[int], attributes: Attributes, *, fill: int) -> IntArray:
    """[n, c, *positions] → [n, c, *windows, *kernel], `fill` beyond the edges."""
    axes = len(kernel)
    dilation = attributes.get("dilation", (1,) * axes)
    spans, pads, slices = [], [(0, 0), (0, 0)], [slice(None), slice(None)]
    for axis, extent in enumerate(values.shape[2:]):
        size, step, pad, hole = kernel[axis], attributes["stride"][axis], attributes["padding"][axis], dilation[axis]
        ceil_mode = bool(attributes.get("ceil_mode", False))
        count = pooled_extent(extent, size, stride=step, padding=pad, dilation=hole, ceil_mode=ceil_mode)
        span = hole * (size - 1) + 1
        spans.append(span)
        pads.append((pad, max(0, (count - 1) * step + span - extent - pad)))
        slices.append(slice(0, (count - 1) * step + 1, step))
    padded = np.pad(values, pads, constant_values=fill)
    view = np.lib.stride_tricks.sliding_window_view(padded, tuple(spans), axis=tuple(range(2, 2 + axes)))
    return view[(*slices, *(slice(None, None, hole) for hole in dilation))]


def convolution(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """Σ w[o, i, k] x[i, p + k]."""
    assert weight is not None
    kernel, groups = weight.shape[2:], int(attributes["groups"])
    found = windows(inputs[0], kernel, attributes, fill=0)
    batch, positions = found.shape[0], found.shape[2 : 2 + len(kernel)]
    count, taps = int(np.prod(positions)), int(np.prod(kernel))
    rows = np.moveaxis(found.reshape(batch, groups, weight.shape[1], count, taps), 3, 2)
    rows = rows.reshape(batch, groups, count, weight.shape[1] * taps)
    filters = weight.reshape(groups, weight.shape[0] // groups, weight.shape[1] * taps)
    sums = np.matmul(rows, np.moveaxis(filters, 2, 1))  # [n, groups, positions, out / groups]
    return np.asarray(np.moveaxis(sums, 3, 2).reshape(batch, weight.shape[0], *positions))


def transposed_convolution(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """Every value times the filter, added up: a convolution, filters turned round, of values with zeros between."""
    assert weight is not None
    values, kernel = inputs[0], weight.shape[2:]
    settings = zip(*(attributes[key] for key in ("stride", "padding", "output_padding", "dilation")), strict=True)
    extents, places, cut = [], [], []
    for extent, size, (stride, padding, more, dilation) in zip(values.shape[2:], kernel, settings, strict=True):
        reach, spread = dilation * (size - 1), (extent - 1) * stride + 1
        extents.append(spread + 2 * reach + more)
        places.append(slice(reach, reach + spread, stride))
        cut.append(slice(padding, extents[-1] - padding))
    wide = np.zeros((*values.shape[:2], *extents), np.int64)
    every = (slice(None), slice(None))
    wide[(*every, *places)] = values
    still = {"stride": (1,) * len(kernel), "padding": (0,) * len(kernel), "dilation": attributes["dilation"]}
    turned = np.flip(weight, axis=tuple(range(2, weight.ndim)))
    return convolution({**still, "groups": attributes["groups"]}, [wide[(*every, *cut)]], turned)


def product(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """Matrices in the last two axes."""
    return np.asarray(np.matmul(inputs[0], inputs[1]))


def product_terms(attributes: Attributes, shape: Shape) -> int:
    """How many products a sum of theirs has."""
    return shape[-1]


def linear(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """Σ w[o, i] x[i] along the last axis."""
    assert weight is not None
    return np.asarray(np.matmul(inputs[0], weight.T))


def scaled(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """One weight a channel (axis 1), one for all, or one a value."""
    assert weight is not None
    return inputs[0] * weight.reshape(along(weight.size, inputs[0].shape))


def along(count: int, shape: Shape) -> Shape:
    """The shape in which so many numbers meet a tensor: one a channel, one for all, or one a value."""
    return tuple(shape[1:]) if count == int(np.prod(shape[1:])) else (-1, *(1,) * (len(shape) - 2))


def bent(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """Two weights a channel (axis 1), or two for all, [channels, 2]: from zero up, and below."""
    assert weight is not None
    above, below = (slope.reshape(-1, *(1,) * (inputs[0].ndim - 2)) for slope in weight.T)
    return np.asarray(np.maximum(inputs[0], 0) * above + np.minimum(inputs[0], 0) * below)


def added(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """Sum of two."""
    return inputs[0] + inputs[1]


def subtracted(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """Difference of two."""
    return inputs[0] - inputs[1]


def multiplied(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """Product of two."""
    return inputs[0] * inputs[1]


def concatenated(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """Parts side by side."""
    return np.concatenate(inputs, axis=int(attributes["dim"]))


def maximum(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """Largest of each window; padding never wins."""
    kernel = attributes["kernel"]
    found = windows(inputs[0], kernel, attributes, fill=np.iinfo(np.int64).min)
    return np.asarray(found.max(axis=tuple(range(-len(kernel), 0))))


def global_maximum(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """Largest over all positions."""
    return np.asarray(inputs[0].max(axis=_positions(inputs[0].shape), keepdims=bool(attributes["keepdim"])))


def window_sum(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """Sum of each window."""
    kernel = attributes["kernel"]
    return np.asarray(windows(inputs[0], kernel, attributes, fill=0).sum(axis=tuple(range(-len(kernel), 0))))


def window_counts(attributes: Attributes, shape: Shape) -> FloatArray:
    """How many values each window's mean counts, [1, 1, *windows]."""
    kernel = attributes["kernel"]
    inside = np.ones((1, 1, *shape[2:]), np.int64)
    counts = window_sum(attributes, [inside], None)
    if attributes["count_include_pad"]:
        # What the padding adds counts; what hangs over because of ceil_mode does not.
        sides = [(0, 0), (0, 0), *((pad, pad) for pad in attributes["padding"])]
        padded = np.pad(inside, sides, constant_values=1)
        wide = window_sum({**attributes, "padding": (0,) * len(kernel)}, [padded], None)
        counts = wide[(slice(None), slice(None), *(slice(0, extent) for extent in counts.shape[2:]))]
    return np.asarray(counts, np.float64)


def total(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """Sum over `dims`, or over all positions."""
    axes = _axes(attributes, inputs[0].shape)
    return np.asarray(inputs[0].sum(axis=axes, keepdims=bool(attributes["keepdim"])))


def total_count(attributes: Attributes, shape: Shape) -> FloatArray:
    """How many values each of `total` sums."""
    return np.asarray(np.prod([shape[axis] for axis in _axes(attributes, shape)]), np.float64)


def same(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """Itself."""
    return inputs[0]


def flattened(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """Axes joined."""
    shape = inputs[0].shape
    first, last = int(attributes["start_dim"]) % len(shape), int(attributes["end_dim"]) % len(shape)
    return inputs[0].reshape(*shape[:first], -1, *shape[last + 1 :])


def reshaped(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """Another shape."""
    return inputs[0].reshape(inputs[0].shape[0], *attributes["shape"])


def transposed(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """Another order of axes."""
    return np.transpose(inputs[0], attributes["order"])


def padded(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """Zeros, mirrored or repeated values around."""
    sides = [(0, 0), *zip(attributes["begin"], attributes["end"], strict=True)]
    mode: Any = _PADDING[attributes["mode"]]
    return np.asarray(np.pad(inputs[0], sides, mode=mode))


def repeated(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """Every position several times."""
    values = inputs[0]
    for axis, factor in enumerate(attributes["factors"], start=2):
        values = np.repeat(values, factor, axis=axis)
    return values


def sliced(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """Every step-th value from start to before stop along one axis, which may go."""
    dim, whole = int(attributes["dim"]), (slice(None),) * int(attributes["dim"])
    if attributes["drop"]:
        return np.asarray(np.take(inputs[0], int(attributes["start"]), axis=dim))
    part = slice(int(attributes["start"]), int(attributes["stop"]), int(attributes["step"]))
    return np.asarray(inputs[0][(*whole, part)])


def softmax(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """round(256 e / Σe), where the table holds e by the distance from the largest."""
    assert weight is not None
    axis = int(attributes["dim"])
    parts = weight[inputs[0].max(axis=axis, keepdims=True) - inputs[0]]
    whole = parts.sum(axis=axis, keepdims=True)
    return np.asarray((512 * parts + whole) // (2 * whole))


def looked_up(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """The table's entry of each code; `table_start` is the code of the first."""
    assert weight is not None
    return weight[inputs[0] - int(attributes["table_start"])]


def named_rows(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """The rows of the table with these numbers; beyond the last there is the last."""
    assert weight is not None
    return weight[np.minimum(inputs[0], len(weight) - 1)]


def log_softmax(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """-S d - ln Σ exp(-S d) in 1/65536, d the distance from the largest code; the table as a softmax has it."""
    table = np.asarray(attributes["exponentials"])
    axis = int(attributes["dim"])
    distances = inputs[0].max(axis=axis, keepdims=True) - inputs[0]
    whole = table[distances].sum(axis=axis, keepdims=True)
    down = int(attributes["down"])
    own = (distances * int(attributes["step"]) + (1 << (down - 1))) >> down
    return np.asarray(-own - natural_logarithm(whole))


def natural_logarithm(values: IntArray) -> IntArray:
    """ln(v / 2^23) in 1/65536, of values from 2^23 up: log2 bit by bit, by squaring."""
    found = np.frexp(values.astype(np.float64))[1].astype(np.int64) - 1
    # 2^31 .. 2^32
    mantissa = np.where(found > 31, values >> np.maximum(found - 31, 0), values << np.maximum(31 - found, 0))
    found = found - 23
    for _ in range(LOGARITHM_BITS):
        # As unsigned: a square of 2^64 would not fit int64.
        mantissa = ((mantissa.astype(np.uint64) * mantissa.astype(np.uint64)) >> np.uint64(31)).astype(np.int64)
        one = mantissa >> 32
        mantissa = mantissa >> one
        found = 2 * found + one
    return np.asarray((found * LN_2 + (1 << (LOGARITHM_BITS - 1))) >> LOGARITHM_BITS)


LOGARITHM_BITS = 20
LN_2 = 45426
"""ln 2 in 1/65536."""


def _positions(shape: Shape) -> Shape:
    return tuple(range(2, len(shape)))


def _axes(attributes: Attributes, shape: Shape) -> Shape:
    return tuple(attributes["dims"]) if "dims" in attributes else _positions(shape)
