"""Rounds the weights of a layer so that its output changes least: GPTQ (Frantar 2022, arXiv:2210.17323).

Columns are rounded one by one, and what the rounding of one changes is made up for by the ones still to come, with
the second moments of what the layer really reads. Two things go beyond the paper: the target is the *original* layer
on its *original* input, so that the errors of the layers before are made up for, too; and the scales are searched with
the same moments and fitted to the codes by least squares.
"""

import dataclasses

import torch
from torch import Tensor

from penjing.compression.grids import Grid, refitted, searched
from penjing.compression.moments import Moments
from penjing.compression.rounding import Rounded, RoundingMethod, Task
from penjing.model.model import Quantizer

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
    rows = column_by_column(target, moments, Grid.of(quantizer, target.shape), free)
    best: Try = (moments.loss(original, rows), rows, quantizer)
    for _ in range(ROUNDS if quantizer.symmetric and quantizer.axis is not None else 0):
        quantizer = refitted(original, rows, moments, quantizer)
        rows = column_by_column(target, moments, Grid.of(quantizer, target.shape), free)
        best = _better(best, (moments.loss(original, rows), rows, quantizer))
    _, rows, quantizer = best
    return quantizer.on_grid(rows.reshape(task.weight.shape).float()), quantizer


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
