"""Chooses the range [low, high] that an activation's codes cover, from what it was seen to be."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
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
MOMENTUM = 0.9
SHARES = tuple(step / 64 for step in range(64, 0, -1))
FAINT = 0.01
"""Samples much fainter than this share of the batch's mean count as if they had it."""
_TINY = 1e-30
MOST_CLIPPED = 0.01
"""The share of values that an entropy range may leave outside: KL knows no distances, so that with nearly everything
clipped to the two ends p and q are alike again (a picture's one background value is such a case)."""


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What one tensor was seen to be: (smallest, largest) of every batch, and a sample of its values."""

    ranges: tuple[Range, ...] = ()
    values: tuple[Values, ...] = ()
    shares: tuple[Values, ...] = ()
    """By value, 1 / the mean square of the sample [.., …] that it is from."""

    def with_batch(self, tensor: Tensor, generator: torch.Generator) -> "Observed":
        """What is known after another batch, [samples, …]."""
        draws = drawn(tensor.numel(), generator)
        return self.with_parts([part_of(tensor, 0, draws)], draws)

    def with_parts(self, parts: Sequence["Part"], draws: Tensor | None) -> "Observed":
        """What is known after another batch that came in parts: the same as if it had come whole."""
        sizes = torch.cat([part.sizes for part in parts])
        shares = 1 / (sizes + FAINT * sizes.mean()).clamp_min(_TINY)
        if draws is None:
            values = torch.cat([part.values for part in parts])
            shares = shares.repeat_interleave(len(values) // len(sizes))
        else:
            values = torch.empty(len(draws))
            for part in parts:
                values[part.places] = part.values
            shares = shares[draws // parts[0].row]
        low, high = min(part.extent[0] for part in parts), max(part.extent[1] for part in parts)
        if any(np.isnan(part.extent).any() for part in parts):
            low = high = float("nan")
        return dataclasses.replace(
            self,
            ranges=(*self.ranges, (low, high)),
            values=(*self.values, values.numpy().astype(np.float32)),
            shares=(*self.shares, shares.numpy().astype(np.float32)),
        )

    @property
    def all_values(self) -> Values:
        """The sample of all batches."""
        return np.concatenate(self.values)

    @property
    def extremes(self) -> Range:
        """The smallest and the largest value of all."""
        return min(low for low, _ in self.ranges), max(high for _, high in self.ranges)


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some samples of a batch of one tensor."""

    extent: Range
    sizes: Tensor
    """The mean square of every sample, float64."""
    values: Tensor
    """All of them, or those that were drawn."""
    places: Tensor
    """Where the drawn ones stand among the draws."""
    row: int
    """Values of one sample."""


def drawn(count: int, generator: torch.Generator) -> Tensor | None:
    """Which of the `count` values of a batch stand for all; None where all do."""
    return torch.randint(count, (VALUES_PER_BATCH,), generator=generator) if count > VALUES_PER_BATCH else None


def part_of(tensor: Tensor, first: int, draws: Tensor | None) -> Part:
    """What the samples [samples, …] from the `first` of a batch on tell; `draws` is of the whole batch."""
    rows = tensor.detach().reshape(len(tensor), -1)
    flat, row = rows.reshape(-1), rows.shape[1]
    places = torch.empty(0, dtype=torch.int64)
    values = flat
    if draws is not None:
        inside = draws - first * row
        places = torch.nonzero((inside >= 0) & (inside < len(flat))).flatten()
        values = flat[inside[places]]
    return Part(
        extent=(float(flat.min()), float(flat.max())),
        sizes=rows.double().square().mean(dim=1),
        values=values.float().clone(),
        places=places,
        row=row,
    )


Calibrator = Callable[[Observed, int], Range]
"""(observed, bits) → the range to cover."""


def _minmax(observed: Observed, bits: int) -> Range:
    return observed.extremes


def _ema(observed: Observed, bits: int) -> Range:
    """The range of each batch counts a tenth, the history before it nine tenths (Jacob 2018)."""
    low, high = observed.ranges[0]
    for least, most in observed.ranges[1:]:
        low, high = MOMENTUM * low + (1 - MOMENTUM) * least, MOMENTUM * high + (1 - MOMENTUM) * most
    return low, high


def _percentile(observed: Observed, bits: int) -> Range:
    low, high = np.quantile(observed.all_values, (1e-4, 1 - 1e-4))
    return float(low), float(high)


def _mse(observed: Observed, bits: int) -> Range:
    """The range with the smallest error of rounding and clipping: the best factor for both ends, then for each end.

    A sample's error counts in relation to the sample's own size: Σ_j ‖r_j - r̂_j‖² / ‖r_j‖². Without that a single
    violent movement among 256 recordings of a motion sensor decides about the range of all, and codes go to waste.
    """
    low, high = min(observed.extremes[0], 0.0), max(observed.extremes[1], 0.0)
    if low == high:
        return low, high
    shares = np.concatenate(observed.shares)
    counts, edges = np.histogram(observed.all_values, bins=BINS, range=(low, high), weights=shares)
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


def _entropy(observed: Observed, bits: int) -> Range:
    """The share of the range whose codes tell most about the values (Migacz 2017); both ends shrink together."""
    low, high = min(observed.extremes[0], 0.0), max(observed.extremes[1], 0.0)
    if low == high:
        return low, high
    counts, edges = np.histogram(observed.all_values, bins=BINS, range=(low, high))
    # The zeros of a ReLU are exact whatever the range: they would drown all that the range decides about.
    zero = min(int(np.searchsorted(edges, 0.0, side="right")) - 1, BINS - 1)
    counts[zero] = counts[zero - 1 if zero == BINS - 1 else zero + 1]
    least = min((1 << bits) / BINS, 1.0)  # fewer bins than codes lose nothing and say nothing

    def inside(share: float) -> NDArray[np.bool_]:
        return (edges[1:] > low * share) & (edges[:-1] < high * share)

    enough = (1 - MOST_CLIPPED) * counts.sum()
    shares = [share for share in SHARES if share >= least and counts[inside(share)].sum() >= enough]
    best = min(shares, key=lambda share: lost_information(counts, inside(share), 1 << bits))
    return low * best, high * best


def lost_information(counts: NDArray[np.int64], kept: NDArray[np.bool_], levels: int) -> float:
    """KL(p ‖ q) of a histogram clipped to `kept` bins: p with the rest at its ends, q of `levels` equal parts.

    Within a part q is spread evenly over the bins that p fills.
    """
    inside = np.flatnonzero(kept)
    first, last = inside[0], inside[-1]
    clipped = counts[first : last + 1].astype(np.float64)
    real = clipped.copy()
    real[0] += counts[:first].sum()
    real[-1] += counts[last + 1 :].sum()
    part = np.arange(len(clipped)) * levels // len(clipped)
    filled = real > 0
    mass = np.bincount(part, clipped, levels)
    places = np.bincount(part, filled, levels)
    coded = np.where(filled, mass[part] / np.maximum(places[part], 1), 0)
    p, q = real[filled] / real.sum(), coded[filled] / max(coded.sum(), 1e-300)
    return float(np.sum(p * np.log(p / np.maximum(q, 1e-12))))


CALIBRATORS: Mapping[str, Calibrator] = {
    "minmax": _minmax,
    "percentile": _percentile,
    "ema": _ema,
    "mse": _mse,
    "entropy": _entropy,
}
"""By the catalogue's ids."""
