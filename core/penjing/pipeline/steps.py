"""The steps a plan's pipeline is made of, registered under the ids of the catalogue: state in, state out."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from torch import Tensor

from penjing.compression.batch_norm import reestimate
from penjing.compression.prune import mask_weights, prune, with_masks
from penjing.compression.quantize import quantize
from penjing.compression.repair import Unpruned, repair
from penjing.compression.simulation import simulate
from penjing.distillation.lesson import Kind
from penjing.distillation.train import train
from penjing.distillation.training import Thinning
from penjing.errors import UserError
from penjing.estimation.measured import measure
from penjing.inspection.graph import layer_graph
from penjing.layer_graph import LayerGraph
from penjing.loading.dataset import Dataset
from penjing.model.model import Model
from penjing.pipeline.judging import judge
from penjing.pipeline.reuse import Reused
from penjing.plan import Plan, Step
from penjing.results import Accuracy, Epoch, Note, OnProgress, Progress, unheard


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
    reused: Reused | None = None
    """What is known from other plans of the same network."""
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
    notes: tuple[Note, ...] = ()
    """What the last step tells."""
    warnings: tuple[Note, ...] = ()
    changed: bool = field(default=False)
    """Whether any step so far changed the network: an unchanged student has nothing to learn from itself."""
    rounded_from: Model | None = None
    """The float network that `model` was quantized from, while its weights are still those: training starts there."""
    unpruned: Unpruned | None = None
    """The network before the last prune step, while `model` is what that step left: a repair looks back to it."""
    ripening: bool = False
    """Whether weights are still to be pruned, by the next repair or training: a cubic schedule stands at its start."""
    ahead: tuple[Step, ...] = ()
    """The steps after this one."""
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


NOT_KEPT = Note(code="step.not_kept")
PARTS = 3
"""In so many parts a repair prunes what a cubic schedule has left to it, 70, 96 and 100 % of all."""


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
    cubic = any(one.prunes_weights and one.schedule == "cubic" for one in settings)
    gradual = cubic and (_trains_later(context, state) or _repairs_next(context, state))
    pruned = prune(state.model, state.graph, context.plan, data=context.data, progress=0.0 if gradual else 1.0)
    return dataclasses.replace(
        state,
        model=pruned.model,
        graph=pruned.graph,
        counted=pruned.graph,
        notes=(pruned.note, *([Note(code="step.more_later")] if gradual else [])),
        changed=True,
        rounded_from=None,
        unpruned=Unpruned(state.model, state.graph, pruned.kept_channels),
        ripening=gradual,
    )


def _trains_later(context: Context, state: State) -> bool:
    """Whether a step ahead will train: then a cubic schedule can take its time."""
    if not context.training or context.data is None or context.plan.distillation.epochs == 0:
        return False
    quantizes = any(context.plan.settings(layer.name).quantizes for layer in context.graph.compressible)
    return any(later.step in {"finetune", "distill"} or (later.step == "qat" and quantizes) for later in state.ahead)


def _repairs_next(context: Context, state: State) -> bool:
    """Whether a repair ahead will still find what this prune step leaves: then it can prune little by little."""
    undone = {"prune", "quantize", "qat", "finetune", "distill"}
    later = next((later.step for later in state.ahead if later.step in {"repair", *undone}), None)
    return later == "repair" and context.data is not None and not state.model.weight_quantizers


@step("repair")
def _repair(context: Context, state: State, options: Step) -> State:
    # A network on grids would leave them; one that was taught would forget.
    if context.data is None or state.unpruned is None or state.model.weight_quantizers:
        return state
    unpruned, data = state.unpruned, context.data
    locked = {layer.name for layer in state.graph.layers if context.plan.settings(layer.name).locked}
    layers = {layer.name for layer in state.graph.layers} - locked
    masks, ripens = _thinning(context), state.ripening and not _trains_later(context, state)
    bare = with_masks(state.model, dict(masks(state.model, 1.0))) if ripens else state.model
    found = state.model
    for part in range(1, PARTS + 1) if ripens else (PARTS,):
        if ripens:
            found = with_masks(found, dict(masks(found, part / PARTS)))
        last = part == PARTS
        found = repair(found, unpruned, data, layers=layers, mixing=last, on_progress=context.on_progress)
    distance = judge(context.teacher, context.data, context.reused)
    before, after = distance(bare), distance(found)
    better = before is None or after is None or after <= before
    return dataclasses.replace(
        state,
        model=found if better else bare,
        ripening=state.ripening and not ripens,
        notes=() if better else (NOT_KEPT,),
    )


@step("bn_reestimate")
def _bn_reestimate(context: Context, state: State, options: Step) -> State:
    if context.data is None or not state.changed:
        return state
    if not any(layer.kind == "batch_norm" for layer in state.graph.layers):
        return state
    context.announce("bn_reestimate")
    # Few images can be worse than the statistics of the whole training: measure before keeping (BARS.md).
    distance = judge(context.teacher, context.data, context.reused)
    best, kept = distance(state.model), None
    for method in (None, "differential") if options.method is None else (options.method,):
        flows = None if context.reused is None else context.reused.flows
        candidate = reestimate(state.model, context.data, method=method, reference=context.original, flows=flows)
        found = distance(candidate)
        if best is None or found is None or found < best:
            best, kept = found, candidate
    return dataclasses.replace(state, notes=(NOT_KEPT,)) if kept is None else dataclasses.replace(state, model=kept)


@step("quantize")
def _quantize(context: Context, state: State, options: Step) -> State:
    if not any(context.plan.settings(layer.name).quantizes for layer in context.graph.compressible):
        return state
    context.announce("quantize")
    model = quantize(state.model, context.plan, context.data, on_progress=context.on_progress)
    return dataclasses.replace(
        state, model=model, graph=layer_graph(model), changed=True, rounded_from=state.model, unpruned=None
    )


def _training(context: Context, state: State, *, kind: Kind, method: str | None = None) -> State:
    plan = context.plan
    if not context.training or plan.distillation.epochs == 0 or not state.changed:
        return state
    if context.data is None:
        return dataclasses.replace(state, warnings=(*state.warnings, Note(code="warning.no_data_to_train")))
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
        thinning=_thinning(context) if state.ripening else None,
    )
    kept = {"epoch": trained.best_epoch, "epochs": plan.distillation.epochs}
    return dataclasses.replace(
        state,
        model=trained.model,
        notes=(Note(code="step.epoch_kept", values=kept),),
        history=(*state.history, trained.history),
        rounded_from=None,
        unpruned=None,
        ripening=False,
    )


def _thinning(context: Context) -> Thinning:
    """The masks that the plan's schedule asks for at a point 0..1, judged from the weights as they then are."""

    def masks(model: Model, progress: float) -> Mapping[str, Tensor]:
        return mask_weights(model, layer_graph(model), context.plan, data=context.data, progress=progress).masks

    return masks


def _checkpoint(context: Context, state: State, kind: Kind) -> Path | None:
    # Two trainings of one pipeline have a file each.
    number = len(state.history)
    return None if context.checkpoints is None else context.checkpoints / f"{number}-{kind}.safetensors"


@step("finetune")
def _finetune(context: Context, state: State, options: Step) -> State:
    return _training(context, state, kind="finetune")


@step("qat")
def _qat(context: Context, state: State, options: Step) -> State:
    quantized = state if state.model.weight_quantizers or state.model.codebooks else _quantize(context, state, options)
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
