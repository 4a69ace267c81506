"""Is the drop real? McNemar's exact test on the samples that two networks judge differently.

>>> round(mcnemar(lost=10, gained=2), 6)
0.038574
"""

import math

import numpy as np
from numpy.typing import NDArray

_FINE = 100
"""Into so many steps the largest weight is divided."""
_MOST_EXACT = 200
"""Samples from which on their sum is taken for normally distributed."""


def mcnemar(*, lost: int, gained: int) -> float:
    """Two-sided exact p-value (McNemar 1947): `lost` were right only before, `gained` only after.

    Under "no difference" every such sample falls on either side with probability ½: p = 2 · P(X ≤ min), X ~ B(n, ½).
    """
    n, least = lost + gained, min(lost, gained)
    logarithm = math.lgamma(n + 1) - math.lgamma(least + 1) - math.lgamma(n - least + 1) - n * math.log(2)
    term = tail = math.exp(logarithm)  # P(X = least), then the ones below it
    for k in range(least, 0, -1):
        term *= k / (n - k + 1)
        tail += term
    return min(1.0, 2 * tail)


def weighted_mcnemar(*, lost: NDArray[np.float64], gained: NDArray[np.float64]) -> float:
    """The same of samples that stand for different numbers of others, by their weights, as of a stratified draw.

    Under "no difference" every sample falls on either side with probability ½, so p = P(|Σ ± w| ≥ |Σ w⁺ - Σ w⁻|): a
    sign-flip test (Fisher 1935, §21). Exact up to the rounding of weights, by the Fourier transform of the sum, which
    is Π cos(w θ); with equal weights it is McNemar's.

    >>> round(weighted_mcnemar(lost=np.ones(10), gained=np.ones(2)), 6)
    0.038574
    """
    weights = np.concatenate([lost, gained])
    if not len(weights):
        return 1.0
    if weights.min() == weights.max():
        return mcnemar(lost=len(lost), gained=len(gained))
    apart = abs(float(lost.sum() - gained.sum()))
    if len(weights) > _MOST_EXACT:
        return math.erfc(apart / math.sqrt(2 * float((weights**2).sum())))
    steps = np.maximum(np.rint(weights / weights.max() * _FINE), 1).astype(np.int64)
    found, counts = np.unique(steps, return_counts=True)
    size = 1 << int(2 * steps.sum() + 1).bit_length()
    angles = 2 * np.pi * np.arange(size // 2 + 1) / size
    chances = np.fft.irfft(np.prod(np.cos(np.outer(angles, found)) ** counts, axis=1), size)
    sums = np.minimum(np.arange(size), size - np.arange(size))  # sums below 0 lie at the end
    edge = abs(int(steps[: len(lost)].sum() - steps[len(lost) :].sum()))
    # The transform rounds; the chance of all on one side is the least that any outcome has.
    return float(np.clip(chances[sums >= edge].sum(), 2.0 ** (1 - len(weights)), 1.0))
