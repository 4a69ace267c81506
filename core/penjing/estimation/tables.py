"""What estimates know about a network's values: scores of weights and filters, as numpy arrays made once.

The engine fills them (`gathering.gather`); everything that reads them runs without torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from penjing.inspection.selection import filter_criteria
from penjing.layer_graph import LayerGraph
from penjing.plan import Plan

Scores = NDArray[np.float32]
Pair = tuple[str, str]
"""(layer, criterion)."""

FIT_CRITERION = "l2"
"""The filter criterion of fitted plans: its square is the energy that a filter carries."""
FIT_BITS = (2, 4, 8)
"""The widths whose rounding errors `planning.fit` weighs."""


@dataclass(frozen=True)
class Tables:
    """Scores by (layer, criterion); low = remove."""

    filter_scores: Mapping[Pair, Scores] = field(default_factory=dict)
    """[out] each."""
    weight_scores: Mapping[Pair, Scores] = field(default_factory=dict)
    """Shaped like the weight."""
    bit_errors: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    """By layer and bits: Σ(w - ŵ)² / Σw² of the rounded weight."""
    _sorted: dict[Pair, Scores] = field(default_factory=dict, repr=False)

    def sorted_scores(self, layer: str, criterion: str) -> Scores:
        """All scores of a weight in ascending order; sorted at the first call."""
        found = self._sorted.get((layer, criterion))
        if found is None:
            found = self._sorted[layer, criterion] = np.sort(self.weight_scores[layer, criterion], axis=None)
        return found


@dataclass(frozen=True)
class Wanted:
    """The scores that a plan's estimate asks for."""

    filters: frozenset[Pair]
    weights: frozenset[Pair]


def wanted(graph: LayerGraph, plan: Plan) -> Wanted:
    """Which scores decide about a plan; a sparsity of a single layer needs none, as it only counts."""
    weights = set()
    for layer in graph.compressible:
        settings = plan.settings(layer.name)
        together = settings.scope == "global" and settings.sparsity > 0
        if settings.prunes_weights and (settings.threshold is not None or together):
            weights.add((layer.name, settings.criterion))
    return Wanted(frozenset(filter_criteria(graph, plan).items()), frozenset(weights))
