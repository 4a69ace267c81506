"""One number from what every sample says, with its 95 % interval: shares, errors, R² and AUC; no torch.

Shares have Wilson's interval; means the normal one with the variance of their samples, or of their groups; R² that of
a ratio (Cochran 1977, §6); AUC that of DeLong, DeLong & Clarke-Pearson (1988, Biometrics 44:837),
or of groups Obuchowski's (1997, Biometrics 53:567).

>>> import numpy as np
>>> quality_of("mse", np.array([1.0, 3.0])).value
2.0
"""

import math
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from penjing.catalogue.metrics import Metric, metric
from penjing.estimation.interval import Z, effective_samples, student_quantile, wilson
from penjing.results import Accuracy

Vector = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """How margins, one for each sample and more is better, become one number, the *level*, at most 1.

    Share: a margin above 0 is right, the level is the share of them. Error and fit: a margin is 1 - error / scale, with
    the error of a constant answer for a scale, so that the mean of squares' margins is R². Rank: the score of an
    abnormal sample, minus that of a normal one; the level is the AUC. Levels are compared alike: 0.02 less is much.
    """

    metric: str = "top1"
    scale: float = 1.0
    abnormal: bytes = b""
    """Of a rank: by sample whether it is, as bool."""
    weights: bytes = b""
    """Of shares and means, float32: how much each sample counts, together 1; empty where all count alike."""

    @property
    def positive(self) -> Bools:
        """The same as an array."""
        return np.frombuffer(self.abnormal, np.bool_)

    def level(self, margins: NDArray[Any]) -> float:
        """Of one network's margins [n]."""
        if not len(margins):
            return 0.0
        kind = metric(self.metric).kind
        if kind == "share":
            return float(self.mean(margins > 0))
        if kind == "rank":
            return auc(np.where(self.positive, margins, -np.asarray(margins)), self.positive)
        return float(self.mean(margins))

    def mean(self, values: NDArray[Any]) -> Vector:
        """Of values […, n], each sample counting as much as it is to."""
        if self.weights:
            return np.asarray(values @ np.frombuffer(self.weights, "<f4").astype(np.float64), np.float64)
        return np.asarray(values.mean(axis=-1, dtype=np.float64))

    def expected(self, margins: Vector, noise: Vector) -> Vector:
        """The levels of several networks, margins […, n] known up to a normal noise of this deviation, […, 1].

        The normal distribution function is that of a logistic one, 1 / (1 + exp(-1.702 x)), within 0.0095.
        """
        if metric(self.metric).is_share:
            places = margins / np.maximum(noise, _LEAST_NOISE)
            return self.mean(1 / (1 + np.exp(-np.clip(LOGISTIC * places, -60, 60))))
        levels = [self.level(one) for one in margins.reshape(-1, margins.shape[-1])]
        return np.array(levels).reshape(margins.shape[:-1])

    def value(self, level: float) -> float:
        """The metric's value at a level."""
        how = metric(self.metric)
        return how.clamp((1 - level) * self.scale if how.kind == "error" else level)

    def level_of(self, value: float) -> float:
        """The level of a value."""
        return 1 - value / self.scale if metric(self.metric).kind == "error" else value

    def part(self, chosen: NDArray[Any]) -> "Measure":
        """The same for some of the samples."""
        return self if not self.abnormal else msgspec.structs.replace(self, abnormal=self.positive[chosen].tobytes())


LOGISTIC = 1.702
_LEAST_NOISE = 1e-6


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


def auc_change(
    before: Vector, after: Vector, positive: Bools, groups: NDArray[np.int64] | None = None
) -> tuple[float, float]:
    """(by how much an AUC changed, half-width (95 %)), DeLong's for two scores of the same samples.

    The half-width is 1 where fewer than two samples, or groups, of either kind were seen.
    """
    (up, down), (was_up, was_down) = _placements(after, positive), _placements(before, positive)
    half = _rank_half(up - was_up, down - was_down, positive, groups)
    if not math.isfinite(half):
        return 0.0, 1.0
    return float(up.mean() - was_up.mean()), half


def _rank_half(above: Vector, below: Vector, positive: Bools, groups: NDArray[np.int64] | None) -> float:
    """The half-width (95 %) of a mean of placements, those of abnormal and of normal samples; infinite of too few.

    Without groups DeLong's, with them that of clustered ROC curves (Obuchowski 1997, Biometrics 53:567): samples of
    one group count together, abnormal ones with normal ones too.
    """
    if len(above) < 2 or len(below) < 2:
        return math.inf
    if groups is None:
        return Z * math.sqrt(above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below))
    names, place = np.unique(groups, return_inverse=True)
    ups = np.bincount(place[positive], weights=above - above.mean(), minlength=len(names))
    downs = np.bincount(place[~positive], weights=below - below.mean(), minlength=len(names))
    count = len(names)
    of_ups, of_downs = (len(np.unique(place[one])) for one in (positive, ~positive))
    if of_ups < 2 or of_downs < 2:
        return math.inf
    m, n = len(above), len(below)
    variance = of_ups / (of_ups - 1) * float(ups @ ups) / m**2 + of_downs / (of_downs - 1) * float(downs @ downs) / n**2
    variance += 2 * count / (count - 1) * float(ups @ downs) / (m * n)
    return student_quantile(count - 1) * math.sqrt(max(variance, 0.0))


def mean_change(changes: Vector, groups: NDArray[np.int64] | None = None) -> tuple[float, float]:
    """(the mean of changes that were seen sample by sample, its half-width (95 %); 0 of fewer than two)."""
    half = _mean_half(changes, groups)
    return float(changes.mean()) if len(changes) else 0.0, half if math.isfinite(half) else 0.0


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
        positive = np.asarray(against, np.bool_)
        half = _rank_half(above, below, positive, groups)
        if half == 0:
            # Where all pairs are in order, so few samples (or groups) of the rarer kind tell only that much.
            share, rarer = float(above.mean()), min(len(above), len(below))
            if groups is not None:
                rarer = min(len(np.unique(groups[one])) for one in (positive, ~positive))
            low, high = wilson(share, rarer)
            return max(share - low, high - share)
        return half
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
