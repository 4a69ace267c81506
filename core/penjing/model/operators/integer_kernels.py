"""How operators work on integers: one kernel per operator, exact in numpy and fast in torch.

Kernels see *centred* codes c = q - zero point, so that real 0 is integer 0 and padding needs no care. A kernel gives
sums; who calls it adds the bias, rescales, rounds once (half to even) and clamps:
y = clamp(round(multiplier · 2^-shift · (kernel(c₁ m₁, c₂ m₂, …) + bias))) (Jacob et al. 2018, arXiv:1712.05877).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from penjing.model.operators import (
    c_plain,
    c_several,
    c_weighted,
    integer_norm,
    integer_recurrence,
    integer_resize,
    integer_steps,
)
from penjing.model.operators import integer_fast as fast
from penjing.model.operators import integer_reference as reference
from penjing.model.operators.c_steps import Emit
from penjing.model.operators.integer_reference import Attributes, FloatArray, IntArray, Shape
from penjing.model.operators.integer_steps import Prepare

Reference = Callable[[Attributes, Sequence[IntArray], IntArray | None], IntArray]
"""(attributes, centred inputs, weight) → sums."""
Fast = Callable[[Attributes, Sequence[Tensor], Tensor | None, Tensor | None], Tensor]
"""(attributes, centred inputs, weight, bias) → sums with the bias, all of them integers held in float tensors."""
Divisor = Callable[[Attributes, Shape], FloatArray]
"""(attributes, input shape) → how many values each result is the mean of, broadcasting over the result."""
Affine = Callable[[Attributes, Mapping[str, Tensor], Shape], tuple[Tensor, Tensor | None] | None]
"""(attributes, tensors, shape of the result) → weight and bias; None where it is not one along the channels."""
Clamp = Callable[[Attributes], tuple[float, float]]
Lies = Literal["channels last", "as in the file", "along its axis", "around its axes", "either", "result", "moved"]

EXPONENTIAL_BITS = 23


@dataclass(frozen=True, kw_only=True)
class IntegerKernel:
    """An operator's facet for integers."""

    reference: Reference
    fast: Fast | None = None
    """None: the operator's own module does the same on integers."""
    scale: Literal["own", "same", "probability"]
    """The scale of the result: its own, its input's (values are only moved or clamped), or 1/256 from -128 up."""
    joins: Literal["product", "sum"] = "product"
    """How real values follow from codes: S₁ S₂ … · kernel(c₁, c₂, …), or kernel(S₁ c₁, S₂ c₂, …)."""
    weights: Affine | None = None
    """Where it has them: the weight, and the bias that is added along `channel_axis`."""
    lossless: bool = False
    """One weight per channel, or two, which need no quantizer: they get a fine scale of their own."""
    channel_axis: int = 1
    divisor: Divisor | None = None
    clamp: Clamp | None = None
    """Bounds of the real result; may then be fused into the operator before it."""
    terms: Callable[[Attributes, Shape], int] | None = None
    """(attributes, shape of the first input) → how many products of its inputs a sum has; None: one."""
    prepare: Prepare | None = None
    """Where it takes several steps: what it needs for them, and what its sums then are."""
    table: Literal["function", "exponential", "rows"] | None = None
    """The kernel looks its result up: in the operator's values at every code, in exp(-S d) · 2^23 for d ≥ 0, or in
    the rows of its weight, whose numbers are its input."""
    supports: Callable[[Attributes], bool] = lambda attributes: True
    """Whether it can do what the attributes ask; otherwise the operator stays float."""
    c99: Emit
    """What it becomes in generated C."""
    lies: Lies = "result"
    """How its C wants its inputs to lie: in an order of its own, with the axis `dim` innermost, in either of both
    orders, as its result should, or wherever they come from as it moves them."""


def normalization(attributes: Attributes, tensors: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Batch norm outside training as y = w x + b: w = γ/√(σ² + ε), b = β - μ w, [channels] each."""
    mean, variance = tensors["running_mean"].double(), tensors["running_var"].double()
    factor = tensors["weight"].double() / torch.sqrt(variance + float(attributes["eps"]))
    return factor.float(), (tensors["bias"].double() - mean * factor).float()


def moves(
    kernel: Reference,
    c99: Emit | None = None,
    supports: Callable[[Attributes], bool] = lambda attributes: True,
    lies: Lies = "moved",
) -> IntegerKernel:
    """The kernel of an operator that only moves values; in C a walk over them unless `c99` says otherwise."""
    return IntegerKernel(reference=kernel, scale="same", supports=supports, c99=c99 or c_plain.mover(kernel), lies=lies)


def clamps(clamp: Clamp) -> IntegerKernel:
    """The kernel of an operator that only clamps values."""
    return IntegerKernel(reference=reference.same, fast=fast.same, scale="same", clamp=clamp, c99=c_plain.clamp)


def _constant(value: Tensor, shape: Shape) -> Tensor:
    """A constant as one value for all, one a channel, or one a value."""
    if value.numel() == 1:
        return value.reshape(1)
    own = (1,) * (len(shape) - value.dim()) + tuple(value.shape)
    return value.reshape(-1) if own[1] == value.numel() else value.reshape(own).expand(1, *shape[1:]).reshape(-1)


def _factor(attributes: Attributes, tensors: Mapping[str, Tensor], shape: Shape) -> tuple[Tensor, None]:
    return _constant(tensors["value"], shape), None


def _offset(attributes: Attributes, tensors: Mapping[str, Tensor], shape: Shape) -> tuple[Tensor, Tensor]:
    value = _constant(tensors["value"], shape)
    return torch.ones_like(value), value


def _slopes(attributes: Attributes, tensors: Mapping[str, Tensor], shape: Shape) -> tuple[Tensor, None]:
    """From zero up a slope of 1, and the layer's own below: [channels, 2]."""
    below = tensors["weight"].reshape(-1)
    return torch.stack([torch.ones_like(below), below], dim=1), None


def _pads_codes(attributes: Attributes) -> bool:
    return attributes["mode"] != "constant" or float(attributes["value"]) == 0


CONVOLUTION = IntegerKernel(
    reference=reference.convolution,
    fast=fast.convolution,
    scale="own",
    weights=lambda attributes, tensors, shape: (tensors["weight"], tensors.get("bias")),
    c99=c_weighted.convolution,
    lies="channels last",
)
LINEAR = IntegerKernel(
    reference=reference.linear,
    fast=fast.linear,
    scale="own",
    weights=lambda attributes, tensors, shape: (tensors["weight"], tensors.get("bias")),
    channel_axis=-1,
    c99=c_weighted.linear,
    lies="as in the file",
)
NORMALIZATION = IntegerKernel(
    reference=reference.scaled,
    fast=fast.scaled,
    scale="own",
    weights=lambda attributes, tensors, shape: normalization(attributes, tensors),
    lossless=True,
    c99=c_weighted.scaled,
)
FACTOR = IntegerKernel(
    reference=reference.scaled, fast=fast.scaled, scale="own", weights=_factor, lossless=True, c99=c_weighted.scaled
)
OFFSET = IntegerKernel(
    reference=reference.scaled, fast=fast.scaled, scale="own", weights=_offset, lossless=True, c99=c_weighted.scaled
)
SLOPES = IntegerKernel(
    reference=reference.bent, fast=fast.bent, scale="own", weights=_slopes, lossless=True, c99=c_weighted.prelu
)
TRANSPOSED_CONVOLUTION = IntegerKernel(
    reference=reference.transposed_convolution,
    fast=fast.transposed_convolution,
    scale="own",
    weights=lambda attributes, tensors, shape: (tensors["weight"], tensors.get("bias")),
    c99=c_several.transposed_convolution,
    lies="channels last",
)
RECURRENT = IntegerKernel(
    reference=integer_recurrence.recurrent,
    fast=fast.by_reference(integer_recurrence.recurrent),
    scale="own",
    prepare=integer_recurrence.prepare,
    channel_axis=-1,
    c99=c_several.recurrent,
    lies="as in the file",
)
LAYER_NORM = IntegerKernel(
    reference=integer_norm.layer_norm,
    fast=fast.by_reference(integer_norm.layer_norm),
    scale="own",
    prepare=integer_norm.prepare_layer_norm,
    c99=c_several.norm,
    lies="as in the file",
)
GROUP_NORM = IntegerKernel(
    reference=integer_norm.group_norm,
    fast=fast.by_reference(integer_norm.group_norm),
    scale="own",
    prepare=integer_norm.prepare_group_norm,
    c99=c_several.norm,
)
PRODUCT = IntegerKernel(
    reference=reference.product,
    scale="own",
    terms=reference.product_terms,
    c99=c_several.product,
    lies="as in the file",
)
RESIZE = IntegerKernel(
    reference=integer_resize.resized,
    fast=fast.by_reference(integer_resize.resized),
    scale="own",
    divisor=integer_resize.weights_of_all,
    supports=lambda attributes: attributes["mode"] != "cubic",
    c99=c_several.resize,
    lies="channels last",
)
ADD = IntegerKernel(reference=reference.added, scale="own", joins="sum", c99=c_plain.add)
SUBTRACT = IntegerKernel(reference=reference.subtracted, scale="own", joins="sum", c99=c_plain.subtract)
MULTIPLY = IntegerKernel(reference=reference.multiplied, scale="own", c99=c_plain.multiply)
CONCAT = IntegerKernel(
    reference=reference.concatenated, scale="own", joins="sum", c99=c_plain.concatenate, lies="moved"
)
AVERAGE_POOL = IntegerKernel(
    reference=reference.window_sum,
    fast=fast.window_sum,
    scale="own",
    divisor=reference.window_counts,
    c99=c_plain.average_pool,
    lies="channels last",
)
MEAN = IntegerKernel(
    reference=reference.total,
    fast=fast.total,
    scale="own",
    divisor=reference.total_count,
    c99=c_plain.average_pool,
    lies="around its axes",
)
MAX_POOL = moves(reference.maximum, c_plain.max_pool, lies="channels last")
GLOBAL_MAX_POOL = moves(reference.global_maximum, c_plain.max_pool, lies="channels last")
IDENTITY = moves(reference.same, c_plain.alias, lies="result")
FLATTEN = moves(reference.flattened, c_plain.alias, lies="result")
RESHAPE = moves(reference.reshaped, c_plain.alias, lies="result")
TRANSPOSE = moves(reference.transposed)
PAD = moves(reference.padded, c_plain.pad, _pads_codes, lies="either")
SLICE = moves(reference.sliced)
UPSAMPLE = moves(reference.repeated)
RELU = clamps(lambda attributes: (0.0, float("inf")))
RELU6 = clamps(lambda attributes: (0.0, 6.0))
CLIP = clamps(lambda attributes: (float(attributes["low"]), float(attributes["high"])))
TABLE = IntegerKernel(
    reference=reference.looked_up, fast=fast.looked_up, scale="own", table="function", c99=c_plain.lookup
)
SOFTMAX = IntegerKernel(
    reference=reference.softmax,
    fast=fast.softmax,
    scale="probability",
    table="exponential",
    c99=c_plain.softmax,
    lies="along its axis",
)
ROWS = IntegerKernel(
    reference=reference.named_rows,
    fast=fast.by_reference(reference.named_rows),
    scale="own",
    table="rows",
    c99=c_several.rows,
    lies="as in the file",
)
LOG_SOFTMAX = IntegerKernel(
    reference=reference.log_softmax,
    fast=fast.by_reference(reference.log_softmax),
    scale="own",
    prepare=integer_steps.prepare_log_softmax,
    c99=c_several.log_softmax,
    lies="along its axis",
)
