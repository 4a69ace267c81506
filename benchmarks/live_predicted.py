"""Bar L3: how far predicted accuracies are from measured ones, on unseen plans and samples of their own.

Curves and targets have no sample in common. How much of an error, and of a rank, is due to the targets' finite number
is told by the same plans *measured* on the samples of the curves: the ceiling, which no prediction from them can pass.
Most random plans lose next to nothing, and their order is chance; so ranks are told of plans, too, whose losses are
spread evenly, found by measuring on samples of their own.

With the samples that Penjing brings (two times 28 recordings of `watch`, two times 1,000 digits) the
ceiling is below the bar. MNIST, where a folder with it is given, has 45,000 digits for curves and 10,000 for targets
that no network has learned from: there the bar says something of the predictions.
"""

import dataclasses
import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.bars import Finding, at_least, at_most
from benchmarks.live_plans import applied, judged_by, networks, pooled, random_plan, spread_plan, unlearned
from penjing.compression.simulation import simulate
from penjing.errors import UserError
from penjing.estimation.fitting import fitted
from penjing.estimation.measured import accuracy_of, predictions
from penjing.estimation.predicted import Predictor
from penjing.layer_graph import LayerGraph
from penjing.loading.dataset import Dataset, Split
from penjing.model.model import Model
from penjing.pipeline.probing import Prober
from penjing.plan import Plan

PLANS, QUICK_PLANS = 40, 16
SPREAD, QUICK_SPREAD = 16, 12
FINDING = 1000
"""Digits of MNIST on which plans are found whose losses are spread."""
MODERATE = 0.10
POINTS = 100.0
LISTENED = 10_000
"""Digits of MNIST that curves may be heard on."""


@dataclass(frozen=True)
class Found:
    """One network: what random plans lose, and what was predicted."""

    true: NDArray[np.float64]
    predicted: NDArray[np.float64]
    noise: NDArray[np.float64]
    """The mean absolute error that the finite number of target samples makes by itself."""
    inside: NDArray[np.bool_]
    """Whether the band held the measured accuracy."""
    heard: NDArray[np.float64]
    """What the same plans, really made, lose on the samples of the curves: no prediction can know more than that."""
    samples: tuple[int, int]
    """On which curves may be heard, and of the targets."""
    seconds: float
    """CPU seconds of one prediction."""
    probing: float
    """CPU seconds of all probes."""

    @property
    def raw(self) -> float:
        """Mean absolute error in points, with that of the targets in it."""
        return POINTS * float(np.abs(self.predicted - self.true).mean())

    def error(self, predicted: NDArray[np.float64], chosen: NDArray[np.bool_]) -> float:
        """Mean absolute error in points, the targets' own sampling noise taken off in quadrature."""
        found, own = np.abs(predicted - self.true)[chosen].mean(), self.noise[chosen].mean()
        return POINTS * math.sqrt(max(0.0, float(found**2 - own**2)))


def predicted(quick: bool, folder: Path | None) -> dict[str, Finding]:
    """L3 on each network; `folder` is that of MNIST."""
    result: dict[str, Finding] = {}
    plans, spread = (QUICK_PLANS, QUICK_SPREAD) if quick else (PLANS, SPREAD)
    if folder is not None:
        for name, (model, data, graph, pool) in pooled(quick, folder).items():
            listened, rest = pool.curves.part(slice(LISTENED)), pool.curves.part(slice(LISTENED, LISTENED + FINDING))
            one = _Subject(model, graph, judged_by(data, listened), judged_by(data, pool.targets))
            result |= _told(name, one.tried(_random_plans(graph), plans))
            result |= _ranked(name, one.tried(one.spread(judged_by(data, rest)), spread))
            result |= _anchored(name, one.tried(one.spread(judged_by(data, rest)), spread // 2, anchors=True))
    for name, (model, data, graph) in networks(quick).items():
        if f"L3.{name}" not in result:
            curves, targets = _halves(data)
            one = _Subject(model, graph, curves, targets)
            result |= _told(name, one.tried(_random_plans(graph), plans))
            result |= _ranked(name, one.tried(one.spread(curves), spread))
            result |= _anchored(name, one.tried(one.spread(curves), spread // 2, anchors=True))
    return result


def _told(name: str, one: Found) -> dict[str, Finding]:
    """On random plans, most of which lose little."""
    everywhere, moderate = np.ones(len(one.true), np.bool_), one.true <= MODERATE
    nothing = np.zeros(len(one.true))
    baseline = one.error(nothing, everywhere)
    told = f"{len(one.true)} unseen plans losing {POINTS * one.true.mean():.1f} pp on average"
    told += f", error before the targets' own noise ({POINTS * one.noise.mean():.2f}) is taken off {one.raw:.2f}"
    told += f", always the baseline {baseline:.2f}, ceiling {one.error(one.heard, everywhere):.2f}"
    told += f", curves of {one.samples[0]} and targets of {one.samples[1]} samples"
    told += f", probes {one.probing:.0f} s of CPU"
    result = {f"L3.{name}": at_most(one.error(one.predicted, everywhere), 0.75, "pp", told)}
    told = f"{int(moderate.sum())} plans that lose at most {POINTS * MODERATE:.0f} pp"
    told += f", always the baseline {one.error(nothing, moderate):.2f}, ceiling {one.error(one.heard, moderate):.2f}"
    result[f"L3.moderate.{name}"] = at_most(one.error(one.predicted, moderate), 0.5, "pp", told)
    ratio = one.error(one.predicted, everywhere) / max(baseline, 1e-9)
    result[f"L3.baseline.{name}"] = at_most(ratio, 0.5, "×", "of the error of always predicting the baseline")
    told = "rank correlation of predicted and measured loss" + _ceiling(one)
    result[f"L3.rank.{name}"] = at_least(_rank_correlation(one.predicted, one.true), 0.95, "ρ", told)
    told = "of the measured accuracies are inside the band that is shown"
    result[f"L3.band.{name}"] = at_least(POINTS * float(one.inside.mean()), 90.0, "%", told)
    result[f"L3.time.{name}"] = at_most(1e3 * one.seconds, 5.0, "ms", "from a plan to its predicted accuracy")
    return result


def _ranked(name: str, one: Found) -> dict[str, Finding]:
    """On plans that differ by more than their targets' noise: of those that lose nothing none is the better one."""
    everywhere, nothing = np.ones(len(one.true), np.bool_), np.zeros(len(one.true))
    told = f"rank correlation on {len(one.true)} plans that lose {POINTS * one.true.min():.1f} to"
    told += f" {POINTS * one.true.max():.0f} pp, evenly" + _ceiling(one)
    told += (
        f"; mean error {one.error(one.predicted, everywhere):.2f} pp, ceiling {one.error(one.heard, everywhere):.2f}"
    )
    told += (
        f", always the baseline {one.error(nothing, everywhere):.2f}, {POINTS * one.inside.mean():.0f} % in the band"
    )
    return {f"L3.rank.spread.{name}": at_least(_rank_correlation(one.predicted, one.true), 0.95, "ρ", told)}


def _anchored(name: str, one: Found) -> dict[str, Finding]:
    """One slider away from a plan that was measured."""
    everywhere = np.ones(len(one.true), np.bool_)
    told = f"{len(one.true)} plans losing {POINTS * one.true.mean():.1f} pp on average"
    told += f", one slider away from a measured one, error with the targets' noise in it {one.raw:.2f}"
    return {f"L3.anchored.{name}": at_most(one.error(one.predicted, everywhere), 0.75, "pp", told)}


def _ceiling(one: Found) -> str:
    return f", ceiling {_rank_correlation(one.heard, one.true):.3f}"


class _Subject:
    """A network whose curves are known."""

    def __init__(self, model: Model, graph: LayerGraph, curves: Dataset, targets: Dataset) -> None:
        self.graph, self._model, self._curves, self._targets = graph, model, curves, targets
        started = time.process_time()
        prober = Prober(model, curves, Plan(), graph=graph)
        known = prober.nothing()
        while known.done < known.total:
            known = prober.step(known)
        self._probing = time.process_time() - started
        self._right, self._own = (predictions(model, one, "val") == one.val.y for one in (targets, curves))
        accuracy = accuracy_of(self._right, groups=targets.val.groups)
        self._predictor = Predictor(graph, fitted(graph, known), accuracy)

    def tried(self, plans: Iterator[Plan], count: int, *, anchors: bool = False) -> Found:
        """So many plans, predicted and measured; with `anchors` one slider away from plans that were measured."""
        rows, spent, random = [], 0.0, np.random.default_rng(7)
        while len(rows) < count:
            plan, predictor = next(plans), self._predictor
            try:
                if anchors:
                    before = simulate(applied(self._model, plan, self._curves, self.graph))
                    right = predictions(before, self._targets, "val") == self._targets.val.y
                    predictor = predictor.anchored(plan, accuracy_of(right, groups=self._targets.val.groups))
                    plan = _beside(plan, self.graph, random)
                changed = simulate(applied(self._model, plan, self._curves, self.graph))
            except UserError:  # a plan that comes to nothing
                continue
            started = time.process_time()
            found = predictor.accuracy(plan)
            spent += time.process_time() - started
            assert found is not None
            now, other = (predictions(changed, one, "val") == one.val.y for one in (self._targets, self._curves))
            change = now.astype(np.float64) - self._right
            rows.append(
                (
                    -float(change.mean()),
                    float(self._right.mean()) - found.value,
                    math.sqrt(2 / math.pi) * _deviation(change, self._targets.val.groups),
                    found.low <= now.mean() <= found.high,
                    float(self._own.mean() - other.mean()),
                )
            )
        true, guessed, noise, inside, heard = (np.array(column) for column in zip(*rows, strict=True))
        samples = len(self._curves.val), len(self._targets.val)
        return Found(true, guessed, noise, inside.astype(np.bool_), heard, samples, spent / count, self._probing)

    def spread(self, data: Dataset) -> Iterator[Plan]:
        """Plans whose losses on samples of their own are spread evenly over what is moderate and twice that."""
        right = predictions(self._model, data, "val") == data.val.y

        def lost(plan: Plan) -> float:
            try:
                changed = simulate(applied(self._model, plan, data, self.graph))
            except UserError:
                return 0.0
            return float(right.mean() - (predictions(changed, data, "val") == data.val.y).mean())

        for number in itertools.count():
            wanted = 2 * MODERATE * (number * 0.6180339887 % 1)
            yield spread_plan(self.graph, 1000 + number, wanted, lost)


def _beside(plan: Plan, graph: LayerGraph, random: np.random.Generator) -> Plan:
    """One slider of one layer moved by up to a fifth of its way."""
    layer = graph.compressible[int(random.integers(len(graph.compressible)))].name
    sparsity = plan.settings(layer).sparsity + random.uniform(-0.2, 0.2)
    return plan.with_layer(layer, sparsity=round(float(np.clip(sparsity, 0, 0.98)), 3))


def _random_plans(graph: LayerGraph) -> Iterator[Plan]:
    random = np.random.default_rng(33)
    while True:
        yield random_plan(graph, random)


def _deviation(change: NDArray[np.float64], groups: NDArray[np.int64] | None) -> float:
    """Of the mean change; samples of one recording are not independent (Cochran 1977, §9): then recordings count."""
    n = len(change)
    variance = max(float(change.var()), 1 / n) / n
    if groups is None:
        return math.sqrt(variance)
    _, place = np.unique(groups, return_inverse=True)
    sums = np.bincount(place, weights=change - change.mean())
    return math.sqrt(max(variance, len(sums) / (len(sums) - 1) * float((sums**2).sum()) / n**2))


def _halves(data: Dataset) -> tuple[Dataset, Dataset]:
    """Two data sets whose validation samples have no sample, and no recording, in common."""
    both = unlearned(data).val
    random = np.random.default_rng(0)
    if both.groups is None:
        first = np.zeros(len(both), np.bool_)
        first[random.permutation(len(both))[: len(both) // 2]] = True
    else:
        groups = random.permutation(np.unique(both.groups))
        first = np.isin(both.groups, groups[: len(groups) // 2])
    return tuple(dataclasses.replace(data, val=_taken(both, half)) for half in (first, ~first))  # type: ignore[return-value]


def _taken(split: Split, chosen: NDArray[np.bool_]) -> Split:
    return dataclasses.replace(
        split,
        x=split.x[chosen],
        y=None if split.y is None else split.y[chosen],
        groups=None if split.groups is None else split.groups[chosen],
    )


def _rank_correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Spearman's; equal values have the mean of their ranks."""

    def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
        ordered = np.sort(values)
        return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2.0

    return float(np.corrcoef(ranks(one), ranks(other))[0, 1])
