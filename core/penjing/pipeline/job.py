"""The whole job of `compress` and `export`: run the plan, export, reopen, compare, report."""

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch
from torch import Tensor

from penjing import assets
from penjing.compression.simulation import simulate
from penjing.devices.cores import core_of
from penjing.devices.profiles import Device
from penjing.estimation.exact import figures_of
from penjing.estimation.finished import state_of
from penjing.estimation.measured import measure
from penjing.exporting.c99.cmsis_nn import scratch_bytes
from penjing.exporting.folder import new_folder
from penjing.exporting.intake import intake_of
from penjing.exporting.penjingnet import write_reference
from penjing.exporting.samples import random_inputs, write_samples
from penjing.inspection.graph import layer_graph
from penjing.layer_graph import LayerGraph
from penjing.loading.data_card import preparation
from penjing.loading.dataset import Dataset
from penjing.model.c_kernels.parts import Kernels, Rounding
from penjing.model.model import Model
from penjing.pipeline.formats import checked_early, chosen, written
from penjing.pipeline.problems import problems_of
from penjing.pipeline.run import Finished, run_plan
from penjing.plan import Plan, checked
from penjing.planning.check import Problem, require_known_layers
from penjing.report.html import write_report
from penjing.report.script import write_script
from penjing.results import Accuracy, ExportedFile, Figures, OnProgress, Progress, RunResult, unheard
from penjing.verification.linked import estimates, scratch_estimates
from penjing.verification.record import write_record
from penjing.verification.runtimes import C99
from penjing.verification.source import source_rung
from penjing.verification.truth import choices_without_labels
from penjing.verification.verify import verify_files

INTEGER_FORMATS = frozenset({"onnx-int8", "c99"})
"""Formats that store integers: a plan that keeps every layer in float32 is set to 8 bits for them."""

SAMPLES = 16


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be compressed, how, and for what."""

    model: Model
    plan: Plan
    data: Dataset | None
    model_source: str
    """As the user named it; for the report and the script that repeats the run."""
    data_source: str | None
    device: Device | None = None
    formats: tuple[str, ...] = ()
    """Empty: the device's format (or what can carry the network in its place), `onnx` and `penjingnet`."""
    training: bool = True
    rounding: Rounding = "single"
    """Of exported C: as the screen rounds, or `double` as TensorFlow Lite and CMSIS-NN do."""
    kernels: Kernels = "generated"
    """Of exported C: its own alone, or with `cmsis-nn` a second source, too, that calls that library."""
    checkpoints: Path | None = None
    """As in `run_plan`."""
    finished: Finished | None = None
    """What an earlier run of this plan made: it is exported as it is."""
    language: str = "en"


def compress_job(job: Job, folder: Path, *, on_progress: OnProgress = unheard) -> RunResult:
    """Writes `folder` as a whole and tells what is in it; on error or cancel an older export stays as it was.

    Torch runs on one thread, so that the same seed, plan and machine give the same weights.

    Raises:
        UserError: What is wrong with the plan, the data or the folder.
        Cancelled: The callback asked for it.
    """
    torch.set_num_threads(1)
    graph = layer_graph(job.model)
    require_known_layers(job.plan, graph)
    formats = chosen(job.formats, job.device)
    plan, notes = effective_plan(job.plan, formats.names, graph)
    formats = checked_early(formats, graph, plan)
    with new_folder(folder) as temporary:
        finished = _finished(job, plan, graph, on_progress)
        on_progress(Progress(stage="measure", done=0, total=2))
        before = _test_accuracy(job.model, job.data, job.model)
        on_progress(Progress(stage="measure", done=1, total=2))
        after = _test_accuracy(finished.model, job.data, job.model)
        state = state_of(finished.model, finished.graph)
        on_progress(Progress(stage="export", done=0, total=len(formats.names)))
        files: list[ExportedFile] = []
        predicted: dict[str, int] = {}
        shown = _sample_inputs(finished.model, job.data)
        steps = written(
            formats,
            finished.model,
            temporary,
            device=job.device,
            samples=shown,
            intake=intake_of(job.data),
            rounding=job.rounding,
            kernels=job.kernels,
        )
        for index, (formats, name, made) in enumerate(steps):
            files.extend(made)
            expected = figures_of(finished.graph, state, device=job.device, format=name).file_bytes
            if expected is not None:
                predicted[name] = expected
            on_progress(Progress(stage="export", done=index + 1, total=len(formats.names)))
        if C99 in formats.names:
            predicted |= estimates(finished.graph, state)
            predicted |= scratch_estimates(finished.model, job.rounding) if job.kernels == "cmsis-nn" else {}
        (temporary / "plan.json").write_text(plan.to_json(), encoding="utf-8")
        if "penjingnet" not in formats.names:
            write_reference(temporary, finished.model)
        write_samples(temporary, finished.model, shown)
        later = [one for one in finished.model.warnings if one not in job.model.warnings]
        verdict = verify_files(
            finished.model,
            tuple(files),
            temporary,
            job.data,
            baseline=job.model,
            device=job.device,
            predicted=predicted,
            on_progress=on_progress,
            language=job.language,
        )
        rung = source_rung(
            Path(job.model_source), job.model, _sample_inputs(job.model, job.data), language=job.language
        )
        if rung is not None:
            passed = verdict.passed and rung.passed is not False
            verdict = msgspec.structs.replace(verdict, passed=passed, rungs=(rung, *verdict.rungs))
        baseline_format = "onnx" if formats.names[0] in INTEGER_FORMATS else formats.names[0]
        result = RunResult(
            baseline=_with(figures_of(graph, device=job.device, format=baseline_format), before),
            compressed=_with(
                _with_scratch(
                    figures_of(finished.graph, state, device=job.device, format=formats.names[0]), finished.model, job
                ),
                after,
            ),
            plan_hash=plan.hash,
            files=tuple(files),
            verdict=verdict,
            steps=finished.steps,
            warnings=tuple(
                assets.text(code, language=job.language, **values)
                for code, values in (
                    *((one.code, one.values) for one in (*job.model.warnings, *later, *finished.warnings)),
                    *((code, {}) for code in notes),
                    *formats.notes(job.language),
                    *_told(problems_of(job.model, graph, plan, job.data, job.device)),
                )
            ),
        )
        _report(temporary, job, plan, finished, result)
        write_record(
            temporary,
            verdict,
            result.files,
            predicted=predicted,
            data_source=job.data_source,
            metric=None if job.data is None else job.data.metric,
            original=choices_without_labels(job.model, job.data),
        )
    return result


def effective_plan(plan: Plan, formats: tuple[str, ...], graph: LayerGraph) -> tuple[Plan, tuple[str, ...]]:
    """The plan that is really run for these formats, and message codes that say what was changed.

    An integer format of a plan that quantizes nothing means 8 bits for weights and activations, unless the network
    already is quantized: then it stays as it is.
    """
    settings = [plan.settings(layer.name) for layer in graph.compressible]
    quantizes = any(one.quantizes for one in settings)
    in_pipeline = any(step.step in ("quantize", "qat") for step in plan.steps)
    if quantizes and not in_pipeline:
        return plan, ("warning.quantize_not_in_pipeline",)
    # A codebook alone makes no integers.
    narrow = graph.is_quantized or any(one.weight_bits < 32 or one.activation_bits < 32 for one in settings)
    if narrow or not INTEGER_FORMATS.intersection(formats):
        return plan, ()
    pipeline = plan.pipeline if in_pipeline else (*plan.pipeline, "quantize")
    defaults = msgspec.structs.replace(plan.defaults, weight_bits=8, activation_bits=8)
    return checked(msgspec.structs.replace(plan, defaults=defaults, pipeline=pipeline)), ("warning.set_to_int8",)


def _told(problems: Iterable[Problem]) -> Iterator[tuple[str, dict[str, str | int | float]]]:
    for problem in problems:
        if problem.code != "check.no_quantize_step":  # a warning of the run itself says it
            yield problem.code, problem.values


def _finished(job: Job, plan: Plan, graph: LayerGraph, on_progress: OnProgress) -> Finished:
    if job.finished is None:
        return run_plan(
            job.model,
            plan,
            job.data,
            graph=graph,
            training=job.training,
            checkpoints=job.checkpoints,
            on_progress=on_progress,
        )
    if plan == job.plan:
        return job.finished
    # A network that was taught in float, for a format of integers: only the quantization is still to be done.
    known = layer_graph(job.finished.model)
    layers = {name: override for name, override in plan.layers.items() if name in known.by_name}
    last = msgspec.structs.replace(plan, layers=layers, pipeline=("quantize",))
    quantized = run_plan(job.finished.model, last, job.data, graph=known, on_progress=on_progress)
    return dataclasses.replace(
        job.finished, model=quantized.model, steps=(*job.finished.steps, *quantized.steps), warnings=quantized.warnings
    )


def _test_accuracy(model: Model, data: Dataset | None, reference: Model) -> Accuracy | None:
    if data is None:
        return None
    return measure(simulate(model), data, "test", reference=simulate(reference))


def _sample_inputs(model: Model, data: Dataset | None) -> tuple[Tensor, ...]:
    if data is None or not len(data.test):
        return random_inputs(model, SAMPLES)
    return data.inputs(data.test, slice(0, SAMPLES))


def _with_scratch(figures: Figures, model: Model, job: Job) -> Figures:
    """Figures with the RAM that CMSIS-NN works in, where the device's C calls it."""
    if job.kernels != "cmsis-nn" or job.device is None or not job.device.brings_c or figures.ram_bytes is None:
        return figures
    scratch = scratch_bytes(model, job.rounding, core_of(job.device))
    return msgspec.structs.replace(figures, ram_bytes=figures.ram_bytes + scratch)


def _with(figures: Figures, accuracy: Accuracy | None) -> Figures:
    return msgspec.structs.replace(figures, accuracy=accuracy)


def _report(folder: Path, job: Job, plan: Plan, finished: Finished, result: RunResult) -> None:
    # What was trained before comes again only by training.
    training = job.training or job.finished is not None
    metric = job.data.metric if job.data is not None and job.data.metric_chosen else None
    write_script(
        folder,
        model_source=job.model_source,
        data_source=job.data_source,
        device=job.device,
        formats=tuple(file.format for file in result.files),
        training=training,
        rounding=job.rounding,
        kernels=job.kernels,
        metric=metric,
    )
    write_report(
        folder / "report.html",
        result=result,
        plan=plan,
        before=layer_graph(job.model),
        after=finished.graph,
        model=finished.model,
        device=job.device,
        model_source=job.model_source,
        data_source=job.data_source,
        preparation=() if job.data is None else preparation(job.data),
        training=training,
        rounding=job.rounding,
        kernels=job.kernels,
        metric=metric,
        language=job.language,
    )
