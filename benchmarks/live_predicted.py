"""Bar L3: how far predicted accuracies are from measured ones, on unseen plans and samples of their own.

Curves and targets have no sample in common. How much of an error, and of a rank, is due to the targets' finite number
is told by the same plans *measured* on the samples of the curves: the ceiling, which no prediction from them can pass.
With the samples that Penjing brings (two times 14 recordings of `watch`, two times 1,000 digits) that ceiling is below
the bar. MNIST, where a folder with it is given, has 45,000 digits for curves and 10,000 for targets that no network
has learned from: there the bar says something of the predictions.
"""

import dataclasses
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.bars import Finding, at_least, at_most
from benchmarks.live_plans import applied, judged_by, networks, pooled, random_plan, unlearned
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
    every: dict[str, Found] = {}
    plans = QUICK_PLANS if quick else PLANS
    if folder is not None:
        for name, (model, data, graph, pool) in pooled(quick, folder).items():
            parts = judged_by(data, pool.curves.part(slice(LISTENED))), judged_by(data, pool.targets)
            every[name] = _tried(model, graph, *parts, plans=plans)
            print(name, file=sys.stderr, flush=True)
    for name, (model, data, graph) in networks(quick).items():
        if name not in every:
            every[name] = _tried(model, graph, *_halves(data), plans=plans)
    result: dict[str, Finding] = {}
    for name, one in every.items():
        everywhere = np.ones(len(one.true), np.bool_)
        moderate = one.true <= MODERATE
        nothing = np.zeros(len(one.true))
        baseline = one.error(nothing, everywhere)
        told = f"{len(one.true)} unseen plans losing {POINTS * one.true.mean():.1f} pp on average"
        told += f", error before the targets' own noise ({POINTS * one.noise.mean():.2f}) is taken off {one.raw:.2f}"
        told += f", always the baseline {baseline:.2f}, ceiling {one.error(one.heard, everywhere):.2f}"
        told += (
            f", curves of {one.samples[0]} and targets of {one.samples[1]} samples, probes {one.probing:.0f} s of CPU"
        )
        result[f"L3.{name}"] = at_most(one.error(one.predicted, everywhere), 0.75, "pp", told)
        told = f"{int(moderate.sum())} plans that lose at most {POINTS * MODERATE:.0f} pp"
        told += f", always the baseline {one.error(nothing, moderate):.2f}"
        told += f", ceiling {one.error(one.heard, moderate):.2f}"
        result[f"L3.moderate.{name}"] = at_most(one.error(one.predicted, moderate), 0.5, "pp", told)
        ratio = one.error(one.predicted, everywhere) / max(baseline, 1e-9)
        result[f"L3.baseline.{name}"] = at_most(ratio, 0.5, "×", "of the error of always predicting the baseline")
        rank = _rank_correlation(one.predicted, one.true)
        told = f"rank correlation of predicted and measured loss, ceiling {_rank_correlation(one.heard, one.true):.3f}"
        result[f"L3.rank.{name}"] = at_least(rank, 0.95, "ρ", told)
        told = "of the measured accuracies are inside the band that is shown"
        result[f"L3.band.{name}"] = at_least(POINTS * float(one.inside.mean()), 90.0, "%", told)
        result[f"L3.time.{name}"] = at_most(1e3 * one.seconds, 5.0, "ms", "from a plan to its predicted accuracy")
    return result


def _tried(model: Model, graph: LayerGraph, curves: Dataset, targets: Dataset, *, plans: int) -> Found:
    started = time.process_time()
    prober = Prober(model, curves, Plan(), graph=graph)
    known = prober.nothing()
    while known.done < known.total:
        known = prober.step(known)
    probing = time.process_time() - started
    right = predictions(model, targets, "val") == targets.val.y
    own = predictions(model, curves, "val") == curves.val.y
    predictor = Predictor(graph, fitted(graph, known), accuracy_of(right, groups=targets.val.groups))
    random, rows, spent = np.random.default_rng(33), [], 0.0
    while len(rows) < plans:
        plan = random_plan(graph, random)
        try:
            changed = applied(model, plan, curves, graph)
        except UserError:  # a plan that comes to nothing
            continue
        started = time.process_time()
        found = predictor.accuracy(plan)
        spent += time.process_time() - started
        assert found is not None
        now = predictions(simulate(changed), targets, "val") == targets.val.y
        change = now.astype(np.float64) - right
        other = predictions(simulate(changed), curves, "val") == curves.val.y
        deviation = _deviation(change, targets.val.groups)
        rows.append(
            (
                -float(change.mean()),
                float(right.mean()) - found.value,
                math.sqrt(2 / math.pi) * deviation,
                found.low <= now.mean() <= found.high,
                float(own.mean() - other.mean()),
            )
        )
    true, guessed, noise, inside, heard = (np.array(column) for column in zip(*rows, strict=True))
    samples = len(curves.val), len(targets.val)
    return Found(true, guessed, noise, inside.astype(np.bool_), heard, samples, spent / plans, probing)


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
