"""The steps a plan's pipeline is made of, registered under the ids of the catalogue: state in, state out."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from penjing.compression.batch_norm import reestimate
from penjing.compression.prune import prune
from penjing.compression.quantize import quantize
from penjing.compression.simulation import simulate
from penjing.distillation.lesson import Kind
from penjing.distillation.train import train
from penjing.errors import UserError
from penjing.estimation.measured import measure
from penjing.inspection.graph import layer_graph
from penjing.layer_graph import LayerGraph
from penjing.loading.dataset import Dataset
from penjing.model.model import Model
from penjing.plan import Plan, Step
from penjing.results import Accuracy, Epoch, OnProgress, Progress, unheard


@dataclass(frozen=True, kw_only=True)
class Context:
    """What every step may look at and none changes."""

    original: Model
    """What the pipeline starts from: the network as loaded, or the student that the plan names."""
    graph: LayerGraph
    """Of `original`."""
    plan: Plan
    data: Dataset | None
    training: bool = True
    """Whether training steps run: an estimate and an export without training leave them out."""
    on_progress: OnProgress = unheard
    teacher: Model
    checkpoints: Path | None = None
    """A folder in which every training step keeps its state after each epoch, and goes on from it if it is there."""

    def announce(self, stage: str) -> None:
        """Say that a step begins; one that has nothing to do says nothing."""
        self.on_progress(Progress(stage=stage, done=0, total=1))


@dataclass(frozen=True, kw_only=True)
class State:
    """The network on its way through the pipeline."""

    model: Model
    graph: LayerGraph
    """Of `model`."""
    counted: LayerGraph
    """Of `model` before batch norm was folded: parameters are counted as loaded."""
    detail: str = ""
    warnings: tuple[str, ...] = ()
    changed: bool = field(default=False)
    """Whether any step so far changed the network: an unchanged student has nothing to learn from itself."""
    rounded_from: Model | None = None
    """The float network that `model` was quantized from, while its weights are still those: training starts there."""
    history: tuple[tuple[Epoch, ...], ...] = ()
    """The epochs of every training step so far."""


StepFunction = Callable[[Context, State, Step], State]
_STEPS: dict[str, StepFunction] = {}


def step(name: str) -> Callable[[StepFunction], StepFunction]:
    """Register a step under its id in the catalogue."""

    def register(function: StepFunction) -> StepFunction:
        _STEPS[name] = function
        return function

    return register


def steps() -> Mapping[str, StepFunction]:
    """Every step by id."""
    return _STEPS


def validation_accuracy(context: Context, model: Model) -> Accuracy | None:
    """On the validation split, as the screen simulates the model; without labels the agreement with the teacher."""
    if context.data is None or not len(context.data.val):
        return None
    return measure(simulate(model), context.data, "val", reference=simulate(context.teacher))


@step("prune")
def _prune(context: Context, state: State, options: Step) -> State:
    settings = [context.plan.settings(layer.name) for layer in context.graph.compressible]
    if not any(entry.prunes_weights or entry.cuts_filters or entry.remove for entry in settings):
        return state
    context.announce("prune")
    pruned = prune(state.model, state.graph, context.plan, data=context.data)
    return dataclasses.replace(
        state,
        model=pruned.model,
        graph=pruned.graph,
        counted=pruned.graph,
        detail=pruned.detail,
        changed=True,
        rounded_from=None,
    )


@step("bn_reestimate")
def _bn_reestimate(context: Context, state: State, options: Step) -> State:
    if context.data is None or not state.changed:
        return state
    if not any(layer.kind == "batch_norm" for layer in state.graph.layers):
        return state
    context.announce("bn_reestimate")
    # Few images can be worse than the statistics of the whole training: measure before keeping (BARS.md).
    best, kept = validation_accuracy(context, state.model), None
    for method in (None, "differential") if options.method is None else (options.method,):
        candidate = reestimate(state.model, context.data, method=method, reference=context.original)
        found = validation_accuracy(context, candidate)
        if best is None or found is None or found.value > best.value:
            best, kept = found, candidate
    return (
        dataclasses.replace(state, detail="not kept: no better")
        if kept is None
        else dataclasses.replace(state, model=kept)
    )


@step("quantize")
def _quantize(context: Context, state: State, options: Step) -> State:
    if not any(context.plan.settings(layer.name).quantizes for layer in context.graph.compressible):
        return state
    context.announce("quantize")
    model = quantize(state.model, context.plan, context.data, on_progress=context.on_progress)
    return dataclasses.replace(state, model=model, graph=layer_graph(model), changed=True, rounded_from=state.model)


def _training(context: Context, state: State, *, kind: Kind, method: str | None = None) -> State:
    plan = context.plan
    if not context.training or plan.distillation.epochs == 0 or not state.changed:
        return state
    if context.data is None:
        return dataclasses.replace(state, warnings=(*state.warnings, "warning.no_data_to_train"))
    trained = train(
        state.model,
        context.data,
        options=plan.distillation,
        teacher=context.teacher,
        kind=kind,
        method=method,
        on_progress=lambda progress: context.on_progress(msgspec.structs.replace(progress, stage=kind)),
        checkpoint=_checkpoint(context, state, kind),
        masters=state.rounded_from,
    )
    detail = f"epoch {trained.best_epoch} of {plan.distillation.epochs} kept"
    return dataclasses.replace(
        state, model=trained.model, detail=detail, history=(*state.history, trained.history), rounded_from=None
    )


def _checkpoint(context: Context, state: State, kind: Kind) -> Path | None:
    # Two trainings of one pipeline have a file each.
    number = len(state.history)
    return None if context.checkpoints is None else context.checkpoints / f"{number}-{kind}.safetensors"


@step("finetune")
def _finetune(context: Context, state: State, options: Step) -> State:
    return _training(context, state, kind="finetune")


@step("qat")
def _qat(context: Context, state: State, options: Step) -> State:
    quantized = state if state.model.weight_quantizers else _quantize(context, state, options)
    return _training(context, quantized, kind="qat", method=options.method)


@step("distill")
def _distill(context: Context, state: State, options: Step) -> State:
    return _training(context, state, kind="distill")


def require_step(name: str) -> StepFunction:
    """The function of a step."""
    found = _STEPS.get(name)
    if found is None:
        raise UserError("plan.unknown_method", where="plan", path="pipeline", value=name, known=", ".join(_STEPS))
    return found
