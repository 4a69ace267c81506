"""The Jobs dock: what runs, how far it is, how to hold or end it, and all jobs of this window with how they ended."""

from datetime import datetime

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from penjing.assets import has_text
from penjing_gui import words
from penjing_gui.controls.identity import identify
from penjing_gui.job_record import Entry, JobRecord
from penjing_gui.jobs import Job
from penjing_gui.session import Session

_STEPS = 1000


class JobsPanel(QWidget):
    """One job at a time; those before it stay in the list, the newest first."""

    def __init__(self, session: Session, record: JobRecord, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._record = session, record
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
        self._list = self._make_list()
        layout = QGridLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.addWidget(self._title, 0, 0)
        layout.addWidget(self._stage, 0, 1)
        layout.addWidget(self._bar, 1, 0, 1, 2)
        buttons = QHBoxLayout()
        buttons.addWidget(self._pause)
        buttons.addWidget(self._cancel)
        layout.addLayout(buttons, 1, 2)
        layout.addWidget(self._list, 2, 0, 1, 3)
        layout.setColumnStretch(1, 1)
        layout.setRowStretch(2, 1)
        session.job_changed.connect(self._show)
        record.changed.connect(self._list_changed)
        self._show(session.job)
        for number in range(len(record.entries)):
            self._list_changed(number)

    def _make_list(self) -> QTableWidget:
        made = identify(QTableWidget(0, 4), "jobs.list", self.tr("Jobs of this window"))
        made.setHorizontalHeaderLabels([self.tr("Job"), self.tr("State"), self.tr("Began"), self.tr("Took")])
        made.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        made.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        made.verticalHeader().hide()
        made.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        made.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        made.setTabKeyNavigation(False)
        made.setShowGrid(False)
        return made

    def _show(self, job: Job | None) -> None:
        active = job is not None and job.active
        self._pause.setEnabled(active)
        self._cancel.setEnabled(active)
        if job is None:
            self._bar.setValue(0)
            return
        self._title.setText(job.title)
        left = "" if job.eta_seconds is None else self.tr(", {seconds:.0f} s left").format(seconds=job.eta_seconds)
        self._stage.setText(self._state_of(job) + left)
        self._stage.setAccessibleName(self._stage.text())
        self._bar.setValue(round(_STEPS * job.done / job.total) if job.total else 0)
        self._pause.setText(self.tr("Resume") if job.state == "paused" else self.tr("Pause"))

    def _list_changed(self, number: int) -> None:
        """Rows stand the other way round: the newest is seen without scrolling."""
        entries, rows = self._record.entries, self._list
        while rows.rowCount() < len(entries):
            rows.insertRow(0)
        row = len(entries) - 1 - number
        for column, text in enumerate(self._words(entries[number])):
            item = rows.item(row, column)
            if item is None:
                rows.setItem(row, column, item := QTableWidgetItem())
            item.setText(text)

    def _words(self, entry: Entry) -> tuple[str, str, str, str]:
        took = "…" if entry.ended is None else words.time(entry.took)
        return entry.job.title, self._state_of(entry.job), f"{datetime.fromtimestamp(entry.job.began):%H:%M:%S}", took

    def _state_of(self, job: Job) -> str:
        states = {
            "starting": self.tr("starting"),
            "running": self._stage_name(job.stage),
            "paused": self.tr("paused"),
            "done": self.tr("done"),
            "cancelled": self.tr("cancelled"),
            "failed": self.tr("failed"),
        }
        return states[job.state]

    def _stage_name(self, stage: str) -> str:
        return self._session.texts.of(f"stage.{stage}") if has_text(f"stage.{stage}") else stage

    def _hold(self) -> None:
        job = self._session.job
        if job is not None and job.state == "paused":
            self._session.resume_job()
        else:
            self._session.pause_job()
