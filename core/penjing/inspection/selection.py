"""Which channels a plan cuts and how many weights it zeroes: the one decision behind the estimate and the real cut.

Numpy only, so that the window decides exactly as the engine does.

>>> from penjing.inspection.selection import zeros
>>> zeros(0.5, 5), zeros(0.5, 7)
(2, 4)
"""

import copy
import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from penjing.catalogue.methods import methods
from penjing.errors import UserError
from penjing.layer_graph import CoupledGroup, Layer, LayerGraph
from penjing.plan import Plan, Settings

Scores = NDArray[np.floating]

_FILTERED = frozenset({"dense", "grouped", "depthwise"})


def zeros(sparsity: float, weights: int) -> int:
    """How many of a layer's weights a sparsity zeroes: round_half_even(sparsity · N)."""
    return round(sparsity * weights)


def zeros_together(shares: Iterable[tuple[float, int]]) -> int:
    """How many weights layers of scope `global` lose together: round_half_even(Σ sparsity · N)."""
    return round(_summed(shares))


def filters_together(shares: Iterable[tuple[float, int]]) -> int:
    """How many channels groups of scope `global` lose together at most: floor(Σ filters · channels)."""
    return math.floor(_summed(shares))


def selected_channels(graph: LayerGraph, plan: Plan, filter_scores: Mapping[str, Scores]) -> NDArray[np.bool_]:
    """The channels that stay, bool [channel_count].

    A channel's score is the sum of the scores of every filter that makes it (producers and depthwise layers of its
    coupled group), rounded to float32. The lowest go first, of equals the one that stands first in the group. At
    least one channel of every layer stays: its best. Filters that the brush cuts count among those that go; `keep`
    protects against everything. `filter_threshold` is absolute in either scope and wins over `filters`.

    Args:
        graph: The network.
        plan: What to cut.
        filter_scores: By layer, [out], under the criterion that `filter_criteria(graph, plan)` names for it.

    Raises:
        UserError: `prune.no_such_filter` where `keep` or `cut` name a filter that the layer has not.
    """
    kept = np.ones(graph.channel_count, dtype=np.bool_)
    together: list[_Ranking] = []
    for decision in decisions(graph, plan):
        ranking = _Ranking.of(decision, filter_scores)
        settings = decision.settings
        if settings.filter_threshold is not None:
            ranking.cut_below(settings.filter_threshold)
        elif settings.scope == "global" and settings.filters > 0:
            together.append(ranking)
            continue
        else:
            ranking.cut_lowest(math.floor(settings.filters * ranking.size))
        kept[ranking.removed] = False
    if together:
        for ranking in _cut_together(together):
            kept[ranking.removed] = False
    return kept


def filter_criteria(graph: LayerGraph, plan: Plan) -> dict[str, str]:
    """By layer, the filter criterion whose scores `selected_channels` will ask for; other layers need none."""
    return {
        holder.layer: decision.settings.filter_criterion
        for decision in decisions(graph, plan)
        if decision.needs_scores
        for holder in decision.holders
    }


@dataclass(frozen=True)
class Holder:
    """A layer whose filters make channels of a group: which filters, and each one's place in the group."""

    layer: str
    filters: NDArray[np.int64]
    places: NDArray[np.int64]
    count: int
    """How many filters the layer has; those that are not in the group cannot be cut."""


@dataclass(frozen=True)
class Decision:
    """What the plan wants of one coupled group."""

    group: CoupledGroup
    channels: NDArray[np.int64]
    """The group's channel ids."""
    holders: tuple[Holder, ...]
    layer: str
    """The layer that decides: of those that are not locked, the one that asks for the most."""
    settings: Settings
    keep: frozenset[int] = frozenset()
    """Places in the group that the brush protects."""
    cut: frozenset[int] = frozenset()
    """Places in the group that the brush removes."""
    memory: "_Memory" = field(default_factory=lambda: _Memory(), compare=False, repr=False)

    @property
    def needs_scores(self) -> bool:
        """Whether filters are ranked at all: a brush alone needs no scores."""
        return self.settings.filters > 0 or self.settings.filter_threshold is not None


def decisions(graph: LayerGraph, plan: Plan) -> tuple[Decision, ...]:
    """Who decides about each coupled group that is to be cut.

    A group with a locked member stays whole. Otherwise the layer that asks for the most decides: the highest
    `filter_threshold` if there is one, else the largest share of `filters`, else the first. What the brush keeps
    and cuts in any of the group's layers holds for all of them.
    """
    found = []
    last: tuple[Plan, tuple[Decision, ...]] | None = graph.__dict__.get("_decisions")
    if last is not None and last[0] is plan:
        return last[1]
    for group, (channels, holders, memory) in zip(graph.groups, _arrays(graph), strict=True):
        wishes = [(holder, plan.settings(holder.layer)) for holder in holders]
        if not any(wish.cuts_filters for _, wish in wishes):
            continue
        if any(plan.settings(name).locked for name in group.members if graph.by_name[name].compressible):
            continue
        decider, settings = max(wishes, key=lambda pair: _asks(pair[1]))  # the first of equals
        keep = frozenset(place for holder, wish in wishes for place in _brushed(holder, wish.keep))
        cut = frozenset(place for holder, wish in wishes for place in _brushed(holder, wish.cut))
        found.append(Decision(group, channels, holders, decider.layer, settings, keep, cut - keep, memory))
    graph.__dict__["_decisions"] = plan, tuple(found)
    return tuple(found)


def _asks(settings: Settings) -> tuple[bool, float]:
    if settings.filter_threshold is not None:
        return True, settings.filter_threshold
    return False, settings.filters


def _brushed(holder: Holder, filters: Sequence[int]) -> list[int]:
    wrong = [index for index in filters if not 0 <= index < holder.count]
    if wrong:
        raise UserError("prune.no_such_filter", layer=holder.layer, filter=wrong[0], last=holder.count - 1)
    return holder.places[np.isin(holder.filters, filters)].tolist() if filters else []


@dataclass
class _Ranking:
    """One group's channels while it is decided which of them go."""

    channels: NDArray[np.int64]
    scores: NDArray[np.float32]
    order: NDArray[np.int64]
    """Places, the first to go first."""
    forced: int
    """How many at the front of `order` the brush removes."""
    limit: int
    """How many may go at most: not the protected, not the last one of any layer."""
    share: float
    normalised: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    count: int = 0

    @classmethod
    def of(cls, decision: Decision, filter_scores: Mapping[str, Scores]) -> "_Ranking":
        """The ranking of a group; a slider that moves asks for the same one again and again, with another share."""
        scores = [filter_scores[holder.layer] for holder in decision.holders] if decision.needs_scores else []
        asked = decision.settings.filter_criterion, decision.keep, decision.cut
        memory = decision.memory
        same = memory.asked == asked and len(memory.scores) == len(scores)
        if memory.ranking is None or not same or any(map(operator.is_not, memory.scores, scores)):
            memory.asked, memory.scores = asked, scores
            memory.ranking = cls._ranked(decision, scores)
        found = copy.copy(memory.ranking)
        found.share = decision.settings.filters
        return found

    @classmethod
    def _ranked(cls, decision: Decision, filter_scores: Sequence[Scores]) -> "_Ranking":
        """Adds the scores up and puts the channels in the order in which they go."""
        size = len(decision.channels)
        total = np.zeros(size)
        if decision.needs_scores:
            for holder, own in zip(decision.holders, filter_scores, strict=True):
                total += np.bincount(holder.places, weights=own[holder.filters], minlength=size)
        scores = total.astype(np.float32)
        ranked = scores.astype(np.float64)
        ranked[list(decision.cut)] = -np.inf
        ranked[list(decision.keep)] = np.inf
        order = np.argsort(ranked, kind="stable")
        stay = np.zeros(size, dtype=np.bool_)
        stay[list(_last_ones(decision, order))] = True
        mean = float(total.mean())
        comparable = methods("filter_criterion")[decision.settings.filter_criterion].across_layers
        return cls(
            channels=decision.channels,
            scores=scores,
            order=np.concatenate([order[~stay[order]], order[stay[order]]]),
            forced=sum(not stay[place] for place in decision.cut),
            limit=size - int(np.count_nonzero(stay)),
            share=decision.settings.filters,
            normalised=ranked if comparable or mean <= 0 else ranked / mean,
        )

    @property
    def size(self) -> int:
        """How many channels the group has."""
        return len(self.channels)

    @property
    def removed(self) -> NDArray[np.int64]:
        """The ids of the channels that go."""
        return self.channels[self.order[: self.count]]

    def cut_lowest(self, count: int) -> None:
        """Remove so many, those of the brush among them."""
        self.count = min(max(count, self.forced), self.limit)

    def cut_below(self, threshold: float) -> None:
        """Remove what scores below a threshold, strictly, compared in float32 as the scores are."""
        # Behind the brushed ones `order` ascends, so those below the threshold stand together at the front.
        below = self.scores[self.order[self.forced :]] < np.float32(threshold)
        self.cut_lowest(self.forced + int(np.argmin(below)) if not below.all() else self.size)


@dataclass
class _Memory:
    """The last ranking of a group and what it was made of; kept with the graph, as its cached properties are."""

    asked: tuple[object, ...] = ()
    scores: Sequence[Scores] = ()
    ranking: _Ranking | None = None


def _last_ones(decision: Decision, order: NDArray[np.int64]) -> set[int]:
    """Places that must stay so that every layer of the group keeps a channel: its best (a concat joins layers)."""
    position = np.empty(len(order), dtype=np.int64)
    position[order] = np.arange(len(order))
    stay: set[int] = set(decision.keep)
    for holder in sorted(decision.holders, key=lambda holder: len(holder.places)):
        if len(holder.filters) == holder.count and stay.isdisjoint(holder.places.tolist()):
            stay.add(int(holder.places[np.argmax(position[holder.places])]))
    return stay


def _cut_together(rankings: list[_Ranking]) -> list[_Ranking]:
    """Removes the lowest of all groups together, floor(Σ filters · out); each group's order stays its own."""
    budget = filters_together((ranking.share, ranking.size) for ranking in rankings)
    values = np.concatenate([ranking.normalised[ranking.order[: ranking.limit]] for ranking in rankings])
    owners = np.repeat(np.arange(len(rankings)), [ranking.limit for ranking in rankings])
    first = owners[np.argsort(values, kind="stable")[:budget]]
    for index, ranking in enumerate(rankings):
        ranking.cut_lowest(int(np.count_nonzero(first == index)))
    return rankings


def _summed(shares: Iterable[tuple[float, int]]) -> float:
    """Σ share · count; equal shares are multiplied once, so that one share for all layers is share · Σ count."""
    counts: dict[float, int] = {}
    for share, count in shares:
        counts[share] = counts.get(share, 0) + count
    return math.fsum(share * count for share, count in counts.items())


_Arrays = tuple[tuple[NDArray[np.int64], tuple[Holder, ...], _Memory], ...]


def _arrays(graph: LayerGraph) -> _Arrays:
    """By group, its channel ids and who makes them; kept with the graph, as its cached properties are."""
    found: _Arrays | None = graph.__dict__.get("_filter_arrays")
    if found is None:
        found = tuple(
            (np.array(group.channels, dtype=np.int64), _holders(graph, group), _Memory()) for group in graph.groups
        )
        graph.__dict__["_filter_arrays"] = found
    return found


def _holders(graph: LayerGraph, group: CoupledGroup) -> tuple[Holder, ...]:
    place = {channel: index for index, channel in enumerate(group.channels)}

    def holder(layer: Layer) -> Holder | None:
        places = np.array([place.get(channel, -1) for channel in layer.output_channels], dtype=np.int64)
        filters = np.flatnonzero(places >= 0)
        return Holder(layer.name, filters, places[filters], len(places)) if len(filters) else None

    layers = (graph.by_name[name] for name in group.members)
    return tuple(found for layer in layers if layer.weight_kind in _FILTERED and (found := holder(layer)) is not None)
