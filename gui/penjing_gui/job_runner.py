"""Runs one job at a time beside the engine: a snapshot of what is open, a process, progress, an end."""

import secrets
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, Signal

from penjing.worker.exchange import Exchange
from penjing.worker.messages import (
    Crashed,
    Failed,
    FromWorker,
    JobCancelled,
    JobDone,
    JobEpoch,
    JobFailed,
    JobFound,
    JobPaused,
    JobProgress,
    JobRuns,
    Pause,
    Resume,
    RunJob,
    Snapshot,
    SnapshotWritten,
    StopAndKeepBest,
    ToJob,
)
from penjing_gui.engine import Engine, JobProcess
from penjing_gui.jobs import Job
from penjing_gui.notices import Notice
from penjing_gui.texts import Texts


class JobRunner(QObject):
    """The job that runs, if one does."""

    changed = Signal(object)
    """The `Job`."""
    done = Signal(object, object)
    """The `RunJob` and the `JobDone`; before the `changed` that says so."""
    found = Signal(object)
    """A `SweepRun`."""
    noticed = Signal(object)

    def __init__(self, engine: Engine, exchange: Exchange, texts: Texts, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.job: Job | None = None
        self._engine, self._exchange, self._texts = engine, exchange, texts
        self._message: RunJob | None = None
        self._process: JobProcess | None = None
        self._spare: JobProcess | None = None
        self._snapshot: Path | None = None
        self._request: int | None = None
        self._ended = False
        engine.received.connect(self._hear_engine)

    @property
    def active(self) -> bool:
        """Whether a job runs, or is about to."""
        return self.job is not None and self.job.active

    def prepare(self) -> None:
        """Start the process of the next job, which loads its libraries while a person still chooses what to do."""
        if self._spare is not None or self.active:
            return
        try:
            self._spare = JobProcess(self._exchange, self)
        except OSError:  # `run` says so, if it is still so then
            return
        self._spare.ended.connect(self._spare_ended)

    def run(self, message: RunJob, title: str, *, request: int) -> None:
        """Start a job; `message.snapshot` is filled in here, from the engine once for all jobs of what is open."""
        if self.active:
            self.refuse()
            return
        self._message, self._ended = message, False
        self.job = Job(kind=message.kind, title=title)
        self.changed.emit(self.job)
        if self._snapshot is not None and self._snapshot.is_dir():
            self._start()
            return
        self._request = request
        folder = self._exchange.new_path(f"snapshot-{secrets.token_hex(4)}")
        self._engine.send(Snapshot(request=request, folder=str(folder)))

    def refuse(self) -> None:
        """Say that one at a time is enough."""
        text, hint = self.tr("A job is running already."), self.tr("Wait for it, or cancel it.")
        self.noticed.emit(Notice(text=text, hint=hint, key="job"))

    def pause(self) -> None:
        """Hold the work at the next batch."""
        self._send(Pause())

    def resume(self) -> None:
        """Go on."""
        self._send(Resume())

    def stop_and_keep_best(self) -> None:
        """End a training with its best epoch so far."""
        self._send(StopAndKeepBest())

    def cancel(self) -> None:
        """Give the job up; it is killed if it does not listen."""
        if self._process is not None:
            self._process.cancel()
        elif self.active:
            self._request = None
            self._end("cancelled")

    def forget_snapshot(self) -> None:
        """Something else is open now."""
        self._snapshot = None

    def engine_restarted(self) -> None:
        """A snapshot that was asked for will not come."""
        if self._request is not None:
            self._request = None
            self._end("failed")

    def close(self) -> None:
        """End the processes, waiting for them."""
        for process in (self._process, self._spare):
            if process is not None:
                process.stop()
        self._process = self._spare = None

    def _hear_engine(self, message: FromWorker) -> None:
        request = getattr(message, "request", None)
        if self._request is None or request != self._request:
            return
        if isinstance(message, SnapshotWritten):
            self._request, self._snapshot = None, Path(message.folder)
            self._start()
        elif isinstance(message, Failed):
            self._request = None
            self.noticed.emit(self._texts.failure(message.code, message.values, key="job"))
            self._end("failed")

    def _start(self) -> None:
        assert self._message is not None
        message = msgspec.structs.replace(self._message, snapshot=str(self._snapshot))
        process, self._spare = self._spare, None
        try:
            if process is None:
                process = JobProcess(self._exchange, self)
            else:
                process.ended.disconnect(self._spare_ended)
        except OSError as error:
            self.noticed.emit(Notice(level="error", text=self.tr("The job cannot start."), details=str(error)))
            self._end("failed")
            return
        self._let_go()
        self._process = process
        process.received.connect(self._hear)
        process.ended.connect(self._over)
        process.begin(message)
        self._engine.send(JobRuns(running=True))
        self._change(state="running")

    def _hear(self, message: FromWorker) -> None:
        assert self.job is not None
        match message:
            case JobProgress():
                told = message.progress
                self._change(
                    stage=told.stage,
                    done=told.done,
                    total=told.total,
                    seconds=message.seconds,
                    eta_seconds=message.left,
                    values=told.values or self.job.values,
                )
            case JobEpoch():
                self._change(history=(*self.job.history, message.epoch))
            case JobFound():
                self.found.emit(message.run)
            case JobPaused():
                self._change(state="paused" if message.paused else "running")
            case JobDone():
                assert self._message is not None
                self._ended = True
                self.done.emit(self._message, message)
                self._end("done", result=message)
            case JobCancelled():
                self._end("cancelled")
            case JobFailed():
                self.noticed.emit(self._texts.failure(message.code, message.values, key="job"))
                self._end("failed")
            case Crashed():
                self.noticed.emit(
                    Notice(
                        level="error",
                        text=self.tr("The job met a mistake of Penjing's own and stopped; your plan is unharmed."),
                        details=message.text,
                        key="job",
                    )
                )
                self._end("failed")
            case _:
                pass

    def _let_go(self) -> None:
        # The process of the job before may still be on its way out: what it says then is not of the next job.
        before, self._process = self._process, None
        if before is not None:
            before.received.disconnect(self._hear)
            before.ended.disconnect(self._over)
            before.ended.connect(before.deleteLater)

    def _spare_ended(self, _: str) -> None:
        # It did nothing yet: the next job starts one of its own.
        if self._spare is not None:
            self._spare.deleteLater()
            self._spare = None

    def _over(self, words: str) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.deleteLater()
        self._engine.send(JobRuns(running=False))
        if self.active:  # it died without a word
            cancelled = self._message is not None and words == ""
            if not cancelled:
                text = self.tr("The job's process ended unexpectedly; your plan is unharmed.")
                self.noticed.emit(Notice(level="error", text=text, details=words, key="job"))
            self._end("cancelled" if cancelled else "failed")

    def _send(self, message: ToJob) -> None:
        if self._process is not None:
            self._process.send(message)

    def _end(self, state: str, **changes: object) -> None:
        self._change(state=state, eta_seconds=None, **changes)

    def _change(self, **changes: object) -> None:
        import dataclasses

        assert self.job is not None
        self.job = dataclasses.replace(self.job, **changes)  # type: ignore[arg-type]
        self.changed.emit(self.job)
