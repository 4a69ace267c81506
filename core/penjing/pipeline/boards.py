"""A network and its plan on boards: compared across devices, or counted to stand beside a time that was measured."""

from collections.abc import Sequence

from penjing.devices.profiles import Device, OperatorClass, Precision
from penjing.estimation.comparison import Compared, compare
from penjing.estimation.gathering import tables_for
from penjing.estimation.latency import work
from penjing.estimation.prediction import predict
from penjing.inspection.graph import layer_graph
from penjing.loading.dataset import Dataset
from penjing.model.model import Model
from penjing.plan import Plan


def compare_model(model: Model, plan: Plan, data: Dataset | None, devices: Sequence[Device]) -> tuple[Compared, ...]:
    """The plan on every device; `data` is looked at by criteria that need it.

    Raises:
        UserError: What the plan asks for cannot be done to this network.
    """
    graph = layer_graph(model)
    return compare(graph, plan, tables_for(model, graph, plan, data=data), devices)


def work_of(
    model: Model, plan: Plan, data: Dataset | None, device: Device
) -> dict[Precision, dict[OperatorClass, float]]:
    """Million multiply-accumulates of the network under the plan, by precision and operator class, as a device takes.

    Raises:
        UserError: What the plan asks for cannot be done to this network.
    """
    graph = layer_graph(model)
    prediction = predict(graph, plan, tables_for(model, graph, plan, data=data))
    return work(prediction.graph, prediction.state, device)
