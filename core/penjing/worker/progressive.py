"""Accuracy that is there after the first batch and becomes exact with the last one.

A network is compared with the one that was loaded, sample by sample: they disagree on few, so the mean *change* on a
few samples says more than the mean itself. The samples near the baseline's decision borders, which are those that
change, are looked at first (`estimation.paired`).
"""

import dataclasses
import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from penjing.estimation.evaluator import Outputs
from penjing.estimation.interval import effective_samples, wilson
from penjing.estimation.margins import blank, margins_of
from penjing.estimation.measured import classes_of
from penjing.estimation.paired import Difference, Draw, difference, strata
from penjing.estimation.quality import auc_change
from penjing.estimation.scoring import Scorer
from penjing.loading.dataset import Dataset, SplitName
from penjing.results import Accuracy
from penjing.worker.change import Change, Count, change_of, confusion_of

Classes = NDArray[np.int64]
Indices = NDArray[np.int64]
Hits = NDArray[np.bool_]

BATCHES = (16, 16, 16, 16, 32, 32, 64, 128)
"""Samples of the baseline's first batches; all others are as large as the last: the first number comes early."""
CHANGES = (12, 8, 8, 8, 12, 16, 16, 32, 64, 128)
"""The same of a changed network, where each batch also tells which samples are to be in the next."""
ALIKE = 2
"""Batches that look at all strata alike; then they are known well enough."""
ENOUGH = 0.005
"""Half-width (95 %) of what unseen samples may change, at which a quick measurement ends …"""
LEAST = 64
"""… after so many samples."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Baseline:
    """What the network as loaded says about a split."""

    split: SplitName
    chosen: Classes
    """[n]"""
    truth: Classes
    """[n]: the labels, or without them what it chose."""
    margins: NDArray[np.float64]
    """[n]: by how much it is right (`Scorer.margins`); negative where a class is wrong."""
    scores: NDArray[np.float64]
    """[n]: of `Scorer.scores`."""
    scorer: Scorer
    blank: int = 0
    """Samples whose answer is no number."""

    @property
    def hits(self) -> Hits:
        """Which samples it gets right."""
        return self.scores > 0

    @functools.cached_property
    def strata(self) -> Indices:
        """[n]: of its margins; every plan is measured by them."""
        return strata(self.margins)

    @property
    def tells_classes(self) -> bool:
        """Whether samples are right or wrong."""
        return self.scorer.metric.is_share

    @property
    def accuracy(self) -> Accuracy:
        """On the whole split, as `estimation.measured.measure` says it."""
        return msgspec.structs.replace(self.scorer.accuracy(self.scores), blank=self.blank)


@dataclass(frozen=True, kw_only=True, eq=False)
class Standing:
    """An accuracy on the way."""

    accuracy: Accuracy
    final: bool
    rest: float
    """Half-width (95 %) of what the samples not seen yet may change."""
    variances: tuple[float, ...] = ()
    """By stratum of samples, of `estimation.paired`: where to look next."""
    per_class: tuple[float | None, ...] = ()
    change: Change | None = None
    """Against the baseline, on the samples seen so far."""
    confusion: tuple[Count, ...] = ()
    """Of the baseline, when it is final."""


def measure_baseline(outputs: Outputs, data: Dataset, split_name: SplitName) -> Iterator[Standing | Baseline]:
    """A `Standing` after every batch, then the `Baseline`."""
    scorer = Scorer(data, split_name)
    count = len(scorer.split)
    agrees = scorer.needs_reference
    labels = None if agrees else scorer.labels
    chosen, margins, scores = np.zeros(count, np.int64), np.zeros(count), np.zeros(count)
    seen, blanks = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    order = np.arange(count) if labels is None else labels
    for indices in spread_batches(order.astype(np.float64)):
        output = outputs(indices)
        chosen[indices] = classes_of(output, border=data.border)
        seen[indices], blanks[indices] = True, blank(output)
        if agrees:
            margins[indices] = margins_of(output, chosen[indices], border=data.border)
            scores[indices] = ~blanks[indices]
            continue
        scores[indices] = scorer.scores(output, indices)
        margins[indices] = scorer.margins(output, indices, scores[indices])
        if not seen.all():
            accuracy = _told(scorer.accuracy(scores[seen], np.flatnonzero(seen)), blanks)
            yield Standing(accuracy=accuracy, final=False, rest=math.inf)
    if agrees:
        scorer = Scorer(data, split_name, reference=chosen)
    truth = chosen if scorer.labels is None else scorer.labels
    found = Baseline(
        split=split_name,
        chosen=chosen,
        truth=truth,
        margins=margins,
        scores=scores,
        scorer=scorer,
        blank=int(np.count_nonzero(blanks)),
    )
    yield Standing(
        accuracy=found.accuracy,
        final=True,
        rest=0.0,
        per_class=per_class(found.hits, found.truth, data) if found.tells_classes else (),
        confusion=confusion_of(found.truth, found.chosen) if found.tells_classes else (),
    )
    yield found


def measure_change(outputs: Outputs, data: Dataset, baseline: Baseline, *, full: bool) -> Iterator[Standing]:
    """The accuracy of another network after every batch; the last one of a full measurement is the plain one."""
    chosen, margins, scores = baseline.chosen.copy(), baseline.margins.copy(), baseline.scores.copy()
    seen, place = np.zeros(len(chosen), np.bool_), baseline.strata
    draw, variances = Draw(place), list[tuple[float, ...]]()
    blanks = np.zeros(len(chosen), np.bool_)
    while not seen.all():
        known = variances[-1] if len(variances) >= ALIKE else ()
        indices = draw.batch(CHANGES[min(len(variances), len(CHANGES) - 1)], known)
        output = outputs(indices)
        chosen[indices] = classes_of(output, border=data.border)
        scores[indices] = baseline.scorer.scores(output, indices)
        margins[indices] = baseline.scorer.margins(output, indices, scores[indices])
        seen[indices], blanks[indices] = True, blank(output)
        if seen.all():
            break
        found = estimate(baseline, scores, margins, seen, place)
        found = dataclasses.replace(found, accuracy=_told(found.accuracy, blanks))
        variances.append(found.variances)
        enough = not full and found.rest <= ENOUGH and found.accuracy.n >= LEAST
        yield dataclasses.replace(found, final=enough, change=_change(baseline, chosen, scores, seen, final=enough))
        if enough:
            return
    yield Standing(
        accuracy=_told(baseline.scorer.accuracy(scores), blanks),
        final=True,
        rest=0.0,
        per_class=per_class(scores > 0, baseline.truth, data) if baseline.tells_classes else (),
        change=_change(baseline, chosen, scores, seen, final=True),
    )


def _told(accuracy: Accuracy, blanks: NDArray[np.bool_]) -> Accuracy:
    """The same with the number of answers that are none."""
    return msgspec.structs.replace(accuracy, blank=int(np.count_nonzero(blanks)))


def unchanged(baseline: Baseline, data: Dataset) -> Standing:
    """What `measure_change` would end with for the network as loaded."""
    return Standing(
        accuracy=baseline.accuracy,
        final=True,
        rest=0.0,
        per_class=per_class(baseline.hits, baseline.truth, data) if baseline.tells_classes else (),
        change=_change(baseline, baseline.chosen, baseline.scores, np.ones(len(baseline.chosen), np.bool_), final=True),
    )


def estimate(
    baseline: Baseline, scores: NDArray[Any], margins: NDArray[np.float64], seen: NDArray[np.bool_], place: Indices
) -> Standing:
    """The accuracy on the whole split from the samples `seen`; `scores` and `margins` are read only there.

    The level is the baseline's plus the mean change. The interval is the one of the whole split, its half-widths added
    in quadrature to that of the rest: variance = Var(whole split) + E Var(drawn from it | whole split).
    """
    scorer, how = baseline.scorer, baseline.scorer.metric
    now = np.where(seen, scores, baseline.scores)
    if how.kind == "rank":
        abnormal = scorer.measure.positive
        found = Difference(*auc_change(baseline.scores[seen], np.asarray(scores)[seen], abnormal[seen]))
        change = found.mean
    elif how.is_share:
        found = difference(baseline.margins, margins, now.astype(np.float64) - baseline.hits, seen, place)
        change = found.mean
    else:
        found = difference(baseline.margins, margins, margins - baseline.margins, seen, place, flips=False)
        change = found.mean
    measure = scorer.measure
    level = measure.level_of(baseline.accuracy.value) + change
    value = how.clamp(measure.value(level))
    rest = found.half * (measure.scale if how.kind == "error" else 1.0)
    low, high = _interval(baseline, value, now, seen)
    accuracy = Accuracy(
        value=value,
        low=how.clamp(value - math.hypot(value - low, rest)),
        high=how.clamp(value + math.hypot(high - value, rest)),
        n=int(np.count_nonzero(seen)),
        metric=how.id,
        split=baseline.split,
    )
    return Standing(accuracy=accuracy, final=False, rest=found.half, variances=found.variances)


def _interval(baseline: Baseline, value: float, now: NDArray[Any], seen: NDArray[np.bool_]) -> tuple[float, float]:
    """What the whole split itself leaves open around a value."""
    scorer = baseline.scorer
    if scorer.metric.is_share:
        groups = scorer.split.groups
        return wilson(value, float(len(now)) if groups is None else _worth(now > 0, groups, seen))
    plain = scorer.accuracy(now)
    return value - (plain.value - plain.low), value + (plain.high - plain.value)


def _worth(hits: Hits, groups: Indices, seen: NDArray[np.bool_]) -> float:
    """How many independent samples the whole split is worth once all are seen; `hits` are the baseline's elsewhere.

    A plan can make groups differ that the baseline judges alike: how alike samples of a group are (the correlation ρ
    within it) is told by those seen, and n / (1 + (m - 1) ρ) is left of n samples in groups of m (Kish 1965, §5.4).
    """
    whole = effective_samples(hits, groups)
    known = effective_samples(hits[seen], groups[seen])
    together, all_together = _size_of_groups(groups[seen]), _size_of_groups(groups)
    if seen.all() or known <= 0 or together <= 1:
        return whole
    alike = (int(np.count_nonzero(seen)) / known - 1) / (together - 1)
    return min(whole, len(hits) / (1 + (all_together - 1) * min(max(alike, 0.0), 1.0)))


def _size_of_groups(groups: Indices) -> float:
    """Of the group that a sample is in, on average."""
    sizes = np.unique(groups, return_counts=True)[1].astype(np.float64)
    return float((sizes**2).sum() / sizes.sum()) if len(sizes) else 0.0


def spread_batches(keys: NDArray[np.float64]) -> Iterator[Indices]:
    """Every index once, in batches that each spread evenly over the keys; the same at every call.

    Ranks are visited in the order of their reversed bits (van der Corput), of which every prefix is evenly spread;
    equal keys are shuffled with seed 0.
    """
    count = len(keys)
    shuffled = np.random.default_rng(0).permutation(count)
    ranked = shuffled[np.argsort(keys[shuffled], kind="stable")]
    bits = max(1, (count - 1).bit_length())
    places = _reversed_bits(np.arange(1 << bits), bits)
    order = ranked[places[places < count]]
    start, number = 0, 0
    while start < count:
        size = BATCHES[min(number, len(BATCHES) - 1)]
        yield order[start : start + size]
        start, number = start + size, number + 1


def per_class(hits: Hits, truth: Classes, data: Dataset) -> tuple[float | None, ...]:
    """The share of hits in each class; None where there is no sample."""
    classes = max(len(data.classes), int(truth.max(initial=-1)) + 1)
    hits, truth = hits[truth >= 0], truth[truth >= 0]
    counts = np.bincount(truth, minlength=classes)
    right = np.bincount(truth, weights=hits, minlength=classes)
    return tuple(float(share / n) if n else None for share, n in zip(right, counts, strict=True))


def _reversed_bits(numbers: Indices, bits: int) -> Indices:
    result = np.zeros_like(numbers)
    for place in range(bits):
        result |= ((numbers >> place) & 1) << (bits - 1 - place)
    return result


def _change(
    baseline: Baseline, chosen: Classes, scores: NDArray[Any], seen: NDArray[np.bool_], *, final: bool
) -> Change | None:
    if not baseline.tells_classes:
        return None
    several = baseline.scorer.metric.k > 1
    place = baseline.strata
    sizes, known = np.bincount(place), np.bincount(place, weights=seen)
    weights = (sizes / np.maximum(known, 1))[place]
    return change_of(
        baseline.truth,
        baseline.chosen,
        chosen,
        surety=baseline.margins,
        seen=seen,
        final=final,
        weights=weights,
        hits=(baseline.scores > 0, np.asarray(scores) > 0) if several else None,
    )
