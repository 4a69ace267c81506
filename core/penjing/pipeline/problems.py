"""What a run tells about its plan: what `planning.check` finds when it may look at the weights, once for all layers."""

from penjing.devices.profiles import Device
from penjing.estimation.gathering import tables_for
from penjing.layer_graph import LayerGraph
from penjing.loading.dataset import Dataset
from penjing.model.model import Model
from penjing.plan import Plan
from penjing.planning.check import Problem, check, merged


def problems_of(
    model: Model, graph: LayerGraph, plan: Plan, data: Dataset | None, device: Device | None
) -> tuple[Problem, ...]:
    """The problems of a plan that could be run."""
    settings = [plan.settings(layer.name) for layer in graph.compressible]
    compares = any(one.threshold is not None or one.filter_threshold is not None for one in settings)
    tables = tables_for(model, graph, plan, data=data) if compares else None
    return merged(check(plan, graph, device=device, tables=tables))
