"""Runs a plan's steps in the plan's order and measures each."""

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path

from penjing.distillation.student import student_of, teacher_of
from penjing.errors import Note
from penjing.inspection.graph import layer_graph
from penjing.layer_graph import LayerGraph
from penjing.loading.dataset import Dataset
from penjing.loading.open import open_model
from penjing.model.model import Model
from penjing.pipeline.reuse import Reused
from penjing.pipeline.steps import Context, State, require_step, validation_accuracy
from penjing.plan import Plan
from penjing.planning.check import require_known_layers
from penjing.results import Epoch, OnProgress, StepResult, unheard


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The network that a plan made, and what each step did to it."""

    model: Model
    graph: LayerGraph
    """Of `model`, with batch norm as loaded (see `State.counted`)."""
    steps: tuple[StepResult, ...]
    warnings: tuple[Note, ...]
    history: tuple[Epoch, ...] = ()
    """Of every training step in turn."""


def run_plan(
    model: Model,
    plan: Plan,
    data: Dataset | None,
    *,
    graph: LayerGraph | None = None,
    training: bool = True,
    measuring: bool = True,
    checkpoints: Path | None = None,
    reused: Reused | None = None,
    on_progress: OnProgress = unheard,
) -> Finished:
    """A new model: the plan's steps applied to `model`, or to the student that the plan names, one after the other.

    `graph` is the layer graph of `model`, where the caller has it already. Without `training` the steps that train are
    left out; with `measuring` the accuracy on the validation split is taken after every step that did something.
    In the folder `checkpoints` training steps keep their state, to go on from it; who is done removes it.
    `reused` is what other plans of the same network and data found out; this one adds to it.

    Raises:
        UserError: `plan.unknown_layer`, or what a step says.
    """
    teaching = plan.distillation
    student = student_of(teaching.student, compressed=model, original=model, load=open_model)
    if student is not model or graph is None:
        graph = layer_graph(student)
    require_known_layers(plan, graph)
    context = Context(
        original=student,
        graph=graph,
        plan=plan,
        data=data,
        training=training,
        on_progress=on_progress,
        teacher=teacher_of(teaching.teacher, original=model, load=open_model),
        checkpoints=checkpoints,
        reused=reused,
    )
    state = State(model=student, graph=graph, counted=graph, changed=student is not model)
    results = []
    for index, step in enumerate(plan.steps):
        started = time.monotonic()
        before = state.model
        state = dataclasses.replace(state, notes=(), ahead=plan.steps[index + 1 :])
        state = require_step(step.step)(context, state, step)
        seconds = time.monotonic() - started
        worked = state.model is not before
        accuracy = validation_accuracy(context, state.model) if worked and measuring else None
        if worked or state.notes:
            detail = "; ".join(one.text() for one in state.notes)
            told = StepResult(step=step.step, seconds=seconds, accuracy=accuracy, detail=detail, notes=state.notes)
            results.append(told)
    return Finished(
        model=state.model,
        graph=state.counted,
        steps=tuple(results),
        warnings=state.warnings,
        history=tuple(epoch for epochs in state.history for epoch in epochs),
    )
