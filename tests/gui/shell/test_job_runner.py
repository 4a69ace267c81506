"""One job after the other: what the process of the last one says on its way out does not touch the next."""

from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject, Signal
from pytestqt.qtbot import QtBot

from penjing.plan import Plan
from penjing.results import Progress
from penjing.worker.messages import JobCancelled, JobDone, JobProgress, JobRuns, RunJob
from penjing_gui.job_runner import JobRunner
from penjing_gui.texts import Texts


class _Engine(QObject):
    received = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.told: list[object] = []

    def send(self, message: object) -> None:
        self.told.append(message)


class _Process(QObject):
    received = Signal(object)
    ended = Signal(str)
    made: ClassVar[list["_Process"]] = []

    def __init__(self, exchange: object, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.jobs: list[RunJob] = []
        self.made.append(self)

    def begin(self, job: RunJob) -> None:
        self.jobs.append(job)

    def send(self, message: object) -> None:
        pass

    def stop(self) -> None:
        self.stopped = True


def test_that_a_job_started_before_the_last_process_is_gone_goes_on(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("penjing_gui.job_runner.JobProcess", _Process)
    monkeypatch.setattr(_Process, "made", [])
    engine = _Engine()
    runner = JobRunner(cast("Any", engine), cast("Any", None), Texts())
    runner._snapshot = tmp_path
    runner.run(RunJob(kind="train", snapshot="", plan=Plan()), "Train", request=1)
    first = _Process.made[-1]
    first.received.emit(JobDone(kind="train"))
    assert not runner.active
    runner.run(RunJob(kind="export", snapshot="", plan=Plan()), "Export", request=2)
    second = _Process.made[-1]
    assert second is not first
    first.received.emit(JobCancelled())
    first.ended.emit("")
    assert runner.job is not None and runner.job.state == "running"
    assert engine.told[-1] == JobRuns(running=True)
    told = Progress(stage="export", done=1, total=2)
    second.received.emit(JobProgress(progress=told, seconds=1.0, left=1.0))
    assert runner.job.stage == "export"
    second.ended.emit("")
    assert not runner.active
    assert engine.told[-1] == JobRuns(running=False)
    _gone(runner, engine)


def test_that_a_job_is_done_by_the_process_that_was_started_for_it_before(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("penjing_gui.job_runner.JobProcess", _Process)
    monkeypatch.setattr(_Process, "made", [])
    engine = _Engine()
    runner = JobRunner(cast("Any", engine), cast("Any", None), Texts())
    runner._snapshot = tmp_path
    runner.prepare()
    runner.prepare()
    (spare,) = _Process.made
    assert not engine.told  # the engine goes on with both threads until there is work
    runner.run(RunJob(kind="fit", snapshot="", plan=Plan()), "Fit", request=1)
    assert _Process.made == [spare]
    assert [job.kind for job in spare.jobs] == ["fit"] and spare.jobs[0].snapshot == str(tmp_path)
    runner.prepare()
    assert _Process.made == [spare]  # one job at a time
    spare.received.emit(JobDone(kind="fit"))
    spare.ended.emit("")
    assert engine.told == [JobRuns(running=True), JobRuns(running=False)]

    runner.prepare()
    lost = _Process.made[-1]
    lost.ended.emit("killed")
    assert runner.job is not None and runner.job.state == "done"  # nobody waited for it
    runner.run(RunJob(kind="fit", snapshot="", plan=Plan()), "Fit", request=2)
    assert not lost.jobs and len(_Process.made) == 3
    _Process.made[-1].received.emit(JobDone(kind="fit"))
    runner.prepare()
    runner.close()
    assert _Process.made[-1].stopped
    _gone(runner, engine)


def _gone(*objects: QObject) -> None:
    for one in objects:
        one.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
