"""How much a network's accuracy differs from another one's, from as few samples as can be: paired and stratified.

The other network was heard on every sample: its margin (the truth's logit less the best other one) is known. Samples
with a small margin are those that change, so they are looked at first and more densely. The value is the stratified
mean (Cochran 1977, §5), which is unbiased whatever the margins tell and exact when all samples were seen. How much the
unseen samples may still change it is told by how far margins moved on the seen ones: few changed enough to flip a
choice, but all of them moved.

>>> draw = Draw(strata(np.linspace(-1, 5, 100)))
>>> sorted(np.concatenate([draw.batch(60), draw.batch(60)]).tolist()) == list(range(100))
True
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penjing.estimation.interval import Z

Vector = NDArray[np.float64]
Indices = NDArray[np.int64]
Seen = NDArray[np.bool_]

SHARES = (0.05, 0.05, 0.1, 0.2)
"""Of all samples, those with the smallest margins first; the last stratum is what remains."""
WIDTH = 0.65
"""Of the kernel, in standard deviations of the noise times k^(-1/5); wide enough to hold in 95 of 100 plans."""
GRID = 48
"""Margins of each sign for which the chance of a flip is told; between them it is interpolated."""
LOOKED = 8192
"""About so many samples, evenly spread, tell what the unseen ones of a larger split may do."""
LEAST_VARIANCE = 1e-5
"""So much no stratum is without."""
TINY = 1e-9
NEAR = 0.04
"""Of all samples, those that `chosen` takes twice as densely as what is farther."""
FEW = 8
"""Samples of a stratum whose own variance is not believed alone."""


@dataclass(frozen=True)
class Difference:
    """What is known of the mean change of all samples."""

    mean: float
    half: float
    """Half-width (95 %) of what the samples not seen yet may do to it."""
    variances: tuple[float, ...] = ()
    """By stratum: what the change of one sample varies by."""


def strata(margins: Vector) -> Indices:
    """The stratum of each sample, 0 for the smallest |margin|; equal ones are told apart by chance (seed 0)."""
    count = len(margins)
    shuffled = np.random.default_rng(0).permutation(count)
    ranked = shuffled[np.argsort(np.abs(margins)[shuffled], kind="stable")]
    ends = np.ceil(np.cumsum(SHARES) * count).astype(np.int64)
    found = np.empty(count, np.int64)
    found[ranked] = np.searchsorted(ends, np.arange(count), side="right")
    return found


def chosen(margins: Vector, most: int) -> tuple[Indices, Vector]:
    """At most about `most` samples, denser where |margin| is small, and how much each counts, together 1.

    Drawn systematically along the margins (Madow & Madow 1944). The chance of a sample is in proportion to
    1 / (1 + r / `NEAR`), r being the share of samples with a smaller |margin|; it counts by one over its chance.
    """
    count = len(margins)
    if count <= most:
        return np.arange(count), np.full(count, 1 / max(count, 1))
    rank = np.empty(count)
    rank[np.argsort(np.abs(margins), kind="stable")] = (np.arange(count) + 0.5) / count
    chances = 1 / (1 + rank / NEAR)
    low, high = 0.0, float(count)
    for _ in range(50):  # the scale at which as many are expected as may be
        scale = (low + high) / 2
        low, high = (scale, high) if np.minimum(scale * chances, 1).sum() < most else (low, scale)
    chances = np.minimum(low * chances, 1)
    order = np.argsort(margins, kind="stable")
    steps = np.floor(np.cumsum(chances[order]) + 0.5)
    taken = np.sort(order[np.diff(steps, prepend=0.0) > 0])
    weights = 1 / chances[taken]
    return taken, weights / weights.sum()


class Draw:
    """Every sample once, batch after batch: as many of each stratum at first, then where the variance falls most.

    Neyman's allocation (1934), step by step: one sample more of a stratum takes W² σ² / (n (n + 1)) off the variance of
    the stratified mean, W being the stratum's share of all samples, σ² what its samples' changes are found to vary by.
    """

    def __init__(self, place: Indices) -> None:
        """Draw from samples of these `strata`, [n]; the same at every call as long as the deviations are the same."""
        random = np.random.default_rng(1)
        self._waiting = [random.permutation(np.flatnonzero(place == number)) for number in range(len(SHARES) + 1)]
        self._sizes = [len(own) for own in self._waiting]

    def batch(self, room: int, variances: Sequence[float] = ()) -> Indices:
        """The next `room` samples, fewer where no more are left; `variances` as `difference` found them."""
        waiting = [len(own) for own in self._waiting]
        taken = _neyman(self._sizes, waiting, room, variances) if variances else _alike(waiting, room)
        found = [own[:count] for own, count in zip(self._waiting, taken, strict=True)]
        self._waiting = [own[count:] for own, count in zip(self._waiting, taken, strict=True)]
        return np.concatenate(found)


def _alike(waiting: Sequence[int], room: int) -> list[int]:
    taken = [0] * len(waiting)
    # The shortest first: what it cannot give the others do.
    for turn, number in enumerate(sorted(range(len(waiting)), key=lambda number: (waiting[number], number))):
        taken[number] = min(waiting[number], math.ceil(room / (len(waiting) - turn)))
        room -= taken[number]
    return taken


def _neyman(sizes: Sequence[int], waiting: Sequence[int], room: int, variances: Sequence[float]) -> list[int]:
    taken = [0] * len(waiting)
    weights = [size**2 * max(variance, LEAST_VARIANCE) for size, variance in zip(sizes, variances, strict=True)]
    seen = [size - left for size, left in zip(sizes, waiting, strict=True)]

    def gain(number: int) -> float:
        n = seen[number] + taken[number]
        return weights[number] / (n * (n + 1)) if n else math.inf

    for _ in range(min(room, sum(waiting))):
        taken[max((one for one in range(len(sizes)) if taken[one] < waiting[one]), key=gain)] += 1
    return taken


def difference(
    margins: Vector, after: Vector, change: Vector, seen: Seen, place: Indices, *, flips: bool = True
) -> Difference:
    """The mean change of all samples from those seen so far.

    The variance of a stratum is that of its seen samples or what the moved margins let expect, whichever is larger;
    with Cochran's correction for a finite population, 1 - n_h / N_h.

    Args:
        margins: Of the network that was heard on every sample, float [n].
        after: Of the other one; read only where `seen`.
        change: Of what is averaged, -1, 0 or 1; read only where `seen`.
        seen: Bool [n].
        place: Of `strata`.
        flips: Whether a change is that of a margin's sign; otherwise it is any number, and unseen samples are expected
            to vary as all seen ones do where a stratum has shown too few of its own.
    """
    looked = np.arange(0, len(margins), max(1, len(margins) // LOOKED))
    chances, stratum, unseen = np.zeros(len(looked)), place[looked], ~seen[looked]
    if flips:
        chances = flip_chances(margins[looked], margins[seen], after[seen] - margins[seen])
    common = float(change[seen].var()) if not flips and seen.any() else 0.0
    mean, variance, variances = 0.0, 0.0, [0.0] * (len(SHARES) + 1)
    for number in np.unique(place):
        members = place == number
        known = members & seen
        share, n, count = members.mean(), int(known.sum()), int(members.sum())
        if n == 0:
            variances[number] = 1.0 if flips else common
            variance += float(share) ** 2 * variances[number]
            continue
        own = change[known].astype(np.float64)
        found = float(own.mean())
        mean += float(share) * found
        rest = chances[(stratum == number) & unseen]
        expected = float((rest * (1 - rest)).mean()) if len(rest) else 0.0
        expected = common if not flips and n < FEW else expected
        observed = float((own**2).mean()) - found**2
        variances[number] = max(expected, observed)
        variance += float(share) ** 2 * variances[number] / n * (1 - n / count)
    return Difference(mean, Z * math.sqrt(variance), tuple(variances))


def flip_chances(margins: Vector, before: Vector, moved: Vector) -> Vector:
    """The chance that each sample's margin changes its sign, judged from margins that are known to have moved.

    Margins shrink or grow together (a line through what is known), the rest is noise that grows with the margin. Its
    distribution is that of the known samples, each widened to a Student t with 3 degrees of freedom: far tails, since
    few samples do not show them.

    Args:
        margins: Of the samples to be judged, [n].
        before: Margins of known samples, [k].
        moved: By how much those moved, [k].
    """
    if len(before) < 2:
        return np.full(len(margins), 0.5)
    design = np.stack([np.ones_like(before), before], axis=1)
    weights = 1 / (np.median(np.abs(before)) + np.abs(before) + TINY)
    line = np.linalg.lstsq(design * weights[:, None], moved * weights, rcond=None)[0]
    rest = np.abs(moved - design @ line)
    sizes = np.stack([np.ones_like(before), np.abs(before)], axis=1)
    floor, slope = np.linalg.lstsq(sizes * weights[:, None], rest * weights, rcond=None)[0]
    if slope < 0 or floor < 0:
        floor, slope = float(rest.mean()), 0.0
    noise = (moved - design @ line) / (floor + slope * np.abs(before) + TINY)
    width = WIDTH * float(noise.std()) * len(noise) ** -0.2 + TINY
    size = np.abs(margins)
    grid = np.sort(size)[np.linspace(0, len(size) - 1, GRID).astype(np.int64)]

    def chance(at: Vector) -> Vector:
        """That the margin `at` has another sign afterwards."""
        edge = -(at + line[0] + line[1] * at) / (floor + slope * np.abs(at) + TINY)
        below = _student3((edge[:, None] - noise) / width).mean(axis=1)
        return np.asarray(np.where(at >= 0, below, 1 - below), np.float64)

    above, found = margins >= 0, np.empty(len(margins))
    found[above] = np.interp(size[above], grid, chance(grid))
    found[~above] = np.interp(size[~above], grid, chance(-grid - TINY))
    return found


def _student3(values: Vector) -> Vector:
    """The distribution function of Student's t with 3 degrees of freedom."""
    scaled = values / math.sqrt(3)
    return np.asarray(0.5 + (scaled / (1 + scaled**2) + np.arctan(scaled)) / math.pi, np.float64)
