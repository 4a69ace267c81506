"""A few samples and mixtures of them: what lies between 256 examples says more about a network than these alone.

Mixtures x₁ + a (x₂ - x₁) of two inputs, as Zhang et al. 2018 (arXiv:1710.09412) train with, need no labels where a
network is only to say what another one says. Layers fitted on them are nearer to the original on what nobody looked at,
the more so the more alike the examples are, as windows of a few recordings.

>>> mixed((torch.tensor([[0.0], [1.0]]),))[0].shape
torch.Size([4, 1])
"""

import torch
from torch import Tensor

MOST_MIXED = 0.5
"""a is uniform in 0 … 0.5: the first of the two is always the larger part."""


def mixed(inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The examples [n, …] of every input, followed by as many mixtures of them, the same at every call.

    All inputs of an example are mixed alike. Where one holds whole numbers, between which there is nothing, examples
    are returned as they are.
    """
    if not all(values.is_floating_point() for values in inputs):
        return inputs
    generator, count = torch.Generator().manual_seed(0), len(inputs[0])
    others = torch.randperm(count, generator=generator)
    shares = MOST_MIXED * torch.rand(count, generator=generator)
    return tuple(torch.cat([values, _between(values, values[others], shares)]) for values in inputs)


def _between(values: Tensor, others: Tensor, shares: Tensor) -> Tensor:
    return torch.lerp(values, others, shares.to(values.dtype).reshape(-1, *(1,) * (values.dim() - 1)))
