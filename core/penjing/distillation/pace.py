"""The pace of a training: the order of the samples, the batches, the learning rate, the optimizer."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

WEIGHT_DECAY = 0.01
WARM_UP = 0.05
"""Share of all batches (at most 100 batches) in which the learning rate rises; the cosine to zero follows."""

Indices = NDArray[np.int64]


def shuffled(count: int, *, seed: int, epoch: int) -> Indices:
    """The order of the samples in an epoch, from a generator of the epoch's own; also seeds torch, for dropout."""
    state = int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> np.uint64(1))
    torch.manual_seed(state)
    return torch.randperm(count, generator=torch.Generator().manual_seed(state)).numpy()


def batches(order: Indices, size: int) -> list[Indices]:
    """Batches of nearly equal size, about `size` samples; of one only where `size` is 1: batch norm needs two."""
    count = math.ceil(len(order) / size)
    if size > 1:
        count = min(count, max(1, len(order) // 2))
    return np.array_split(order, count)


def rate(lr: float, batch: int, total: int) -> float:
    """The learning rate of one batch of `total`: a short linear rise, then a cosine to zero."""
    warm = max(1, min(100, round(WARM_UP * total)))
    return lr * min(1.0, (batch + 1) / warm) * 0.5 * (1 + math.cos(math.pi * batch / total))


def optimizer(parameters: Sequence[nn.Parameter], *, lr: float) -> torch.optim.Optimizer:
    """AdamW, fused: an eighth of the time; only weights decay, not biases, batch norm or scales."""
    decayed = [parameter for parameter in parameters if parameter.dim() > 1]
    others = [parameter for parameter in parameters if parameter.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=lr, fused=True)
