"""Weights that share few values: k-means over the kept weights of a layer (Han et al. 2016, arXiv:1510.00149).

>>> import numpy as np
>>> nearest(np.array([0.1, 0.9]), shared_values(np.array([0.0, 0.2, 0.9, 1.1]), 2)).tolist()
[0, 1]
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

EXACT = 512
"""Up to so many different weights the best codebook of all is found. Of more, neighbours are taken together to so many
groups, and Lloyd's steps go on from the best codebook of those: on LeNet-5 at 80 % zeros it leaves 1/6 to 9/10 of the
error of the linear start of Han et al."""
STEPS = 300
TOLERANCE = 1e-6
"""Lloyd's steps end when the error falls by no larger share."""


def shared_values(weights: Array, size: int, importance: Array | None = None) -> Array:
    """The sorted values, `size` at the most, with a small Σ hᵢ (wᵢ - c(wᵢ))²; float64.

    Args:
        weights: The kept weights, flat; none give the codebook [0].
        size: k; fewer different weights are the codebook themselves.
        importance: h, at least 0, one for each weight; by default all count alike.
    """
    if not len(weights):
        return np.zeros(1)
    order = np.argsort(weights, kind="stable")
    points = weights[order].astype(np.float64)
    weight = np.ones(len(points)) if importance is None else importance[order].astype(np.float64)
    if not weight.sum() > 0:
        weight = np.ones(len(points))
    starts = np.flatnonzero(np.concatenate([[True], np.diff(points) > 0]))
    points, weight = points[starts], np.add.reduceat(weight, starts)
    if len(points) <= size:
        return points
    if len(points) <= EXACT:
        return _best(points, weight, size)
    starts = np.arange(EXACT) * len(points) // EXACT
    together = np.add.reduceat(weight, starts)
    means = np.add.reduceat(weight * points, starts) / np.maximum(together, np.finfo(np.float64).tiny)
    return _lloyd(points, weight, _best(means, together, size))


def nearest(weights: Array, codebook: Array) -> Array:
    """The place of the nearest value in a sorted codebook; halfway the lower."""
    return np.searchsorted((codebook[1:] + codebook[:-1]) / 2, weights, side="left")


def rate(count: int, size: int, *, bits: int = 32) -> float:
    """How much smaller sharing makes `count` weights of `bits` bits: n·b / (n·log₂k + k·b)."""
    return count * bits / (count * math.log2(size) + size * bits)


def _lloyd(points: Array, weight: Array, values: Array) -> Array:
    """Values become the means of what is nearest to them, again and again; those with nothing near stay or go."""
    sums = np.concatenate([[0.0], np.cumsum(weight)])
    firsts = np.concatenate([[0.0], np.cumsum(weight * points)])
    seconds = np.concatenate([[0.0], np.cumsum(weight * points**2)])
    last = np.inf
    for _ in range(STEPS):
        edges = np.searchsorted(points, (values[1:] + values[:-1]) / 2, side="right")
        edges = np.concatenate([[0], edges, [len(points)]])
        amounts, moments = np.diff(sums[edges]), np.diff(firsts[edges])
        used = amounts > 0
        values = moments[used] / amounts[used]
        error = float((np.diff(seconds[edges])[used] - moments[used] * values).sum())
        if last - error <= TOLERANCE * error:
            break
        last = error
    return values


def _best(points: Array, weight: Array, size: int) -> Array:
    """The optimum: clusters of sorted points are intervals, so the best k follow from the best k - 1 of every start."""
    sums = np.concatenate([[0.0], np.cumsum(weight)])
    firsts = np.concatenate([[0.0], np.cumsum(weight * points)])
    seconds = np.concatenate([[0.0], np.cumsum(weight * points**2)])
    amounts, moments = sums[None, :] - sums[:, None], firsts[None, :] - firsts[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = seconds[None, :] - seconds[:, None] - moments**2 / amounts
    errors = np.where(amounts > 0, np.maximum(errors, 0), np.where(np.eye(len(sums), dtype=np.bool_), 0, np.inf))
    errors[np.tril_indices(len(sums), -1)] = np.inf
    best, splits = errors[0], []
    for _ in range(size - 1):
        total = best[:, None] + errors
        splits.append(total.argmin(axis=0))
        best = total.min(axis=0)
    edges = [len(points)]
    for split in reversed(splits):
        edges.append(int(split[edges[-1]]))
    bounds = np.unique([*edges, 0])
    means: Array = np.diff(firsts[bounds]) / np.diff(sums[bounds])
    return means
