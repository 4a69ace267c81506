"""Chooses the range [low, high] that an activation's codes cover, from what it was seen to be."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Values = NDArray[np.float32]
Range = tuple[float, float]

MOST_SAMPLES = 256
BATCH = 32
VALUES_PER_BATCH = 1 << 15
"""Of each tensor and batch, this many values drawn at random stand for all; extremes are exact."""

BINS = 2048
SHARES = tuple(step / 64 for step in range(64, 0, -1))


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What one tensor was seen to be: (smallest, largest) of every batch, and a sample of its values."""

    ranges: tuple[Range, ...] = ()
    values: tuple[Values, ...] = ()

    def with_batch(self, tensor: Tensor, generator: torch.Generator) -> "Observed":
        """What is known after another batch."""
        flat = tensor.detach().reshape(-1)
        extent = (float(flat.min()), float(flat.max()))
        if len(flat) > VALUES_PER_BATCH:
            flat = flat[torch.randint(len(flat), (VALUES_PER_BATCH,), generator=generator)]
        return dataclasses.replace(
            self, ranges=(*self.ranges, extent), values=(*self.values, flat.numpy().astype(np.float32))
        )

    @property
    def all_values(self) -> Values:
        """The sample of all batches."""
        return np.concatenate(self.values)

    @property
    def extremes(self) -> Range:
        """The smallest and the largest value of all."""
        return min(low for low, _ in self.ranges), max(high for _, high in self.ranges)


Calibrator = Callable[[Observed, int], Range]
"""(observed, bits) → the range to cover."""


def _minmax(observed: Observed, bits: int) -> Range:
    return observed.extremes


def _percentile(observed: Observed, bits: int) -> Range:
    low, high = np.quantile(observed.all_values, (1e-4, 1 - 1e-4))
    return float(low), float(high)


def _mse(observed: Observed, bits: int) -> Range:
    """The range with the smallest error of rounding and clipping: the best factor for both ends, then for each end."""
    low, high = min(observed.extremes[0], 0.0), max(observed.extremes[1], 0.0)
    if low == high:
        return low, high
    counts, edges = np.histogram(observed.all_values, bins=BINS, range=(low, high))
    centres, levels = (edges[:-1] + edges[1:]) / 2, (1 << bits) - 1

    def error(ends: Range) -> float:
        scale = (ends[1] - ends[0]) / levels
        first = np.rint(ends[0] / scale)
        rounded = scale * np.clip(np.rint(centres / scale), first, first + levels)
        return float(np.dot(counts, np.square(centres - rounded)))

    best = min(((low * share, high * share) for share in SHARES), key=error)
    for _ in range(2):
        best = min(((low * share, best[1]) for share in SHARES), key=error) if low < 0 else best
        best = min(((best[0], high * share) for share in SHARES), key=error) if high > 0 else best
    return best


CALIBRATORS: Mapping[str, Calibrator] = {"minmax": _minmax, "percentile": _percentile, "mse": _mse}
"""By the catalogue's ids."""
