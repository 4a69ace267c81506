"""How moves of margins that were seen one by one count together: scales and noise, from whole plans; no torch."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from penjing.estimation.quality import Measure

Vector = NDArray[np.float64]
Moves = NDArray[np.float32]
"""[…, aspect, sample]"""

CLASSES = Measure()
LEAST = 0.02
"""Errors count relative to the loss and this much more: a broken network is not what people look for."""
TIGHT = 5.0
"""How dear it is to leave the plain sum, beside the sum of such errors over all plans."""
STEPS = (2.0, 1.0, 0.5, 0.25)
FOLDS = 6
FEWEST = 6
"""Whole plans without which nothing is learned."""
GRID = np.linspace(0.0, 1.0, 21)


class Scales(msgspec.Struct, frozen=True, kw_only=True):
    """How the sum is made."""

    factors: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    """By aspect."""
    noise: float = 0.3
    """Standard deviation of what the sum misses, beside the root mean square of the sum over all samples."""


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """How good predictions of plans were that the scales had not seen."""

    weight: float
    """What to multiply a predicted loss by: 0 where the network as loaded is the better guess."""
    spread: float
    error: float
    """95 % of the errors were within spread + error · max(|loss|, least)."""


def chances_right(baseline: Vector, moves: Moves, scales: Scales, measure: Measure = CLASSES) -> Vector:
    """The level after the moves, of classes the share of samples that are right, […].

    Args:
        baseline: Margins before, [samples].
        moves: What to add, […, aspect, samples].
        scales: Of `learned`.
        measure: How margins become a level.
    """
    total = np.tensordot(moves, np.asarray(scales.factors, np.float32), axes=(-2, 0))
    width = scales.noise * np.sqrt(measure.mean(total.astype(np.float64) ** 2))[..., None]
    return measure.expected(baseline + total.astype(np.float64), width)


def learned(baseline: Vector, moves: Moves, right: Vector, measure: Measure = CLASSES) -> Scales:
    """The scales under which whole plans come out nearest to what they gave; the fewer plans, the nearer to the sum.

    Args:
        baseline: Margins before, [samples].
        moves: Of each plan, [plans, aspect, samples].
        right: The level of each plan, of classes the share of samples that it leaves right, [plans].
        measure: How margins become a level.
    """
    values = np.zeros(moves.shape[1] + 1)  # logarithms of factors and noise, beside the plain ones
    plain = Scales()
    if len(moves) < FEWEST:
        return plain

    def scales(values: Vector) -> Scales:
        return Scales(factors=tuple(np.exp(values[:-1]).tolist()), noise=plain.noise * float(np.exp(values[-1])))

    def cost(values: Vector) -> float:
        error = np.abs(chances_right(baseline, moves, scales(values), measure) - right)
        return float((error / (LEAST + lost)).sum()) + TIGHT * float((values**2).sum())

    lost = np.maximum(measure.level(baseline) - right, 0)
    best = cost(values)
    for step in STEPS:
        for _ in range(2):
            for place in range(len(values)):
                for way in (-step, step):
                    other = values.copy()
                    other[place] += way
                    found = cost(other)
                    if found < best:
                        best, values = found, other
    return scales(values)


def trusted(baseline: Vector, moves: Moves, right: Vector, *, least: float, measure: Measure = CLASSES) -> Trust:
    """Predicts each plan with scales learned from others, and tells how far that is to be believed."""
    before = measure.level(baseline)
    lost = before - right
    predicted = np.zeros(len(right))
    folds = np.arange(len(right)) % min(FOLDS, max(len(right), 1))
    for fold in np.unique(folds):
        held = folds == fold
        scales = learned(baseline, moves[~held], right[~held], measure)
        predicted[held] = before - chances_right(baseline, moves[held], scales, measure)
    errors = np.abs(GRID[:, None] * predicted - lost).mean(axis=1)
    weight = float(GRID[int(np.argmin(errors))])
    found = np.abs(weight * predicted - lost)
    spread = float(np.median(found))
    beyond = np.maximum(found - spread, 0) / np.maximum(np.abs(weight * predicted), least)
    return Trust(weight=weight, spread=spread, error=float(np.quantile(beyond, 0.95)))
