"""Quantization inside the forward pass, with gradients: straight-through (Bengio 2013), learned step size (Esser 2020).

The values are those of `Quantizer.on_grid`, bit by bit; what is added is the gradient.
"""

from typing import Any

import torch
from torch import Tensor

from penjing.model.model import Quantizer


def straight_through(values: Tensor, quantizer: Quantizer) -> Tensor:
    """Values on the quantizer's grid; ∂L/∂x = ∂L/∂x̂ inside the range and 0 outside."""
    return learned_step(values, quantizer, quantizer.scale, samples=1)


def learned_step(values: Tensor, quantizer: Quantizer, scale: Tensor, *, samples: int) -> Tensor:
    """The same with a scale that has a gradient, too: Esser's ∂x̂/∂S (eq. 3) times g = 1 / √(N · Q_P).

    Args:
        values: A weight, or an activation [samples, …].
        quantizer: Bits, zero point and axis.
        scale: [] or [channels], in place of the quantizer's own.
        samples: What N, the number of values that share a scale, is divided by: Esser counts an activation's values
            in one sample.
    """
    if quantizer.float16:
        return _Half.apply(values)  # type: ignore[no-untyped-call,no-any-return]
    shape = [1] * (0 if quantizer.axis is None else values.dim())
    if quantizer.axis is not None:
        shape[quantizer.axis] = -1
    zero = quantizer.zero_point.to(values.dtype).reshape(shape)
    count = values.numel() / max(scale.numel(), 1) / samples
    codes = (quantizer.q_min, quantizer.q_max)
    return _OnGrid.apply(values, scale.reshape(shape), zero, codes, count)  # type: ignore[no-untyped-call,no-any-return]


class _OnGrid(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, scale: Tensor, zero: Tensor, codes: tuple[int, int], count: float) -> Tensor:
        ratio = values / scale
        wanted = torch.round(ratio) + zero
        ctx.save_for_backward(ratio, wanted, zero)
        ctx.codes, ctx.count, ctx.scale_shape = codes, count, scale.shape
        return (wanted.clamp(*codes) - zero) * scale

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
            to_scale = share / torch.sqrt(ctx.count * (high - zero).clamp(min=1))
        return gradient * inside, to_scale, None, None, None


class _Half(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return values.half().to(values.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]
