"""Grids of many rows at once, for the searches of layer-wise rounding: [groups, rows, columns] in float64."""

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from penjing.compression.moments import Moments
from penjing.compression.quantizers import SMALLEST_SCALE
from penjing.compression.rounding import Task
from penjing.model.model import Quantizer

SHRINKS = tuple(step / 40 for step in range(40, 11, -1))


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A quantizer spread over rows: scale and zero point [groups, rows]."""

    scale: Tensor
    zero_point: Tensor
    q_min: int
    q_max: int

    @classmethod
    def of(cls, quantizer: Quantizer, shape: torch.Size) -> "Grid":
        """For rows [groups, rows, …]."""
        scale, zero_point = quantizer.scale.double(), quantizer.zero_point.double()
        if quantizer.axis is None:
            scale, zero_point = scale.expand(shape[:2]), zero_point.expand(shape[:2])
        return cls(
            scale=scale.reshape(shape[:2]),
            zero_point=zero_point.reshape(shape[:2]),
            q_min=quantizer.q_min,
            q_max=quantizer.q_max,
        )

    def nearest(self, values: Tensor) -> Tensor:
        """Values [groups, rows] or [groups, rows, columns] on the grid."""
        extra = (1,) * (values.dim() - 2)
        scale = self.scale.reshape(*self.scale.shape, *extra)
        zero_point = self.zero_point.reshape(*self.scale.shape, *extra)
        return scale * ((torch.round(values / scale) + zero_point).clamp(self.q_min, self.q_max) - zero_point)


def searched(task: Task, target: Tensor, moments: Moments) -> Quantizer:
    """The grid of `target`, shrunk by the factor with the smallest error weighted by the diagonal of H."""
    importance = moments.compressed.diagonal(dim1=1, dim2=2)[:, None]
    wide = task.quantizer_of(target.reshape(task.weight.shape).float())
    best_scale = wide.scale
    best_error = torch.full(wide.scale.shape, torch.inf, dtype=torch.float64)
    for shrink in SHRINKS:
        tried = dataclasses.replace(wide, scale=(wide.scale * shrink).clamp(min=SMALLEST_SCALE))
        apart = target - Grid.of(tried, target.shape).nearest(target)
        error = (importance * apart.square()).sum(dim=2)
        error = error.sum() if wide.axis is None else error.reshape(-1)
        best_scale = torch.where(error < best_error, tried.scale, best_scale)
        best_error = torch.minimum(error, best_error)
    return dataclasses.replace(wide, scale=best_scale)


def refitted(original: Tensor, rows: Tensor, moments: Moments, quantizer: Quantizer) -> Quantizer:
    """The scale of every row that fits its codes c best: argmin_S E‖w x - S c x̂‖² = w·C·c / c·H·c."""
    scale = quantizer.scale.double().reshape(rows.shape[:2])
    codes = torch.round(rows / scale[:, :, None])
    met = (codes @ moments.compressed * codes).sum(dim=2)
    wanted = (original @ moments.crossed * codes).sum(dim=2)
    fitted = torch.where((met > 0) & (wanted > 0), wanted / met.clamp_min(1e-300), scale)
    fitted = fitted.reshape(quantizer.scale.shape).float().clamp(min=SMALLEST_SCALE)
    return dataclasses.replace(quantizer, scale=fitted)
