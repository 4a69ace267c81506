"""Finds the layer that hurts a plan most and tries, really measuring, what gives its accuracy back."""

import math

import numpy as np
import torch
from numpy.typing import NDArray

from penjing.catalogue.metrics import metric
from penjing.estimation.gathering import rounding_error
from penjing.estimation.interval import Z
from penjing.estimation.quality import Measure, auc_change
from penjing.estimation.sensitivity import Reading
from penjing.layer_graph import LayerGraph
from penjing.model.model import Model
from penjing.pipeline.probing import Listener
from penjing.plan import Plan
from penjing.planning.recovery import Candidate, Recovered, candidates, changed_layers, kept

Vector = NDArray[np.float64]

CLASSES = Measure()
MOST_LAYERS = 12
"""So many layers at most are taken back one by one; of more, those that lose most of their weights' energy."""


class Recovering:
    """Of one plan; each `step` is one network further, and can be repeated if it was stopped."""

    def __init__(self, model: Model, graph: LayerGraph, plan: Plan, listener: Listener) -> None:
        self._plan, self._listener = plan, listener
        self._suspects = suspects(model, graph, plan)
        self._now: Reading | None = None
        self._taken_back: list[Reading] = []
        self._untried: list[Candidate] | None = None
        self.layer: str | None = None
        """The layer that hurts most, once that is known."""
        self.found: tuple[Recovered, ...] = ()
        """In the order in which they were tried."""

    @property
    def done(self) -> int:
        """Networks that were tried."""
        return (self._now is not None) + len(self._taken_back) + len(self.found)

    @property
    def total(self) -> int:
        """Networks to try, as far as that is known."""
        left = len(candidates(self._plan, self._suspects[0])) if self._untried is None and self._suspects else 0
        return 1 + len(self._suspects) + len(self.found) + (left if self._untried is None else len(self._untried))

    @property
    def over(self) -> bool:
        """Whether everything was tried."""
        return self._now is not None and (not self._suspects or self._untried == [])

    def step(self) -> None:
        """Try one network more."""
        if self._now is None:
            self._now = self._listener.reading(self._plan)
        elif len(self._taken_back) < len(self._suspects):
            layer = self._suspects[len(self._taken_back)]
            self._taken_back.append(self._listener.reading(kept(self._plan, layer)))
        if len(self._taken_back) == len(self._suspects) and self._suspects and self._untried is None:
            divergences = [reading.divergence for reading in self._taken_back]
            self.layer = self._suspects[int(np.argmin(divergences))]
            self._untried = list(candidates(self._plan, self.layer))
        elif self._untried:
            heard = self._listener.reading(self._untried[0].plan)
            self.found = (*self.found, recovered(self._untried[0], self._now, heard, self._listener.measure))
            self._untried = self._untried[1:]


def recovered(candidate: Candidate, before: Reading, after: Reading, measure: Measure = CLASSES) -> Recovered:
    """What a candidate gave back; of classes the interval is Bonett & Price's (2012) of a paired difference."""
    gained, half = _gained(before.margins, after.margins, measure)
    nearer = before.divergence - after.divergence
    return Recovered(candidate=candidate, gained=gained, half=half, nearer=nearer if math.isfinite(nearer) else 0.0)


def _gained(before: Vector, after: Vector, measure: Measure) -> tuple[float, float]:
    """(by how much the level rose, half-width (95 %))."""
    how, count = metric(measure.metric), len(before)
    if how.kind == "rank":
        sides = np.where(measure.positive, 1.0, -1.0)
        return auc_change(before * sides, after * sides, measure.positive)
    if not how.is_share:
        moved = after - before
        half = Z * float(moved.std(ddof=1)) / math.sqrt(count) if count > 1 else 1.0
        return float(moved.mean()) if count else 0.0, half
    was, now = before > 0, after > 0
    up, down = int(np.count_nonzero(now & ~was)), int(np.count_nonzero(was & ~now))
    share_up, share_down = (up + 1) / (count + 2), (down + 1) / (count + 2)
    variance = (share_up + share_down - (share_up - share_down) ** 2) / (count + 2)
    return (up - down) / max(count, 1), Z * math.sqrt(variance)


def suspects(model: Model, graph: LayerGraph, plan: Plan) -> tuple[str, ...]:
    """The layers that may hurt, in the network's order."""
    names = changed_layers(graph, plan)
    if len(names) <= MOST_LAYERS:
        return names
    losses = {name: _energy_lost(model, name, plan) for name in names}
    worst = sorted(names, key=lambda name: losses[name], reverse=True)[:MOST_LAYERS]
    return tuple(name for name in names if name in worst)


def _energy_lost(model: Model, name: str, plan: Plan) -> float:
    """About the share of a weight's energy that goes: by zeros, filters and rounding."""
    settings, weight = plan.settings(name), model.weight(name)
    lost = settings.filters + (rounding_error(weight, settings.weight_bits) if settings.weight_bits <= 8 else 0.0)
    if settings.sparsity > 0:
        squares = torch.sort(weight.flatten().square()).values
        lost += float(squares[: round(settings.sparsity * len(squares))].sum() / squares.sum().clamp_min(1e-12))
    return float(lost)
