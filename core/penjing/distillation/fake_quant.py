"""Quantization inside the forward pass, with gradients: straight-through (Bengio 2013) and learned step size.

The rounding is the product's one rounding: q = clip(round_half_even(r / S) + Z), r̂ = S (q - Z).
"""

from typing import Any

import torch
from torch import Tensor

from penjing.model.model import Quantizer


def straight_through(values: Tensor, quantizer: Quantizer, scale: Tensor | None = None) -> Tensor:
    """Values on the quantizer's grid; ∂L/∂x = ∂L/∂x̂ inside the range and 0 outside.

    With `scale` given, it is used instead of the quantizer's and receives the gradient of LSQ (Esser 2020, eq. 3).
    """
    if quantizer.float16:
        return _Half.apply(values)  # type: ignore[no-untyped-call,no-any-return]
    shape = _along(values, quantizer.axis)
    used = quantizer.scale if scale is None else scale
    codes = (quantizer.q_min, quantizer.q_max)
    return _OnGrid.apply(  # type: ignore[no-untyped-call,no-any-return]
        values, used.reshape(shape), quantizer.zero_point.to(used.dtype).reshape(shape), codes
    )


def on_grid(values: Tensor, quantizer: Quantizer) -> Tensor:
    """Values on the quantizer's grid, without gradients."""
    with torch.no_grad():
        return straight_through(values, quantizer)


def _along(values: Tensor, axis: int | None) -> tuple[int, ...]:
    """The shape in which one scale a channel meets `values`."""
    return () if axis is None else tuple(-1 if place == axis % values.dim() else 1 for place in range(values.dim()))


class _OnGrid(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, scale: Tensor, zero: Tensor, codes: tuple[int, int]) -> Tensor:
        ratio = values / scale
        wanted = torch.round(ratio) + zero
        kept = wanted.clamp(*codes)
        ctx.save_for_backward(ratio, wanted, zero)
        ctx.codes, ctx.scale_shape = codes, scale.shape
        return scale * (kept - zero)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        ratio, wanted, zero = ctx.saved_tensors
        low, high = ctx.codes
        inside = (wanted >= low) & (wanted <= high)
        to_scale = None
        if ctx.needs_input_grad[1]:
            slope = torch.where(inside, wanted - zero - ratio, wanted.clamp(low, high) - zero)
            share = (gradient * slope).sum_to_size(ctx.scale_shape)
            # Esser's g = 1 / √(N · Q_P) brings the step of a scale to the size of the steps of its N values.
            count = ratio.numel() / max(share.numel(), 1)
            to_scale = share / torch.sqrt(count * (high - zero).clamp(min=1))
        return gradient * inside, to_scale, None, None


class _Half(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return values.half().to(values.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]
