"""Learns for every weight whether to round up or down: AdaRound (Nagel 2020, arXiv:2004.10568).

The layer's output error is a quadratic form of the rounded weight, so that no data is needed beside its moments.
"""

import torch
from torch import Tensor

from penjing.compression.grids import Grid, searched
from penjing.compression.rounding import Rounded, RoundingMethod, Task

STEPS = 250
LEARNING_RATE = 0.03
WARM_UP = 0.2
"""Share of the steps before anything pulls the choices towards 0 or 1."""
PULL = 0.1
SHARPEST, BLUNTEST = 2.0, 20.0
STRETCH_LOW, STRETCH_HIGH = -0.1, 1.1


def adaround(task: Task) -> Rounded:
    """The weight on a grid, every value one of its two neighbours there."""
    if task.moments is None or task.settings.scheme == "float16":
        quantizer = task.quantizer
        return quantizer.on_grid(task.weight), quantizer
    moments = task.moments
    groups, columns = moments.compressed.shape[:2]
    original = task.weight.double().reshape(groups, -1, columns)
    free = torch.ones_like(original) if task.mask is None else task.mask.reshape(original.shape).double()
    target = moments.target(original) * free
    quantizer = searched(task, target, moments)
    grid = Grid.of(quantizer, target.shape)
    nearest = grid.nearest(target) * free
    scale = grid.scale[:, :, None]
    below = torch.floor(target / scale)
    up = _learned(target, below, grid, free, moments.compressed)
    learned = grid.nearest(scale * (below + up)) * free
    better = moments.loss(original, learned) < moments.loss(original, nearest)
    rows = torch.where(better[:, :, None], learned, nearest)
    return quantizer.on_grid(rows.reshape(task.weight.shape).float()), quantizer


def _learned(target: Tensor, below: Tensor, grid: Grid, free: Tensor, second: Tensor) -> Tensor:
    """For every weight 1 to round it up, 0 to round it down; learned in float32, which is enough for a choice."""
    scale, zero_point = grid.scale[:, :, None].float(), grid.zero_point[:, :, None].float()
    choices = _inverse_choice((target / grid.scale[:, :, None] - below).float()).requires_grad_()
    # The loss of every layer on the same footing: 1 is what rounding to the nearest costs.
    unit = _error(grid.nearest(target) * free - target, second).float().clamp_min(1e-30)
    target, below, free, second = target.float(), below.float(), free.float(), second.float()
    optimizer = torch.optim.Adam([choices], lr=LEARNING_RATE)
    for step in range(STEPS):
        up = _choice(choices)
        rounded = scale * ((below + up + zero_point).clamp(grid.q_min, grid.q_max) - zero_point) * free
        loss = _error(rounded - target, second) / unit
        progress = step / STEPS
        if progress >= WARM_UP:
            past = (progress - WARM_UP) / (1 - WARM_UP)
            sharpness = SHARPEST + (BLUNTEST - SHARPEST) * (1 - past)
            loss = loss + PULL * (1 - (2 * up - 1).abs() ** sharpness).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return (_choice(choices.detach()) >= 0.5).double()


def _error(apart: Tensor, second: Tensor) -> Tensor:
    """E‖(ŵ - w) x̂‖²."""
    return torch.sum((apart @ second) * apart)


def _choice(values: Tensor) -> Tensor:
    """The rectified sigmoid h(V), 0..1."""
    return (torch.sigmoid(values) * (STRETCH_HIGH - STRETCH_LOW) + STRETCH_LOW).clamp(0, 1)


def _inverse_choice(share: Tensor) -> Tensor:
    """V with h(V) = share."""
    inner = (share - STRETCH_LOW) / (STRETCH_HIGH - STRETCH_LOW)
    return torch.log(inner / (1 - inner)).detach()


ADAROUND = RoundingMethod(round=adaround, needs_moments=True)
