"""Rounds the weights of a layer so that its output changes least: GPTQ (Frantar 2022, arXiv:2210.17323).

Columns are rounded one by one, and what the rounding of one changes is made up for by the ones still to come, with
the second moments of what the layer really reads. Two things go beyond the paper: the target is the *original* layer
on its *original* input, so that the errors of the layers before are made up for, too; and every row has the scale
with which, of several that are tried in full, it errs least, fitted to the codes by least squares.
"""

import dataclasses

import torch
from torch import Tensor

from penjing.compression.grids import Grid, refitted, searched
from penjing.compression.moments import Moments
from penjing.compression.quantizers import SMALLEST_SCALE
from penjing.compression.rounding import Rounded, RoundingMethod, Task
from penjing.model.model import Quantizer

FACTORS = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15, 1.2)
"""Of the scale that suits the nearest codes: with codes that make up for each other another may suit better."""
VALUES_AT_ONCE = 1 << 22
"""So many values, weights times factors, are rounded together."""
ROUNDS = 3
"""How often scales are fitted to codes and codes rounded again."""
BLOCK = 64
"""Columns within which errors are spread at once; what lies behind hears of them block by block."""

Try = tuple[Tensor, Tensor, Quantizer]
"""Loss [groups, rows], rounded rows, quantizer."""


def gptq(task: Task) -> Rounded:
    """The weight on a grid that was chosen for it, and the grid."""
    if task.moments is None or task.settings.scheme == "float16":
        quantizer = task.quantizer
        return quantizer.on_grid(task.weight), quantizer
    moments = task.moments
    groups, columns = moments.compressed.shape[:2]
    original = task.weight.double().reshape(groups, -1, columns)
    free = torch.ones_like(original) if task.mask is None else task.mask.reshape(original.shape).double()
    target = moments.target(original) * free
    quantizer = searched(task, target, moments)
    if not quantizer.symmetric or quantizer.axis is None:
        rows = column_by_column(target, moments, Grid.of(quantizer, target.shape), free)
        return quantizer.on_grid(rows.reshape(task.weight.shape).float()), quantizer
    best = _tried(original, target, moments, quantizer, free)
    _, rows, quantizer = best
    for _ in range(ROUNDS):
        quantizer = refitted(original, rows, moments, quantizer)
        rows = column_by_column(target, moments, Grid.of(quantizer, target.shape), free)
        best = _better(best, (moments.loss(original, rows), rows, quantizer))
    _, rows, quantizer = best
    return quantizer.on_grid(rows.reshape(task.weight.shape).float()), quantizer


def _tried(original: Tensor, target: Tensor, moments: Moments, quantizer: Quantizer, free: Tensor) -> Try:
    """The best of `FACTORS` times the scale for every row; as many as fit are rounded like further rows."""
    (groups, count, _), best = target.shape, None
    for factors in torch.split(torch.tensor(FACTORS), max(1, VALUES_AT_ONCE // target.numel())):
        times = (1, len(factors), 1)
        scales = (quantizer.scale.reshape(groups, 1, count) * factors[:, None]).clamp(min=SMALLEST_SCALE)
        grid = dataclasses.replace(
            Grid.of(quantizer, target.shape),
            scale=scales.double().reshape(groups, -1),
            zero_point=torch.zeros(groups, len(factors) * count, dtype=torch.float64),
        )
        rows = column_by_column(target.repeat(times), moments, grid, free.repeat(times))
        losses = moments.loss(original.repeat(times), rows).reshape(groups, len(factors), count)
        for place in range(len(factors)):
            scale = scales[:, place].reshape(quantizer.scale.shape)
            part = rows.reshape(groups, len(factors), count, -1)[:, place]
            found = (losses[:, place], part, dataclasses.replace(quantizer, scale=scale))
            best = found if best is None else _better(best, found)
    assert best is not None
    return best


def column_by_column(target: Tensor, moments: Moments, grid: Grid, free: Tensor) -> Tensor:
    """Rows on a grid: the most active column first, its error spread over those still to come."""
    second = moments.compressed
    order = second.diagonal(dim1=1, dim2=2).argsort(dim=1, descending=True)
    along = order[:, None].expand_as(target)
    rows, kept = target.gather(2, along), free.gather(2, along)
    second = second.gather(1, order[:, :, None].expand_as(second)).gather(2, order[:, None].expand_as(second))
    inverse = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(second)), upper=True)
    for start in range(0, rows.shape[2], BLOCK):
        stop = min(start + BLOCK, rows.shape[2])
        errors = torch.zeros(*rows.shape[:2], stop - start, dtype=rows.dtype)
        for column in range(start, stop):
            wanted = rows[:, :, column].clone()
            rows[:, :, column] = grid.nearest(wanted) * kept[:, :, column]
            error = (wanted - rows[:, :, column]) / inverse[:, column, column, None]
            rows[:, :, column + 1 : stop] -= error[:, :, None] * inverse[:, None, column, column + 1 : stop]
            errors[:, :, column - start] = error
        rows[:, :, stop:] -= errors @ inverse[:, start:stop, stop:]
    return torch.empty_like(rows).scatter_(2, along, rows)


def _better(left: Try, right: Try) -> Try:
    """Row by row the one with the smaller loss."""
    wins = right[0] < left[0]
    scale = torch.where(wins.reshape(-1), right[2].scale, left[2].scale)
    rows = torch.where(wins[:, :, None], right[1], left[1])
    return torch.minimum(left[0], right[0]), rows, dataclasses.replace(left[2], scale=scale)


GPTQ = RoundingMethod(round=gptq, needs_moments=True)
