"""Fits a plan to a budget: gathers the tables, and lets the search measure its candidates for real."""

from penjing.compression.simulation import simulate
from penjing.devices.profiles import Device
from penjing.estimation.gathering import tables_for_fit
from penjing.estimation.measured import measure
from penjing.inspection.graph import layer_graph
from penjing.loading.dataset import Dataset
from penjing.model.model import Model
from penjing.pipeline.job import effective_plan
from penjing.pipeline.run import run_plan
from penjing.plan import Plan
from penjing.planning.fit import Budgets, FitResult, fit
from penjing.results import Accuracy, OnProgress, unheard


def fit_plan(
    model: Model, data: Dataset | None, *, device: Device, budgets: Budgets, on_progress: OnProgress = unheard
) -> FitResult:
    """The plan within `budgets` on `device` that loses least; measured on validation data where there is some.

    Raises:
        UserError: `fit.unknown_figure`, `fit.max_drop_needs_data`.
    """
    graph = layer_graph(model)
    start, _ = effective_plan(Plan(), (device.default_format,), graph)

    def measured(plan: Plan) -> Accuracy:
        assert data is not None
        finished = run_plan(model, plan, data, graph=graph, training=False, measuring=False)
        return measure(simulate(finished.model), data, "val", reference=simulate(model))

    return fit(
        graph,
        tables_for_fit(model, graph),
        device,
        budgets,
        start=start,
        measure=None if data is None else measured,
        on_progress=on_progress,
    )
