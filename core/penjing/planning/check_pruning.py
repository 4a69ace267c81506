"""What a plan's prune step cannot do, or does in vain."""

import math
from collections.abc import Iterator

import msgspec
import numpy as np

from penjing.devices.profiles import Device
from penjing.errors import UserError
from penjing.estimation.prediction import left_of_each
from penjing.estimation.storage import zeros_pay
from penjing.estimation.tables import Tables
from penjing.inspection.removal import removable
from penjing.inspection.selection import (
    Decision,
    decisions,
    filter_criteria,
    filters_together,
    selected_channels,
    zeros,
    zeros_together,
)
from penjing.layer_graph import Layer, LayerGraph
from penjing.plan import Plan, Settings
from penjing.planning.kept import tied_at
from penjing.planning.problem import Problem, of_layer


def nothing_removed(plan: Plan, graph: LayerGraph) -> bool:
    """Whether the plan asks for cuts and all of them round to nothing: the prune step refuses such a plan.

    What a threshold removes depends on the weights; here it counts as something.
    """
    settings = [(layer, plan.settings(layer.name)) for layer in graph.compressible]
    if not any(one.prunes_weights or one.cuts_filters for _, one in settings):
        return False
    if any(one.remove and not one.locked for _, one in settings):
        return False
    if any(_zeroes(layer, one) for layer, one in settings if one.prunes_weights):
        return False
    weights = [
        (one.sparsity, layer.weights)
        for layer, one in settings
        if one.prunes_weights and one.threshold is None and one.scope == "global"
    ]
    return zeros_together(weights) == 0 and not _cuts_channels(graph, plan)


def of_pruning(plan: Plan, graph: LayerGraph, device: Device | None, tables: Tables) -> Iterator[Problem]:
    """The problems of every layer that the plan prunes."""
    asked = [plan.settings(layer.name).remove for layer in graph.compressible]
    possible = removable(graph) if any(asked) else frozenset[str]()
    for layer in graph.compressible:
        settings = plan.settings(layer.name)
        if settings.remove and not settings.locked and layer.name not in possible:
            yield of_layer("error", layer, "check.cannot_remove")
        free = msgspec.structs.replace(settings, locked=False)
        if settings.locked and (free.prunes_weights or free.cuts_filters or free.remove):
            yield of_layer("warning", layer, "check.locked")
        if settings.prunes_weights:
            yield from _zeroing(layer, settings, device, tables)
        if settings.cuts_filters:
            yield from _cutting(plan, graph, layer, settings)
    yield from _filter_thresholds(plan, graph, tables)


def _zeroes(layer: Layer, settings: Settings) -> bool:
    """Whether settings of one layer alone zero any of its weights; a threshold may."""
    if settings.nm is not None and left_of_each(layer, *settings.nm) < layer.weights:
        return True
    if settings.threshold is not None:
        return True
    return settings.scope == "layer" and zeros(settings.sparsity, layer.weights) > 0


def _zeroing(layer: Layer, settings: Settings, device: Device | None, tables: Tables) -> Iterator[Problem]:
    weights, threshold = layer.weights, settings.threshold
    if settings.nm is not None and left_of_each(layer, *settings.nm) == weights:
        keep, of = settings.nm
        yield of_layer("warning", layer, "check.nm_keeps_all", keep=keep, of=of)
    if threshold is not None:
        if (layer.name, settings.criterion) in tables.weight_scores:
            lowest = tables.sorted_scores(layer.name, settings.criterion)[0]
            if not lowest < np.float32(threshold):
                said = {"threshold": f"{threshold:.3g}", "lowest": f"{lowest:.3g}"}
                yield of_layer("warning", layer, "check.nothing_below", **said)
    elif settings.sparsity > 0 and zeros(settings.sparsity, weights) == 0:
        yield of_layer("warning", layer, "check.no_zeros", sparsity=settings.sparsity, weights=weights)
    elif settings.sparsity == 1:
        yield of_layer("warning", layer, "check.all_zeros")
    if device is not None and not device.sparse_storage:
        yield of_layer("warning", layer, "check.zeros_save_nothing", device=device.name)
    elif (
        device is not None and 0 < settings.sparsity < 1 and not zeros_pay(device, settings.sparsity, _stored(settings))
    ):
        yield of_layer("warning", layer, "check.zeros_too_few", device=device.name, sparsity=settings.sparsity)


def _stored(settings: Settings) -> int:
    """Bits of a weight that will be stored in integers."""
    return min(settings.weight_bits, 8)


def _cutting(plan: Plan, graph: LayerGraph, layer: Layer, settings: Settings) -> Iterator[Problem]:
    filters = layer.weight_shape[0] if layer.weight_shape else 0
    wrong = [index for index in (*settings.keep, *settings.cut) if index >= filters]
    if wrong:
        yield of_layer("error", layer, "check.no_such_filter", filter=wrong[0], last=filters - 1)
    own = layer.name in plan.layers  # a default that a layer cannot follow is no mistake
    channels = set(layer.output_channels)
    group = next((one for one in graph.groups if not channels.isdisjoint(one.channels)), None)
    if group is None:
        met = tied_at(graph, layer)
        code, values = ("check.output_filters", {}) if met is None else ("check.filters_fixed", {"by": met})
        yield of_layer("warning" if own else "note", layer, code, **values)
        return
    locked = [name for name in group.members if graph.by_name[name].compressible and plan.settings(name).locked]
    if locked:
        yield of_layer("warning", layer, "check.group_locked", locked=locked[0])
    elif settings.filter_threshold is None and settings.filters > 0 and _share(settings, len(group.channels)) == 0:
        count = len(group.channels)
        yield of_layer("warning", layer, "check.no_filters", filters=settings.filters, channels=count)


def _share(settings: Settings, channels: int) -> int:
    """How many channels a share of a group is; one always stays."""
    return min(math.floor(settings.filters * channels), channels - 1)


def _decisions(graph: LayerGraph, plan: Plan) -> tuple[Decision, ...]:
    try:
        return decisions(graph, plan)
    except UserError:  # a brushed filter that is not there, which is told for its layer
        return ()


def _cuts_channels(graph: LayerGraph, plan: Plan) -> bool:
    """Whether any group loses a channel; one with a threshold may."""
    together = []
    for decision in _decisions(graph, plan):
        settings, size = decision.settings, len(decision.channels)
        if settings.filter_threshold is not None or decision.cut:
            return True
        if settings.scope == "global":
            together.append((settings.filters, size))
        elif _share(settings, size) > 0:
            return True
    return filters_together(together) > 0


def _filter_thresholds(plan: Plan, graph: LayerGraph, tables: Tables) -> Iterator[Problem]:
    """Groups of which no channel scores below the threshold, where the tables tell."""
    found = [one for one in _decisions(graph, plan) if one.settings.filter_threshold is not None]
    if not found:
        return
    asked = filter_criteria(graph, plan)
    if not all(pair in tables.filter_scores for pair in asked.items()):
        return
    kept = selected_channels(graph, plan, {layer: tables.filter_scores[layer, how] for layer, how in asked.items()})
    for decision in found:
        if kept[decision.channels].all():
            threshold = f"{decision.settings.filter_threshold:.3g}"
            yield of_layer("warning", graph.by_name[decision.layer], "check.no_filters_below", threshold=threshold)
