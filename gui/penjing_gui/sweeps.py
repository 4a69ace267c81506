"""Sweeps from the window: a job that tries many plans, each of which becomes a run as soon as it is known."""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from penjing.planning.study import SweepRun
from penjing.planning.sweep import with_front
from penjing.worker.messages import JobDone, RunJob
from penjing_gui.folders import work_folder
from penjing_gui.new_runs import new_run
from penjing_gui.notices import Notice

if TYPE_CHECKING:
    from penjing_gui.session import Session

MOST = 10_000
DEFAULT = 30


class Sweeps(QObject):
    """Starts sweeps of what is open and takes in what they find."""

    changed = Signal()
    """Another run was found, or another sweep begins."""

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self.found: tuple[SweepRun, ...] = ()
        """What the last sweep told, those of before first."""
        self._session = session
        self._parent: str | None = None
        session.jobs.found.connect(self._found)
        session.jobs.done.connect(self._done)
        session.opened.connect(self._forget)

    @property
    def active(self) -> bool:
        """Whether one runs."""
        job = self._session.job
        return job is not None and job.active and job.kind == "sweep"

    def start(self, trials: int, scheduler: str | None = None) -> None:
        """Try so many plans more, here or on the workers of a Dask scheduler.

        What an earlier sweep of the same network, data and device found comes first.
        """
        session = self._session
        if session.data is None:
            text, hint = self.tr("A sweep needs data to measure accuracy on."), self.tr("Open data for the network.")
            session.noticed.emit(Notice(level="warning", text=text, hint=hint, key="job"))
            return
        self._forget()
        self._parent = None if session.run is None else session.run.id
        message = RunJob(
            kind="sweep",
            snapshot="",
            device=None if session.device is None else session.device.name,
            output=str(sweeps_folder()),
            trials=trials,
            scheduler=scheduler,
        )
        session.jobs.run(message, self.tr("Sweep"), request=session.next_request())

    def _forget(self) -> None:
        self.found = ()
        self.changed.emit()

    def _found(self, found: SweepRun) -> None:
        self.found = (*self.found, found)
        session = self._session
        # A sweep that goes on tells again what it told before; a plan on another device is another run.
        known = any(run.plan == found.plan and run.figures == found.compressed for run in session.runs)
        if not known:
            id = f"sweep-{found.plan_hash[:16]}-{secrets.token_hex(4)}"
            session.add_run(new_run(session.runs, "sweep", id, found.plan, found.compressed, parent=self._parent))
        self.changed.emit()

    def _done(self, message: RunJob, done: JobDone) -> None:
        if done.kind == "sweep":
            front = sum(one.pareto for one in with_front(self.found))
            text = self.tr("Runs that the sweep knows: {runs}; no other beats in size and accuracy: {front}.")
            self._session.noticed.emit(Notice(text=text.format(runs=len(self.found), front=front), key="job"))


def sweeps_folder() -> Path:
    """Where sweeps keep what they found, one folder for each network, data and device."""
    return work_folder().with_name("sweeps")
