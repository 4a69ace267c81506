"""The engine: owns what is open, answers in turn, and measures the newest plan between answers, batch by batch."""

import gc
import importlib
import os
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, assert_never

import torch

from penjing.errors import Cancelled, UserError, lacks_memory
from penjing.estimation.evaluator import MEMORY
from penjing.loading.penjingnet import read_penjingnet
from penjing.pipeline.run import run_plan
from penjing.results import Progress
from penjing.worker import cache, progressive
from penjing.worker.channel import Channel
from penjing.worker.features import features
from penjing.worker.gathered import first_tables, saliency_picture, wanted_tables
from penjing.worker.heap import Heap
from penjing.worker.inbox import Inbox
from penjing.worker.judging import Judge
from penjing.worker.learning import Learning
from penjing.worker.looking import look
from penjing.worker.messages import (
    Baseline,
    CancelOpen,
    Crashed,
    Failed,
    JobRuns,
    Learn,
    Measure,
    Measured,
    Message,
    OpenProgress,
    OpenSource,
    Ready,
    Shutdown,
    Snapshot,
    SnapshotWritten,
    State,
    ToEngine,
    Tune,
    WantFeatures,
    WantJudgement,
    WantLogits,
    WantLook,
    WantRanges,
    WantRecovery,
    WantSaliency,
    WantSamples,
    WantTables,
    plain,
)
from penjing.worker.opening import Open, open_source
from penjing.worker.ranges import ranges
from penjing.worker.recovery import Recover
from penjing.worker.sampling import logits, samples
from penjing.worker.snapshot import NETWORK, write_snapshot
from penjing.worker.watched import watched, watched_modules, watched_steps

if TYPE_CHECKING:
    from penjing.model.model import Model

THREADS = 2
"""While no job runs beside it, then one; unless the person prefers another number."""

Answers = Iterator[Message]


class Engine:
    """One loop: requests first, then a batch of the baseline, then a batch of the newest plan."""

    def __init__(self, channel: Channel, inbox: Inbox) -> None:
        self._channel, self._inbox = channel, inbox
        self._open: Open | None = None
        self._baseline: tuple[OpenSource, Answers] | None = None
        self._measuring: tuple[Measure, Answers] | None = None
        self._judging: list[Judge] = []
        self._recover: Recover | None = None
        self._learning: Learning | None = None
        self._job_runs = False
        self._threads = THREADS
        self._measured: tuple[int, Model] | None = None
        """Generation and network of the plan that was measured last."""
        self._trained: tuple[str, Model] | None = None
        """Folder and network of the run that was asked for last."""
        self._state: State | None = None
        self._heap = Heap()

    def run(self, started: float) -> None:
        """Serve until the process ends; `started` is when it began, monotonic."""
        self._use_threads()
        self._channel.send(Ready(pid=os.getpid(), seconds=time.monotonic() - started))
        # The shapes of the first network would load this, for a second or more; here a person may still be choosing.
        importlib.import_module("torch._dynamo")
        while True:
            self.turn()

    def turn(self) -> None:
        """Answer one request, or measure one batch, or go on with what can wait; waits if there is nothing to do."""
        busy = self._baseline is not None or self._measuring is not None
        goes_on = (
            bool(self._judging) or self._recover is not None or (self._learning is not None and not self._job_runs)
        )
        if not busy:
            self._say("idle")
            self._heap.tidy()
        message = self._inbox.take(wait=not busy and not goes_on)
        if message is not None:
            self._handle(message)
        elif busy:
            self._next_batch()
        else:
            self._go_on()

    def _handle(self, message: Message) -> None:
        """One message; whatever goes wrong is told, and the next one is served."""
        request, generation = getattr(message, "request", None), getattr(message, "generation", None)
        with_number = {"request": request, "generation": generation}
        try:
            self._answer(message)  # type: ignore[arg-type]
        except Cancelled:
            self._channel.send(Failed(code="worker.cancelled", values={}, **with_number))
        except UserError as error:
            self._channel.send(Failed(code=error.code, values=plain(error.values), **with_number))
        except OSError as error:
            # The exchange folder is full or gone.
            values = plain({"path": self._channel.exchange, "detail": error.strerror or error})
            self._channel.send(Failed(code="worker.cannot_write", values=values, **with_number))
        except Exception as error:
            self._channel.send(_mistake(error, **with_number))

    def _answer(self, message: ToEngine) -> None:
        folder = self._channel.exchange
        match message:
            case OpenSource():
                self._opening(message)
            case Measure():
                opened = self._require_open()
                if self._recover is not None and self._recover.plan != message.plan:
                    self._recover = None
                self._measuring = message, self._measure(message, opened)
            case WantTables():
                self._work(lambda opened: wanted_tables(opened.evidence, folder, message))
            case WantSaliency():
                self._work(lambda opened: saliency_picture(opened.evidence, folder, message))
            case WantSamples():
                self._work(lambda opened: samples(opened, folder, message))
            case WantLogits():
                self._work(lambda opened: logits(opened, message, self._student(message.run)))
            case WantFeatures():
                self._work(lambda opened: features(opened, folder, message, self._student(message.run)))
            case WantRanges():
                self._work(lambda opened: ranges(opened, message))
            case WantLook():
                self._work(lambda opened: look(opened, folder, message, self._student(message.run)))
            case Snapshot():
                self._work(lambda opened: _snapshot(opened, message))
            case Learn():
                self._learning = Learning(message, self._require_open(), self._stop_if_asked)
            case WantRecovery():
                self._recover = Recover(message, self._require_open(), self._stop_if_asked)
            case WantJudgement():
                self._judging.append(Judge(message, self._require_open(), self._stop_if_asked))
            case JobRuns():
                self._job_runs = message.running
                self._use_threads()
            case Tune():
                self._threads = message.threads
                self._use_threads()
                cache.limit(message.cache_bytes)
            case CancelOpen() | Shutdown():
                pass  # the hearing thread has dealt with them
            case _:
                assert_never(message)

    def _opening(self, message: OpenSource) -> None:
        self._say("opening")
        self._measuring = None

        def on_stage(progress: OpenProgress) -> None:
            if self._inbox.is_cancelled(message):
                raise Cancelled
            self._channel.send(progress)

        opened, announcement = open_source(message, on_stage)
        compressible = len(opened.graph.compressible)

        def on_layer(number: int) -> None:
            on_stage(OpenProgress(request=message.request, stage="tables", done=number, total=compressible))

        tables = first_tables(opened.evidence, self._channel.exchange, request=message.request, on_layer=on_layer)
        self._open, self._measured, self._learning, self._recover = opened, None, None, None
        self._judging, self._trained = [], None
        # What is open stays: looking through it for garbage again and again stops everything for a tenth of a second.
        gc.collect()
        gc.freeze()
        self._channel.send(announcement)
        self._channel.send(tables)
        self._baseline = None if opened.data is None else (message, self._measure_baseline(message, opened))

    def _measure_baseline(self, message: OpenSource, opened: Open) -> Answers:
        evaluator = opened.evaluator("val")
        for found in progressive.measure_baseline(evaluator.outputs(opened.model), evaluator.data, "val"):
            if isinstance(found, progressive.Baseline):
                opened.baselines["val"] = found
            else:
                yield Baseline(
                    request=message.request,
                    accuracy=found.accuracy,
                    final=found.final,
                    per_class=found.per_class,
                    confusion=found.confusion,
                )

    def _measure(self, message: Measure, opened: Open) -> Answers:
        """Every look at data first asks whether the plan is still wanted: also those of the pipeline's steps."""

        def on_batch(_: Progress | None = None) -> None:
            if self._inbox.is_superseded(message):
                raise Cancelled

        data = watched(opened.data, on_batch)
        if data is None:
            raise UserError("worker.no_data")
        on_batch()
        with watched_modules(on_batch, weights=opened.weights):
            finished = run_plan(
                opened.model,
                message.plan,
                data,
                graph=opened.graph,
                training=False,
                measuring=False,
                reused=opened.reused,
                on_progress=on_batch,
            )
        self._measured = message.generation, finished.model
        evaluator = opened.evaluator(message.split)
        baseline = opened.baselines.get(message.split)
        if baseline is None:
            outputs = evaluator.outputs(opened.model, on_part=on_batch)
            for found in progressive.measure_baseline(outputs, evaluator.data, message.split):
                if isinstance(found, progressive.Baseline):
                    baseline = opened.baselines[message.split] = found
        assert baseline is not None
        if finished.model is opened.model:
            standings: Iterator[progressive.Standing] = iter([progressive.unchanged(baseline, data)])
        else:
            with watched_modules(on_batch, weights=opened.weights):
                outputs = evaluator.outputs(finished.model, on_part=on_batch)
            standings = progressive.measure_change(outputs, evaluator.data, baseline, full=message.full)
        for standing in watched_steps(standings, on_batch, weights=opened.weights):
            on_batch()
            yield Measured(
                generation=message.generation,
                accuracy=standing.accuracy,
                final=standing.final,
                per_class=standing.per_class,
                change=standing.change,
                warnings=finished.warnings,
            )

    def _next_batch(self) -> None:
        """One batch of the baseline, on which every plan rests, else of the plan."""
        self._say("measuring")
        message: OpenSource | Measure
        if self._baseline is not None:
            message, answers = self._baseline
        elif self._measuring is not None:
            message, answers = self._measuring
        else:
            return
        request = message.request if isinstance(message, OpenSource) else None
        generation = message.generation if isinstance(message, Measure) else None
        try:
            self._channel.send(next(answers))
            return
        except (StopIteration, Cancelled):
            pass
        except UserError as error:
            self._channel.send(
                Failed(code=error.code, values=plain(error.values), request=request, generation=generation)
            )
        except Exception as error:
            self._channel.send(_mistake(error, request=request, generation=generation))
        if isinstance(message, OpenSource):
            self._baseline = None
        else:
            self._measuring = None

    def _go_on(self) -> None:
        """One step of what can wait, unless somebody asks for something meanwhile; then it is repeated later."""
        work = self._judging[0] if self._judging else self._recover or self._learning
        assert work is not None
        told: Message | None = None
        over = True
        try:
            told = work.step()
            over = work.over
        except Cancelled:
            return
        except Exception as error:
            # What waits has no generation of the plan: nothing that is shown fails with it.
            told = _mistake(error)
        if told is not None:
            self._channel.send(told)
        if isinstance(work, Judge):
            self._judging.pop(0)
        elif over and work is self._recover:
            self._recover = None
        elif over:
            self._learning = None

    def _stop_if_asked(self) -> None:
        if self._inbox.waits:
            raise Cancelled

    def _work(self, answer: Callable[[Open], Message]) -> None:
        opened = self._require_open()
        if self._baseline is None and self._measuring is None:
            self._say("working")
        self._channel.send(answer(opened))

    def _student(self, run: str | None) -> "tuple[int | None, Model] | None":
        """Generation and network of the plan that was measured last, or the network of a trained run."""
        if run is None:
            return self._measured
        if self._trained is None or self._trained[0] != run:
            self._trained = run, read_penjingnet(Path(run) / NETWORK)
        return None, self._trained[1]

    def _require_open(self) -> Open:
        if self._open is None:
            raise UserError("worker.nothing_open")
        return self._open

    def _say(self, at: Literal["idle", "opening", "measuring", "working"]) -> None:
        if self._state is not None and at == self._state.state:
            return
        evaluators = () if self._open is None else self._open.evaluators.values()
        kept = sum(one.checkpoints.bytes for one in evaluators)
        self._state = State(state=at, kept=kept, most_kept=MEMORY)
        self._channel.send(self._state)

    def _use_threads(self) -> None:
        torch.set_num_threads(1 if self._job_runs else min(self._threads, os.cpu_count() or 1))


def _mistake(error: Exception, *, request: int | None = None, generation: int | None = None) -> Failed | Crashed:
    """What to tell of an error that nobody expected: a lack of memory is no mistake of Penjing's."""
    if lacks_memory(error):
        code = "memory.too_little" if generation is None else "measure.too_little_memory"
        return Failed(code=code, values={}, request=request, generation=generation)
    return Crashed(text=traceback.format_exc(), request=request, generation=generation)


def _snapshot(opened: Open, wanted: Snapshot) -> SnapshotWritten:
    write_snapshot(
        Path(wanted.folder),
        opened.model,
        opened.data,
        model_source=opened.model_source,
        data_source=opened.data_source,
    )
    return SnapshotWritten(request=wanted.request, folder=wanted.folder)
