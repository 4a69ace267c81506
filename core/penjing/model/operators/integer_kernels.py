"""How operators work on integers: a kernel per operator, exact in numpy and fast in torch.

Kernels see *centred* codes c = q - zero point, so that real 0 is integer 0 and padding needs no care. A kernel gives
accumulators; who calls it adds the bias, rescales, rounds once (half to even) and clamps:
y = clamp(round(multiplier · 2^-shift · (kernel(c₁ m₁, c₂ m₂, …) + bias))) (Jacob et al. 2018, arXiv:1712.05877).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Attributes = Mapping[str, Any]
IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

Reference = Callable[[Attributes, Sequence[IntArray], IntArray | None], IntArray]
"""(attributes, centred inputs, weight) → accumulators."""
Fast = Callable[[Attributes, Sequence[Tensor], Tensor | None, Tensor | None], Tensor]
"""(attributes, centred inputs, weight, bias) → accumulators, all of them integers held in float tensors."""
Divisor = Callable[[Attributes, tuple[int, ...]], FloatArray]
"""(attributes, input shape) → how many values each result is the mean of, broadcasting over the result."""
Affine = Callable[[Attributes, Mapping[str, Tensor]], tuple[Tensor, Tensor | None]]
"""(attributes, tensors) → weight, bias."""
Clamp = Callable[[Attributes], tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class IntegerKernel:
    """An operator's facet for integers."""

    reference: Reference
    fast: Fast
    scale: Literal["own", "same", "probability"]
    """The scale of the result: its own, its input's (values are only moved or clamped), or 1/256 from -128 up."""
    joins: Literal["product", "sum"] = "product"
    """How real values follow from codes: S₁ S₂ … · kernel(c₁, c₂, …), or kernel(S₁ c₁, S₂ c₂, …)."""
    weights: Affine | None = None
    """Where it has them: the weight, and the bias that is added along `channel_axis`."""
    lossless: bool = False
    """One weight per channel: any weight has a code by choosing the channel's scale."""
    channel_axis: int = 1
    divisor: Divisor | None = None
    clamp: Clamp | None = None
    """Bounds of the real result; may then be fused into the operator before it."""
    table: Literal["function", "exponential"] | None = None
    """The kernel looks its result up: in the operator's values at every code, or in exp(-S d) · 2^23 for d ≥ 0."""


EXPONENTIAL_BITS = 23


def _plain_weights(attributes: Attributes, tensors: Mapping[str, Tensor]) -> tuple[Tensor, Tensor | None]:
    return tensors["weight"], tensors.get("bias")


def normalization_weights(attributes: Attributes, tensors: Mapping[str, Tensor]) -> tuple[Tensor, Tensor | None]:
    """Batch norm outside training as y = w x + b: w = γ/√(σ² + ε), b = β - μ w, [channels] each."""
    mean, variance = tensors["running_mean"].double(), tensors["running_var"].double()
    factor = tensors["weight"].double() / torch.sqrt(variance + float(attributes["eps"]))
    return factor.float(), (tensors["bias"].double() - mean * factor).float()


# Windows


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
        after = max(0, (count - 1) * step + span - extent - pad)
        spans.append(span)
        pads.append((pad, after))
        slices.append(slice(0, (count - 1) * step + 1, step))
    padded = np.pad(values, pads, constant_values=fill)
    view = np.lib.stride_tricks.sliding_window_view(padded, tuple(spans), axis=tuple(range(2, 2 + axes)))
    return view[(*slices, *(slice(None, None, hole) for hole in dilation))]


# Kernels, exact


def _conv_reference(attributes: Attributes, inputs: Sequence[IntArray], weight: IntArray | None) -> IntArray:
    assert weight is not None
    kernel = weight.shape[2:]
    found = windows(inputs[0], kernel, attributes, fill=0)
    batch, positions = found.shape[0], found.shape[2 : 2 + len(kernel)]
    groups, width = int(attributes["groups"]), weight.shape[1]
    found = found.reshape(batch, groups, width, int(np.prod(positions)), int(np.prod(kernel)))
    rows = np.moveaxis(found, 3, 2).reshape(batch, groups, int(np.prod(positions)), -1)
    filters = weight.reshape(groups, weight.shape[0] // groups, -1)
    sums = np.matmul(rows, np.moveaxis(filters, 2, 1))  # [n, groups, positions, out / groups]
    return np.moveaxis(sums, 3, 2).reshape(batch, weight.shape[0], *positions)


def _linear_reference(attributes: Attributes, inputs: Sequence[IntArray], weight: IntArray | None) -> IntArray:
    assert weight is not None
    return np.asarray(np.matmul(inputs[0], weight.T))


def _scale_reference(attributes: Attributes, inputs: Sequence[IntArray], weight: IntArray | None) -> IntArray:
    assert weight is not None
    return inputs[0] * weight.reshape(-1, *(1,) * (inputs[0].ndim - 2))


def _add_reference(attributes: Attributes, inputs: Sequence[IntArray], weight: IntArray | None) -> IntArray:
    return inputs[0] + inputs[1]


def _multiply_reference(attributes: Attributes, inputs: Sequence[IntArray], weight: IntArray | None) -> IntArray:
    return inputs[0] * inputs[1]


def _concat_reference(attributes: Attributes, inputs: Sequence[IntArray], weight: IntArray | None) -> IntArray:
    return np.concatenate(inputs, axis=int(attributes["dim"]))


def _max_reference(attributes: Attributes, inputs: Sequence[IntArray], weight: IntArray | None) -> IntArray:
    kernel = attributes["kernel"]
    found = windows(inputs[0], kernel, attributes, fill=np.iinfo(np.int64).min)
    return np.asarray(found.max(axis=tuple(range(-len(kernel), 0))))


def _average_reference(attributes: Attributes, inputs: Sequence[IntArray], weight: IntArray | None) -> IntArray:
    kernel = attributes["kernel"]
    return np.asarray(windows(inputs[0], kernel, attributes, fill=0).sum(axis=tuple(range(-len(kernel), 0))))


def _average_divisor(attributes: Attributes, shape: tuple[int, ...]) -> FloatArray:
    kernel, axes = attributes["kernel"], len(shape) - 2
    inside = np.ones((1, 1, *shape[2:]), np.int64)
    counted: Attributes = attributes
    if attributes["count_include_pad"]:
        # What the padding adds counts; what hangs over because of ceil_mode does not.
        inside = np.pad(inside, [(0, 0), (0, 0), *((pad, pad) for pad in attributes["padding"])], constant_values=1)
        counted = {**attributes, "padding": (0,) * axes}
    counts = windows(inside, kernel, counted, fill=0).sum(axis=tuple(range(-axes, 0)))
    full = _average_reference(attributes, [np.zeros((1, 1, *shape[2:]), np.int64)], None).shape
    return counts[(slice(None), slice(None), *(slice(0, extent) for extent in full[2:]))].astype(np.float64)


def _mean_reference(attributes: Attributes, inputs: Sequence[IntArray], weight: IntArray | None) -> IntArray:
    axes = tuple(range(2, inputs[0].ndim))
    return np.asarray(inputs[0].sum(axis=axes, keepdims=bool(attributes["keepdim"])))


def _mean_divisor(attributes: Attributes, shape: tuple[int, ...]) -> FloatArray:
    return np.float64(np.prod(shape[2:])).reshape(())


def _same_reference(attributes: Attributes, inputs: Sequence[IntArray], weight: IntArray | None) -> IntArray:
    return inputs[0]


def _flatten_reference(attributes: Attributes, inputs: Sequence[IntArray], weight: IntArray | None) -> IntArray:
    shape = inputs[0].shape
    first, last = int(attributes["start_dim"]) % len(shape), int(attributes["end_dim"]) % len(shape)
    return inputs[0].reshape(*shape[:first], -1, *shape[last + 1 :])


def _reshape_reference(attributes: Attributes, inputs: Sequence[IntArray], weight: IntArray | None) -> IntArray:
    return inputs[0].reshape(inputs[0].shape[0], *attributes["shape"])


def _softmax_reference(attributes: Attributes, inputs: Sequence[IntArray], weight: IntArray | None) -> IntArray:
    assert weight is not None  # the table of exponentials
    axis = int(attributes["dim"])
    parts = weight[inputs[0].max(axis=axis, keepdims=True) - inputs[0]]
    total = parts.sum(axis=axis, keepdims=True)
    return (512 * parts + total) // (2 * total)


def _table_reference(attributes: Attributes, inputs: Sequence[IntArray], weight: IntArray | None) -> IntArray:
    assert weight is not None  # the table, from the smallest centred code up
    return weight[inputs[0] - int(attributes["table_start"])]


# Kernels, fast


def _conv_fast(attributes: Attributes, inputs: Sequence[Tensor], weight: Tensor | None, bias: Tensor | None) -> Tensor:
    assert weight is not None
    run: Any = F.conv1d if weight.dim() == 3 else F.conv2d
    stride, padding, dilation = attributes["stride"], attributes["padding"], attributes["dilation"]
    result: Tensor = run(inputs[0], weight, bias, stride, padding, dilation, attributes["groups"])
    return result


def _linear_fast(
    attributes: Attributes, inputs: Sequence[Tensor], weight: Tensor | None, bias: Tensor | None
) -> Tensor:
    assert weight is not None
    return F.linear(inputs[0], weight, bias)


def _scale_fast(attributes: Attributes, inputs: Sequence[Tensor], weight: Tensor | None, bias: Tensor | None) -> Tensor:
    assert weight is not None
    shape = (-1, *(1,) * (inputs[0].dim() - 2))
    result = inputs[0] * weight.reshape(shape)
    return result if bias is None else result + bias.reshape(shape)


def _add_fast(attributes: Attributes, inputs: Sequence[Tensor], weight: Tensor | None, bias: Tensor | None) -> Tensor:
    return inputs[0] + inputs[1]


def _multiply_fast(
    attributes: Attributes, inputs: Sequence[Tensor], weight: Tensor | None, bias: Tensor | None
) -> Tensor:
    return inputs[0] * inputs[1]


def _concat_fast(
    attributes: Attributes, inputs: Sequence[Tensor], weight: Tensor | None, bias: Tensor | None
) -> Tensor:
    return torch.cat(list(inputs), dim=int(attributes["dim"]))


def _max_fast(attributes: Attributes, inputs: Sequence[Tensor], weight: Tensor | None, bias: Tensor | None) -> Tensor:
    run: Any = F.max_pool1d if len(attributes["kernel"]) == 1 else F.max_pool2d
    window = (attributes["kernel"], attributes["stride"], attributes["padding"], attributes["dilation"])
    result: Tensor = run(inputs[0], *window, ceil_mode=attributes["ceil_mode"])
    return result


def _average_fast(
    attributes: Attributes, inputs: Sequence[Tensor], weight: Tensor | None, bias: Tensor | None
) -> Tensor:
    kernel, stride, padding = (tuple(attributes[name]) for name in ("kernel", "stride", "padding"))
    flat = len(kernel) == 1
    values = inputs[0].unsqueeze(2) if flat else inputs[0]
    if flat:
        kernel, stride, padding = (1, *kernel), (1, *stride), (0, *padding)
    # A divisor of 1 gives sums, which are integers.
    sums = F.avg_pool2d(values, kernel, stride, padding, ceil_mode=attributes["ceil_mode"], divisor_override=1)
    return sums.squeeze(2) if flat else sums


def _mean_fast(attributes: Attributes, inputs: Sequence[Tensor], weight: Tensor | None, bias: Tensor | None) -> Tensor:
    return inputs[0].sum(dim=tuple(range(2, inputs[0].dim())), keepdim=bool(attributes["keepdim"]))


def _same_fast(attributes: Attributes, inputs: Sequence[Tensor], weight: Tensor | None, bias: Tensor | None) -> Tensor:
    return inputs[0]


def _flatten_fast(
    attributes: Attributes, inputs: Sequence[Tensor], weight: Tensor | None, bias: Tensor | None
) -> Tensor:
    return inputs[0].flatten(int(attributes["start_dim"]), int(attributes["end_dim"]))


def _reshape_fast(
    attributes: Attributes, inputs: Sequence[Tensor], weight: Tensor | None, bias: Tensor | None
) -> Tensor:
    return inputs[0].reshape(inputs[0].shape[0], *attributes["shape"])


def _softmax_fast(
    attributes: Attributes, inputs: Sequence[Tensor], weight: Tensor | None, bias: Tensor | None
) -> Tensor:
    assert weight is not None
    axis = int(attributes["dim"])
    parts = weight.double()[(inputs[0].amax(dim=axis, keepdim=True) - inputs[0]).long()]
    total = parts.sum(dim=axis, keepdim=True)
    # Exact: the quotient is no nearer to the next integer than 1 / (2 total), far above double precision.
    return torch.floor((512 * parts + total) / (2 * total))


def _table_fast(attributes: Attributes, inputs: Sequence[Tensor], weight: Tensor | None, bias: Tensor | None) -> Tensor:
    assert weight is not None
    return weight[(inputs[0] - int(attributes["table_start"])).long()]


def clamped(low: float, high: float) -> Clamp:
    """Bounds that no attribute changes."""
    return lambda attributes: (low, high)


def moves(reference: Reference, fast: Fast) -> IntegerKernel:
    """The kernel of an operator that only moves values."""
    return IntegerKernel(reference=reference, fast=fast, scale="same")


def clamps(clamp: Clamp) -> IntegerKernel:
    """The kernel of an operator that only clamps values."""
    return IntegerKernel(reference=_same_reference, fast=_same_fast, scale="same", clamp=clamp)


CONVOLUTION = IntegerKernel(reference=_conv_reference, fast=_conv_fast, scale="own", weights=_plain_weights)
LINEAR = IntegerKernel(
    reference=_linear_reference, fast=_linear_fast, scale="own", weights=_plain_weights, channel_axis=-1
)
NORMALIZATION = IntegerKernel(
    reference=_scale_reference, fast=_scale_fast, scale="own", weights=normalization_weights, lossless=True
)
ADD = IntegerKernel(reference=_add_reference, fast=_add_fast, scale="own", joins="sum")
MULTIPLY = IntegerKernel(reference=_multiply_reference, fast=_multiply_fast, scale="own")
CONCAT = IntegerKernel(reference=_concat_reference, fast=_concat_fast, scale="own", joins="sum")
MAX_POOL = moves(_max_reference, _max_fast)
AVERAGE_POOL = IntegerKernel(reference=_average_reference, fast=_average_fast, scale="own", divisor=_average_divisor)
GLOBAL_AVERAGE_POOL = IntegerKernel(reference=_mean_reference, fast=_mean_fast, scale="own", divisor=_mean_divisor)
IDENTITY = moves(_same_reference, _same_fast)
FLATTEN = moves(_flatten_reference, _flatten_fast)
RESHAPE = moves(_reshape_reference, _reshape_fast)
RELU = clamps(clamped(0.0, float("inf")))
RELU6 = clamps(clamped(0.0, 6.0))
TABLE = IntegerKernel(reference=_table_reference, fast=_table_fast, scale="own", table="function")
SOFTMAX = IntegerKernel(reference=_softmax_reference, fast=_softmax_fast, scale="probability", table="exponential")
