"""Accuracy that is there after the first batch and becomes exact with the last one.

A network is compared with the one that was loaded, sample by sample: they disagree on few, so the mean *change* on a
few samples says more than the mean itself. The samples near the baseline's decision borders, which are those that
change, are looked at first (`estimation.paired`).
"""

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penjing.estimation.evaluator import Outputs
from penjing.estimation.interval import effective_samples, wilson
from penjing.estimation.margins import margins_of
from penjing.estimation.measured import accuracy_of, classes_of
from penjing.estimation.paired import batches, difference, strata
from penjing.loading.dataset import Dataset, SplitName
from penjing.results import Accuracy
from penjing.worker.change import Change, Count, change_of, confusion_of

Classes = NDArray[np.int64]
Indices = NDArray[np.int64]
Hits = NDArray[np.bool_]

BATCHES = (16, 16, 16, 16, 32, 32, 64, 128)
"""Samples of the first batches; all others are as large as the last: the first number comes early."""
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
    """[n]: the output of the truth less the largest other one; negative where it is wrong."""
    groups: Classes | None
    metric: str

    @property
    def hits(self) -> Hits:
        """Which samples it gets right."""
        hits: Hits = self.chosen == self.truth
        return hits

    @property
    def accuracy(self) -> Accuracy:
        """On the whole split, as `estimation.measured.measure` says it."""
        return accuracy_of(self.hits, groups=self.groups, metric=self.metric, split=self.split)


@dataclass(frozen=True, kw_only=True, eq=False)
class Standing:
    """An accuracy on the way."""

    accuracy: Accuracy
    final: bool
    rest: float
    """Half-width (95 %) of what the samples not seen yet may change."""
    per_class: tuple[float | None, ...] = ()
    change: Change | None = None
    """Against the baseline, on the samples seen so far."""
    confusion: tuple[Count, ...] = ()
    """Of the baseline, when it is final."""


def measure_baseline(outputs: Outputs, data: Dataset, split_name: SplitName) -> Iterator[Standing | Baseline]:
    """A `Standing` after every batch, then the `Baseline`."""
    split = data.split(split_name)
    labels = split.y if data.metric == "top1" else None
    count = len(split)
    chosen, margins, seen = np.zeros(count, np.int64), np.zeros(count), np.zeros(count, np.bool_)
    order = np.arange(count) if labels is None else labels
    for indices in spread_batches(order.astype(np.float64)):
        output = outputs(indices)
        chosen[indices] = classes_of(output)
        margins[indices] = margins_of(output, chosen[indices] if labels is None else labels[indices])
        seen[indices] = True
        if labels is not None and not seen.all():
            groups = None if split.groups is None else split.groups[seen]
            hits = chosen[seen] == labels[seen]
            accuracy = accuracy_of(hits, groups=groups, metric=data.metric, split=split_name)
            yield Standing(accuracy=accuracy, final=False, rest=math.inf)
    truth = chosen if labels is None else labels
    found = Baseline(
        split=split_name, chosen=chosen, truth=truth, margins=margins, groups=split.groups, metric=data.metric
    )
    yield Standing(
        accuracy=found.accuracy,
        final=True,
        rest=0.0,
        per_class=per_class(found.hits, found.truth, data),
        confusion=confusion_of(found.truth, found.chosen),
    )
    yield found


def measure_change(outputs: Outputs, data: Dataset, baseline: Baseline, *, full: bool) -> Iterator[Standing]:
    """The accuracy of another network after every batch; the last one of a full measurement is the plain one."""
    chosen, margins = baseline.chosen.copy(), baseline.margins.copy()
    seen, place = np.zeros(len(chosen), np.bool_), strata(baseline.margins)
    for indices in batches(baseline.margins, BATCHES):
        output = outputs(indices)
        chosen[indices] = classes_of(output)
        margins[indices] = margins_of(output, baseline.truth[indices])
        seen[indices] = True
        if seen.all():
            break
        found = estimate(baseline, chosen == baseline.truth, margins, seen, place)
        enough = not full and found.rest <= ENOUGH and found.accuracy.n >= LEAST
        yield dataclasses.replace(found, final=enough, change=_change(baseline, chosen, seen, final=enough))
        if enough:
            return
    hits = chosen == baseline.truth
    accuracy = accuracy_of(hits, groups=baseline.groups, metric=baseline.metric, split=baseline.split)
    yield Standing(
        accuracy=accuracy,
        final=True,
        rest=0.0,
        per_class=per_class(hits, baseline.truth, data),
        change=_change(baseline, chosen, seen, final=True),
    )


def unchanged(baseline: Baseline, data: Dataset) -> Standing:
    """What `measure_change` would end with for the network as loaded."""
    return Standing(
        accuracy=baseline.accuracy,
        final=True,
        rest=0.0,
        per_class=per_class(baseline.hits, baseline.truth, data),
        change=_change(baseline, baseline.chosen, np.ones(len(baseline.chosen), np.bool_), final=True),
    )


def estimate(
    baseline: Baseline, hits: Hits, margins: NDArray[np.float64], seen: NDArray[np.bool_], place: Indices
) -> Standing:
    """The accuracy on the whole split from the samples `seen`; `hits` and `margins` are read only there.

    The value is the baseline's plus the mean change. The interval is the one of the whole split, its half-widths added
    in quadrature to that of the rest: variance = Var(whole split) + E Var(drawn from it | whole split).
    """
    change = hits.astype(np.float64) - baseline.hits
    found = difference(baseline.margins, margins, change, seen, place)
    value, rest = min(1.0, max(0.0, float(baseline.hits.mean()) + found.mean)), found.half
    now = np.where(seen, hits, baseline.hits)
    worth = float(len(hits)) if baseline.groups is None else effective_samples(now, baseline.groups)
    low, high = wilson(value, worth)
    accuracy = Accuracy(
        value=value,
        low=max(0.0, value - math.hypot(value - low, rest)),
        high=min(1.0, value + math.hypot(high - value, rest)),
        n=int(np.count_nonzero(seen)),
        metric=baseline.metric,
        split=baseline.split,
    )
    return Standing(accuracy=accuracy, final=False, rest=rest)


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
    counts = np.bincount(truth, minlength=classes)
    right = np.bincount(truth, weights=hits, minlength=classes)
    return tuple(float(share / n) if n else None for share, n in zip(right, counts, strict=True))


def _reversed_bits(numbers: Indices, bits: int) -> Indices:
    result = np.zeros_like(numbers)
    for place in range(bits):
        result |= ((numbers >> place) & 1) << (bits - 1 - place)
    return result


def _change(baseline: Baseline, chosen: Classes, seen: NDArray[np.bool_], *, final: bool) -> Change:
    return change_of(baseline.truth, baseline.chosen, chosen, surety=baseline.margins, seen=seen, final=final)
