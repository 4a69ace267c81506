"""One number from what every sample says, with its 95 % interval: shares, errors, R² and AUC; no torch.

Shares have Wilson's interval; means the normal one with the variance of their samples, or of their groups; R² that of
a ratio (Cochran 1977, §6); AUC that of DeLong, DeLong & Clarke-Pearson (1988, Biometrics 44:837).

>>> import numpy as np
>>> quality_of("mse", np.array([1.0, 3.0])).value
2.0
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penjing.catalogue.metrics import Metric, metric
from penjing.estimation.interval import Z, effective_samples, student_quantile, wilson
from penjing.results import Accuracy

Vector = NDArray[np.float64]
Bools = NDArray[np.bool_]


def quality_of(
    name: str,
    scores: NDArray[Any],
    *,
    against: NDArray[Any] | None = None,
    groups: NDArray[np.int64] | None = None,
    split: str = "val",
) -> Accuracy:
    """The metric's value of samples and its interval.

    Args:
        name: Of the metric.
        scores: By sample: right or not (share), error (error, fit: the squared one), how abnormal it looks (rank).
        against: By sample: what a constant answer would err (fit); whether it is abnormal (rank).
        groups: Of samples that belong together.
        split: That they are of.
    """
    how, n = metric(name), len(scores)
    if how.is_share:
        value = float(scores.mean()) if n else 0.0
        hits = np.asarray(scores, np.bool_)
        low, high = wilson(value, n if groups is None or not n else effective_samples(hits, groups))
    else:
        value, half = value_of(how, scores, against), _half(how, np.asarray(scores, np.float64), against, groups)
        half = half if math.isfinite(half) else max(abs(value), 1.0)  # one sample tells nothing of how samples differ
        low, high = how.clamp(value - half), how.clamp(value + half)
    return Accuracy(value=value, low=low, high=high, n=n, kind="measured", metric=name, split=split)


def value_of(how: Metric, scores: NDArray[Any], against: NDArray[Any] | None = None) -> float:
    """The value alone; 0 of no samples, ½ where an AUC has one class only, R² of constant targets 1 or 0."""
    if how.kind == "rank":
        assert against is not None
        return auc(scores, np.asarray(against, np.bool_))
    if not len(scores):
        return 0.0
    mean = float(np.mean(scores, dtype=np.float64))
    if how.kind != "fit":
        return mean
    assert against is not None
    most = float(np.mean(against, dtype=np.float64))
    return 1 - mean / most if most > 0 else float(mean == 0)


def auc(scores: NDArray[Any], positive: Bools) -> float:
    """The share of pairs in which the abnormal sample has the larger score; ties count half (Mann & Whitney 1947)."""
    above, below = _placements(np.asarray(scores, np.float64), positive)
    return float(above.mean()) if len(above) and len(below) else 0.5


def _placements(scores: Vector, positive: Bools) -> tuple[Vector, Vector]:
    """For each abnormal sample the share of normal ones below it, for each normal one of abnormal ones above it."""
    high, low = scores[positive], scores[~positive]
    ordered_low, ordered_high = np.sort(low), np.sort(high)
    below = np.searchsorted(ordered_low, high, "left") + np.searchsorted(ordered_low, high, "right")
    above = 2 * len(high) - np.searchsorted(ordered_high, low, "left") - np.searchsorted(ordered_high, low, "right")
    return below / max(2 * len(low), 1), above / max(2 * len(high), 1)


def _half(how: Metric, scores: Vector, against: NDArray[Any] | None, groups: NDArray[np.int64] | None) -> float:
    if len(scores) < 2:
        return math.inf
    if how.kind == "rank":
        assert against is not None
        above, below = _placements(scores, np.asarray(against, np.bool_))
        if len(above) < 2 or len(below) < 2:
            return math.inf
        return Z * math.sqrt(above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below))
    if how.kind == "fit":
        assert against is not None
        most = float(np.mean(against, dtype=np.float64))
        if most <= 0:
            return math.inf
        return _mean_half(scores - float(scores.mean()) / most * against, groups) / most
    return _mean_half(scores, groups)


def _mean_half(values: Vector, groups: NDArray[np.int64] | None) -> float:
    n = len(values)
    if n < 2:
        return math.inf
    if groups is None:
        return Z * float(values.std(ddof=1)) / math.sqrt(n)
    _, place = np.unique(groups, return_inverse=True)
    sums = np.bincount(place, weights=values - values.mean())
    clusters = len(sums)
    if clusters < 2:
        return math.inf
    return student_quantile(clusters - 1) * math.sqrt(clusters / (clusters - 1) * float((sums**2).sum())) / n
