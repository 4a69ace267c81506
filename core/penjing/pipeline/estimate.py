"""What a plan gives before any training: exact figures, and accuracy measured on validation data."""

from dataclasses import dataclass
from typing import Any

import msgspec

from penjing.compression.simulation import simulate
from penjing.devices.profiles import Device
from penjing.estimation.exact import figures_of
from penjing.estimation.finished import state_of
from penjing.estimation.measured import measure
from penjing.inspection.graph import layer_graph
from penjing.loading.cautions import cautions
from penjing.loading.dataset import Dataset
from penjing.model.model import Model
from penjing.pipeline.formats import chosen
from penjing.pipeline.job import effective_plan
from penjing.pipeline.problems import problems_of
from penjing.pipeline.run import run_plan
from penjing.plan import Plan
from penjing.results import Accuracy, Estimate, Figures, OnProgress, Progress, unheard


@dataclass(frozen=True, kw_only=True)
class Estimated:
    """An estimate and what `check` noticed: (message code, its values)."""

    estimate: Estimate
    warnings: tuple[tuple[str, dict[str, Any]], ...]


def estimate_plan(
    model: Model,
    plan: Plan,
    data: Dataset | None,
    *,
    device: Device | None = None,
    on_progress: OnProgress = unheard,
) -> Estimated:
    """Figures of `model` and of what `plan` makes of it without its training steps.

    Raises:
        UserError: `plan.unknown_layer`, or what a step says.
    """
    graph = layer_graph(model)
    finished = run_plan(model, plan, data, graph=graph, training=False, measuring=False, on_progress=on_progress)
    problems = problems_of(model, graph, plan, data, device)
    formats = chosen((), device)
    _, notes = effective_plan(plan, formats.names, graph)  # what an export will change is said, not done
    written = "onnx" if device is None else None
    compressed = figures_of(finished.graph, state_of(finished.model, finished.graph), device=device, format=written)
    baseline = figures_of(graph, device=device, format="onnx")
    on_progress(Progress(stage="measure", done=0, total=2))
    before = _accuracy(model, data, model)
    on_progress(Progress(stage="measure", done=1, total=2))
    after = _accuracy(finished.model, data, model)
    on_progress(Progress(stage="measure", done=2, total=2))
    return Estimated(
        estimate=Estimate(baseline=_with(baseline, before), compressed=_with(compressed, after)),
        warnings=(
            *((one.code, dict(one.values)) for one in model.warnings),
            *((one.code, dict(one.values)) for one in (() if data is None else cautions(data))),
            *_blanks(after),
            *((code, {}) for code in notes if code != "warning.quantize_not_in_pipeline"),  # `check` says it, too
            *((problem.code, dict(problem.values)) for problem in problems),
            *((one.code, dict(one.values)) for one in finished.warnings),
        ),
    )


def _blanks(found: Accuracy | None) -> tuple[tuple[str, dict[str, Any]], ...]:
    return () if found is None or not found.blank else (("measure.blank", {"count": found.blank, "all": found.n}),)


def _accuracy(model: Model, data: Dataset | None, reference: Model) -> Accuracy | None:
    return None if data is None else measure(simulate(model), data, "val", reference=simulate(reference))


def _with(figures: Figures, accuracy: Accuracy | None) -> Figures:
    return msgspec.structs.replace(figures, accuracy=accuracy)
