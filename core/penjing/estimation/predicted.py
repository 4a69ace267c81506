"""The accuracy of a plan, predicted at once from how single layers answer; no torch.

Each probe of a layer moved the margin (the truth's output less the largest other one) of every sample; the moves of all
layers add up. How much a sum means when everything changes at once, kind by kind, and how much noise it has, is learned
from whole plans that were tried, and so is how far to trust it: where the network as loaded says more, the prediction
shrinks towards it. Every real measurement is an anchor: near it, the prediction is what was measured plus what differs.

>>> from penjing.estimation.predicted import Predictor
>>> Predictor(graph, predictions, baseline).accuracy(plan).kind     # doctest: +SKIP
'predicted'
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from penjing.catalogue.metrics import metric
from penjing.estimation.calibration import Scales, chances_right
from penjing.estimation.interval import independent_samples, wilson
from penjing.estimation.quality import Measure
from penjing.estimation.sensitivity import ASPECTS, WHOLE_BITS, Aspect, strength
from penjing.inspection.selection import decisions
from penjing.layer_graph import LayerGraph
from penjing.plan import Plan
from penjing.results import Accuracy

Vector = NDArray[np.float64]
Kept = Mapping[str, float]
"""By layer: the share of its weights, of those that the filter cut leaves, that stays; for thresholds and scopes."""

NEAR = 0.5
"""Plans whose moves differ by more than this share know nothing of each other."""
LEAST_LOSS = 0.01
"""The band of smaller losses is that of this one."""
MOST_ANCHORS = 64
UNTRIED = 1.0
"""Relative half-width of the band as long as too few whole plans were tried."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """How one layer (for filters a coupled group) answers to one kind of change."""

    layer: str
    aspect: Aspect
    strengths: tuple[float, ...]
    """Of `sensitivity.strength`, ascending."""
    moved: bytes
    """float16 [strengths, samples]: by how much margins moved."""


class Predictions(msgspec.Struct, frozen=True, kw_only=True):
    """All that predicting takes; fitted where torch is, read where it is not."""

    baseline: bytes
    """float16 [samples]: the margins of the network as loaded."""
    measure: Measure = Measure()
    """How margins become the level that is lost."""
    answers: tuple[Answer, ...] = ()
    scales: Scales = Scales()
    trust: float = 0.0
    """0..1: by how much a predicted loss is believed; 0: the network as loaded is the better guess."""
    error: float = UNTRIED
    """95 % of the whole plans tried, each predicted unseen, were within this share of the loss …"""
    spread: float = 0.05
    """… plus this much."""
    tried: int = 0
    """Whole plans that the trust rests on."""
    sensitivity: dict[str, float] = {}
    """By layer: the divergence of its strongest common changes beside that of the most sensitive layer, 0..1."""


@dataclass(frozen=True, eq=False)
class _Anchor:
    """A plan that was really measured."""

    sizes: Vector
    predicted: float
    """What was predicted to be lost."""
    lost: float
    """Of the level; so is `half`."""
    half: float


@dataclass(frozen=True, eq=False)
class _Curve:
    """Moved margins by strength, nothing at strength 0."""

    strengths: Vector
    moved: NDArray[np.float32]
    """[strengths, samples]"""
    sizes: Vector
    """Root mean square of each."""

    def at(self, strength: float) -> NDArray[np.float32]:
        """[samples]; between two strengths a straight line, beyond the last one that."""
        place = int(np.searchsorted(self.strengths, strength))
        if place == 0:
            return np.asarray(self.moved[0], np.float32)
        if place >= len(self.strengths):
            return np.asarray(self.moved[-1], np.float32)
        low, high = self.strengths[place - 1], self.strengths[place]
        share = np.float32((strength - low) / (high - low))
        return np.asarray(self.moved[place - 1] * (1 - share) + self.moved[place] * share, np.float32)

    def size(self, strength: float) -> float:
        """How far margins move there."""
        return float(np.interp(strength, self.strengths, self.sizes))


class Composer:
    """Adds up the answers of single layers to what a plan does to every sample's margin."""

    def __init__(self, graph: LayerGraph, baseline: Vector, answers: tuple[Answer, ...]) -> None:
        self._graph = graph
        self.baseline = baseline
        self._curves = {(one.layer, one.aspect): _curve(one, len(baseline)) for one in answers}
        self._typical: dict[Aspect, _Curve] = {}
        for aspect in ASPECTS:
            own = [curve for (_, kind), curve in self._curves.items() if kind == aspect]
            if own:
                self._typical[aspect] = max(own, key=lambda curve: (len(curve.strengths), -curve.sizes[-1]))
        places = [(layer.name, aspect) for layer in graph.compressible for aspect in ASPECTS]
        self._places = {place: number for number, place in enumerate(places)}

    def compose(self, plan: Plan, kept: Kept | None = None) -> tuple[NDArray[np.float32], Vector, float]:
        """(moves [aspect, samples], their sizes by layer and aspect, share of changes that were guessed)."""
        moves = np.zeros((len(ASPECTS), len(self.baseline)), np.float32)
        sizes, changed, guessed = np.zeros(len(self._places)), 0, 0
        for layer, aspect, level in changes(self._graph, plan, kept):
            curve = self._curves.get((layer, aspect))
            changed += 1
            if curve is None:
                guessed += 1
                curve = self._typical.get(aspect)
            if curve is not None:
                how = strength(aspect, level)
                moves[ASPECTS.index(aspect)] += curve.at(how)
                sizes[self._places[layer, aspect]] = curve.size(how)
        return moves, sizes, guessed / max(changed, 1)


class Predictor:
    """Of one network; a value: `anchored` returns another one."""

    def __init__(self, graph: LayerGraph, predictions: Predictions, baseline: Accuracy) -> None:
        self._graph = graph
        margins = np.frombuffer(predictions.baseline, "<f2").astype(np.float64)
        self._composer = Composer(graph, margins, predictions.answers)
        self._predictions, self._baseline = predictions, baseline
        self._measure = predictions.measure
        self._right = self._measure.level(margins)
        self._independent = independent_samples(baseline) if metric(baseline.metric).is_share else float(baseline.n)
        self._anchors: tuple[_Anchor, ...] = ()
        self._measured: tuple[tuple[Plan, Kept | None, Accuracy], ...] = ()

    def anchored(self, plan: Plan, measured: Accuracy, kept: Kept | None = None) -> "Predictor":
        """The predictor that also knows what a plan really gave."""
        if _cuts_by_threshold(self._graph, plan):
            return self
        other = object.__new__(Predictor)
        other.__dict__.update(self.__dict__)
        moves, sizes, _ = self._composer.compose(plan, kept)
        half = (measured.high - measured.low) / 2 / self._unit
        lost = self._measure.level_of(self._baseline.value) - self._measure.level_of(measured.value)
        anchor = _Anchor(sizes, self._lost(moves), lost, half)
        others = [one for one in self._measured if one[0] != plan]
        other._anchors = (*(one for one in self._anchors if not np.array_equal(one.sizes, sizes)), anchor)[
            -MOST_ANCHORS:
        ]
        other._measured = (*others, (plan, kept, measured))[-MOST_ANCHORS:]
        return other

    def renewed(self, graph: LayerGraph, predictions: Predictions, baseline: Accuracy) -> "Predictor":
        """Newer predictions with the anchors of this one."""
        found = Predictor(graph, predictions, baseline)
        for plan, kept, measured in self._measured:
            found = found.anchored(plan, measured, kept)
        return found

    def accuracy(self, plan: Plan, kept: Kept | None = None) -> Accuracy | None:
        """The accuracy that a plan will give, with the band of 95 % of tried plans; None: nothing is known.

        How many filters a threshold cuts is not known here either: then only a measurement tells.
        """
        known = self._predictions
        if not known.answers or _cuts_by_threshold(self._graph, plan):
            return None
        moves, sizes, guessed = self._composer.compose(plan, kept)
        lost = self._lost(moves)
        half = 0.0
        if sizes.any() or guessed:
            half = known.spread + known.error * max(abs(lost), LEAST_LOSS) * (1 + guessed)
        near = self._nearest(sizes)
        if near is not None:
            anchor, weight = near
            apart = known.error * abs(lost - anchor.predicted)
            lost += weight * (anchor.lost - anchor.predicted)
            half = (1 - weight) * half + weight * (apart + anchor.half)
        how = metric(self._baseline.metric)
        value = how.clamp(self._measure.value(self._measure.level_of(self._baseline.value) - lost))
        if how.is_share:
            low, high = wilson(value, self._independent)
        else:
            low = value - (self._baseline.value - self._baseline.low)
            high = value + (self._baseline.high - self._baseline.value)
        half *= self._unit
        return Accuracy(
            value=value,
            low=how.clamp(value - math.hypot(value - low, half)),
            high=how.clamp(value + math.hypot(high - value, half)),
            n=self._baseline.n,
            kind="predicted",
            metric=self._baseline.metric,
            split=self._baseline.split,
        )

    @property
    def _unit(self) -> float:
        """Of the metric's value, for one of the level."""
        return self._measure.scale if metric(self._measure.metric).kind == "error" else 1.0

    def _lost(self, moves: NDArray[np.float32]) -> float:
        known = self._predictions
        left = chances_right(self._composer.baseline, moves, known.scales, self._measure)
        return known.trust * (self._right - float(left))

    def _nearest(self, sizes: Vector) -> tuple[_Anchor, float] | None:
        """The anchor that differs least and how much it counts, 0..1; of equals the newest."""
        best: tuple[_Anchor, float] | None = None
        for anchor in self._anchors:
            both = float(sizes.sum() + anchor.sizes.sum())
            apart = float(np.abs(sizes - anchor.sizes).sum()) / both if both > 0 else 0.0
            weight = 1 - apart / NEAR
            if weight > 0 and (best is None or weight >= best[1]):
                best = anchor, weight
        return best


def changes(graph: LayerGraph, plan: Plan, kept: Kept | None = None) -> Iterator[tuple[str, Aspect, float]]:
    """(layer, aspect, level) of everything that a plan changes."""
    steps = {step.step for step in plan.steps}
    prunes, rounds = "prune" in steps, bool(steps & {"quantize", "qat"})
    for layer in graph.compressible:
        settings = plan.settings(layer.name)
        if prunes and settings.prunes_weights:
            share = settings.sparsity
            if kept is not None and layer.name in kept:
                share = 1 - kept[layer.name]
            elif settings.nm is not None:
                share = max(share, 1 - settings.nm[0] / settings.nm[1])
            if share > 0:
                yield layer.name, "sparsity", share
        if rounds:
            if settings.weight_bits < WHOLE_BITS:
                yield layer.name, "weight_bits", settings.weight_bits
            if settings.activation_bits < WHOLE_BITS:
                yield layer.name, "activation_bits", settings.activation_bits
    if prunes and any(plan.settings(layer.name).cuts_filters for layer in graph.compressible):
        for decision in decisions(graph, plan):
            size = len(decision.channels)
            share = max(whole_share(decision.settings.filters, size), len(decision.cut) / max(size, 1))
            if share > 0:
                yield decision.group.producers[0], "filters", share


def _cuts_by_threshold(graph: LayerGraph, plan: Plan) -> bool:
    if all(step.step != "prune" for step in plan.steps):
        return False
    wishes = (plan.settings(layer.name) for layer in graph.compressible)
    return any(wish.filter_threshold is not None and not wish.locked for wish in wishes)


def whole_share(share: float, channels: int) -> float:
    """The share of channels that really goes: whole ones, and the last one stays."""
    return min(math.floor(share * channels), channels - 1) / channels if channels else 0.0


def _curve(answer: Answer, samples: int) -> _Curve:
    moved = np.frombuffer(answer.moved, "<f2").astype(np.float32).reshape(len(answer.strengths), samples)
    strengths = np.array((0.0, *answer.strengths))
    moved = np.concatenate([np.zeros((1, samples), np.float32), moved])
    return _Curve(strengths, moved, np.sqrt((moved.astype(np.float64) ** 2).mean(axis=1)))
