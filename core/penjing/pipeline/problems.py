"""What a run tells about its plan: what `planning.check` finds when it may look at the weights, once for all layers."""

from collections.abc import Iterator

from penjing.devices.profiles import Device
from penjing.estimation.gathering import tables_for
from penjing.inspection.dead import dead_neurons, empty_filters
from penjing.layer_graph import LayerGraph
from penjing.loading.dataset import Dataset
from penjing.model.model import Model
from penjing.plan import Plan, Settings
from penjing.planning.check import Problem, check, merged
from penjing.planning.problem import of_layer


def problems_of(
    model: Model, graph: LayerGraph, plan: Plan, data: Dataset | None, device: Device | None
) -> tuple[Problem, ...]:
    """The problems of a plan that could be run, and the filters of the network that do nothing."""
    settings = list(_settings(graph, plan))
    compares = any(one.threshold is not None or one.filter_threshold is not None for one in settings)
    tables = tables_for(model, graph, plan, data=data) if compares else None
    found = check(plan, graph, device=device, tables=tables)
    return merged((*found, *_idle(model, graph, plan, data)))


def _idle(model: Model, graph: LayerGraph, plan: Plan, data: Dataset | None) -> Iterator[Problem]:
    """Filters that do nothing and that the plan does not look for."""
    if plan.distillation.student != "compressed":
        return  # another network is compressed than the one looked at
    prunes = any(step.step == "prune" for step in plan.steps)
    if not any(one.quantizes or (prunes and one.prunes_weights) or one.cuts_filters for one in _settings(graph, plan)):
        return
    empty = empty_filters(model)
    dead, examples = ({}, 0) if data is None else dead_neurons(model, data)
    for layer in graph.compressible:
        if prunes and plan.settings(layer.name).cuts_filters:
            continue
        filters = (layer.weight_shape or (0,))[0]
        if layer.name in empty:
            yield of_layer("note", layer, "check.empty_filters", empty=len(empty[layer.name]), filters=filters)
        elif layer.name in dead and not any(output.layer == layer.name for output in graph.outputs):
            count = len(dead[layer.name])
            yield of_layer("note", layer, "check.dead_filters", dead=count, filters=filters, examples=examples)


def _settings(graph: LayerGraph, plan: Plan) -> Iterator[Settings]:
    return (plan.settings(layer.name) for layer in graph.compressible)
