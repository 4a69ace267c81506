"""The one long piece of work of a job process: fit, train, compress, export or sweep, from a snapshot and a plan."""

import os
import shutil
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import msgspec
import torch

from penjing.compression.simulation import simulate
from penjing.devices.profiles import Device, device
from penjing.distillation.train import StopAndKeepBest
from penjing.errors import Cancelled, UserError, lacks_memory
from penjing.estimation.exact import figures_of
from penjing.estimation.finished import state_of
from penjing.estimation.measured import measure
from penjing.exporting.folder import new_folder
from penjing.inspection.graph import layer_graph
from penjing.layer_graph import LayerGraph
from penjing.loading.penjingnet import read_penjingnet
from penjing.model.model import Model
from penjing.model.penjingnet_format import encode
from penjing.pipeline.fit import fit_plan
from penjing.pipeline.job import Job, compress_job
from penjing.pipeline.run import Finished, run_plan
from penjing.pipeline.sweep import fingerprint, sweep_model
from penjing.planning.study import SweepRun
from penjing.results import Figures, OnProgress, Progress
from penjing.worker.channel import Channel
from penjing.worker.job_control import JobControl
from penjing.worker.messages import (
    Crashed,
    JobCancelled,
    JobDone,
    JobFailed,
    JobFound,
    JobKind,
    Message,
    Ready,
    RunJob,
    Trained,
    plain,
)
from penjing.worker.snapshot import NETWORK, Taken, read_snapshot
from penjing.worker.watched import watched

NICE = 10
"""Of the work, not of loading the libraries before: on a machine that is busy with other things that would not end."""
RUN = "run.json"
"""In the folder of a run: its `Trained`."""


def run_job(channel: Channel, control: JobControl, started: float) -> None:
    """Take the job that is sent, do it, tell its end; on one thread and behind everything that a person waits for."""
    os.nice(NICE)
    torch.set_num_threads(1)
    channel.send(Ready(pid=os.getpid(), seconds=time.monotonic() - started))
    channel.send(_end(control))


def read_run(folder: Path) -> Trained:
    """What a `train` job wrote.

    Raises:
        UserError: `worker.no_run`.
    """
    try:
        return msgspec.json.decode((folder / RUN).read_bytes(), type=Trained)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError("worker.no_run", folder=folder, detail=error) from error


def _end(control: JobControl) -> Message:
    try:
        job = control.job()
        taken = read_snapshot(Path(job.snapshot))
        done = _DOERS[job.kind](job, _watched(taken, control), _Reporter(control))
        if job.checkpoint is not None:
            shutil.rmtree(job.checkpoint, ignore_errors=True)
        return done
    except Cancelled:
        return JobCancelled()
    except UserError as error:
        return JobFailed(code=error.code, values=plain(error.values))
    except Exception as error:
        if lacks_memory(error):
            return JobFailed(code="memory.too_little", values={})
        return Crashed(text=traceback.format_exc())


def _watched(taken: Taken, control: JobControl) -> Taken:
    return taken._replace(data=watched(taken.data, control.look_up))


class _Reporter:
    """Tells the window how far the work is and what it has found."""

    def __init__(self, control: JobControl) -> None:
        self._control = control

    def __call__(self, progress: Progress) -> None:
        self._control.report(progress)
        # Only a training that has begun knows what its best is.
        if "epoch" in progress.values and self._control.stops_training:
            raise StopAndKeepBest

    def found(self, run: SweepRun) -> None:
        self._control.tell(JobFound(run=run))


def _fit(job: RunJob, taken: Taken, on_progress: OnProgress) -> JobDone:
    target = _device(job)
    if target is None:
        raise UserError("worker.needs_device")
    found = fit_plan(taken.model, taken.data, device=target, budgets=job.budgets, on_progress=on_progress)
    return JobDone(kind="fit", fit=found)


def _train(job: RunJob, taken: Taken, on_progress: OnProgress) -> JobDone:
    started = time.monotonic()
    graph = layer_graph(taken.model)
    with new_folder(_output(job)) as folder:
        finished = run_plan(
            taken.model,
            job.plan,
            taken.data,
            graph=graph,
            checkpoints=None if job.checkpoint is None else Path(job.checkpoint),
            on_progress=on_progress,
        )
        on_progress(Progress(stage="measure", done=0, total=2))
        baseline = _figures(job, taken, taken.model, graph)
        on_progress(Progress(stage="measure", done=1, total=2))
        compressed = _figures(job, taken, finished.model, finished.graph)
        on_progress(Progress(stage="measure", done=2, total=2))
        trained = Trained(
            folder=str(_output(job)),
            plan=job.plan,
            graph=finished.graph,
            baseline=baseline,
            compressed=compressed,
            steps=finished.steps,
            history=finished.history,
            seconds=time.monotonic() - started,
            warnings=finished.warnings,
        )
        (folder / NETWORK).write_bytes(encode(finished.model))
        (folder / RUN).write_bytes(msgspec.json.encode(trained))
    return JobDone(kind="train", trained=trained)


def _compress(job: RunJob, taken: Taken, on_progress: OnProgress) -> JobDone:
    plan, finished = job.plan, None
    if job.run is not None:
        run = read_run(Path(job.run))
        plan = run.plan
        finished = Finished(
            model=read_penjingnet(Path(job.run) / NETWORK),
            graph=run.graph,
            steps=run.steps,
            warnings=run.warnings,
            history=run.history,
        )
    result = compress_job(
        Job(
            model=taken.model,
            plan=plan,
            data=taken.data,
            model_source=job.model_source or taken.facts.model_source,
            data_source=taken.facts.data_source,
            device=_device(job),
            formats=job.formats,
            training=job.kind == "compress",
            rounding=job.rounding,
            kernels=job.kernels,
            checkpoints=None if job.checkpoint is None else Path(job.checkpoint),
            finished=finished,
            language=job.language,
        ),
        _output(job),
        on_progress=on_progress,
    )
    return JobDone(kind=job.kind, run=result)


def _sweep(job: RunJob, taken: Taken, reporter: _Reporter) -> JobDone:
    target, folder = _device(job), _output(job)
    if taken.data is not None:
        folder /= fingerprint(taken.model, taken.data, target)[:_DIGITS]
    sweep_model(
        taken.model,
        taken.data,
        device=target,
        trials=job.trials,
        folder=folder,
        scheduler=job.scheduler,
        on_run=reporter.found,
        on_progress=reporter,
    )
    return JobDone(kind="sweep")


_DIGITS = 16
_DOERS: dict[JobKind, Callable[[RunJob, Taken, _Reporter], JobDone]] = {
    "fit": _fit,
    "train": _train,
    "compress": _compress,
    "export": _compress,
    "sweep": _sweep,
}


def _device(job: RunJob) -> Device | None:
    return None if job.device is None else device(job.device)


def _output(job: RunJob) -> Path:
    if job.output is None:
        raise UserError("worker.needs_output", kind=job.kind)
    return Path(job.output)


def _figures(job: RunJob, taken: Taken, model: Model, graph: LayerGraph) -> Figures:
    target = _device(job)
    found = figures_of(graph, state_of(model, graph), device=target, format=None if target else "onnx")
    if taken.data is None:
        return found
    accuracy = measure(simulate(model), taken.data, "val", reference=simulate(taken.model))
    return msgspec.structs.replace(found, accuracy=accuracy)
