"""The Jobs dock: what runs, how far it is, and how to hold or end it."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget

from penjing.assets import has_text
from penjing_gui.controls.identity import identify
from penjing_gui.jobs import Job
from penjing_gui.session import Session

_STEPS = 1000


class JobsPanel(QWidget):
    """One job at a time."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._title = identify(QLabel(self.tr("No job runs")), "jobs.title")
        self._stage = identify(QLabel(), "jobs.stage")
        for label in (self._title, self._stage):
            label.setTextFormat(Qt.TextFormat.PlainText)
        self._bar = identify(QProgressBar(), "jobs.progress", self.tr("Progress of the job"))
        self._bar.setRange(0, _STEPS)
        self._pause = identify(QPushButton(self.tr("Pause")), "jobs.pause", self.tr("Pause"))
        self._cancel = identify(QPushButton(self.tr("Cancel")), "jobs.cancel", self.tr("Cancel the job"))
        self._pause.clicked.connect(self._hold)
        self._cancel.clicked.connect(session.cancel_job)
        layout = QGridLayout(self)
        layout.addWidget(self._title, 0, 0)
        layout.addWidget(self._stage, 0, 1)
        layout.addWidget(self._bar, 1, 0, 1, 2)
        buttons = QHBoxLayout()
        buttons.addWidget(self._pause)
        buttons.addWidget(self._cancel)
        layout.addLayout(buttons, 1, 2)
        layout.setColumnStretch(1, 1)
        layout.setRowStretch(2, 1)
        session.job_changed.connect(self._show)
        self._show(session.job)

    def _show(self, job: Job | None) -> None:
        active = job is not None and job.active
        self._pause.setEnabled(active)
        self._cancel.setEnabled(active)
        if job is None:
            self._bar.setValue(0)
            return
        self._title.setText(job.title)
        states = {
            "starting": self.tr("starting"),
            "running": self._stage_name(job.stage),
            "paused": self.tr("paused"),
            "done": self.tr("done"),
            "cancelled": self.tr("cancelled"),
            "failed": self.tr("failed"),
        }
        left = "" if job.eta_seconds is None else self.tr(", {seconds:.0f} s left").format(seconds=job.eta_seconds)
        self._stage.setText(states[job.state] + left)
        self._stage.setAccessibleName(self._stage.text())
        self._bar.setValue(round(_STEPS * job.done / job.total) if job.total else 0)
        self._pause.setText(self.tr("Resume") if job.state == "paused" else self.tr("Pause"))

    def _stage_name(self, stage: str) -> str:
        return self._session.texts.of(f"stage.{stage}") if has_text(f"stage.{stage}") else stage

    def _hold(self) -> None:
        job = self._session.job
        if job is not None and job.state == "paused":
            self._session.resume_job()
        else:
            self._session.pause_job()
