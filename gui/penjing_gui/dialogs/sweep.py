"""Asks how many plans to try, then shows how far it is; the page behind it can be used meanwhile."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from penjing.planning.cluster import ADDRESS
from penjing.planning.sweep import with_front
from penjing_gui import words
from penjing_gui.controls.identity import identify
from penjing_gui.controls.number_box import CountBox
from penjing_gui.sweeps import DEFAULT, MOST
from penjing_gui.theme import SPACE

if TYPE_CHECKING:
    from penjing_gui.session import Session

_STEPS = 1000
EXAMPLE = "tcp://127.0.0.1:8786"


class SweepDialog(QDialog):
    """How many, for what; progress, time left, what is found, Start and Cancel."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        identify(self, "sweep", self.tr("Sweep"))
        self.setWindowTitle(self.tr("Sweep"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(440)
        self.trials = identify(CountBox(), "sweep.trials", self.tr("Plans to try"))
        self.trials.setRange(1, MOST)
        self.trials.setValue(DEFAULT)
        self.trials.setToolTip(self.tr("More can be added later"))
        self.scheduler = identify(QLineEdit(), "sweep.scheduler", self.tr("Dask scheduler"))
        self.scheduler.setPlaceholderText(self.tr("none: plans are tried on this machine"))
        self.scheduler.setMaxLength(200)
        self.scheduler.setToolTip(
            self.tr("Address of a Dask cluster that you trust, for example {address}").format(address=EXAMPLE)
        )
        self.device = QLabel(textFormat=Qt.TextFormat.PlainText)
        self.budget = QLabel(textFormat=Qt.TextFormat.PlainText)
        self.bar = identify(QProgressBar(), "sweep.progress", self.tr("Progress of the sweep"))
        self.bar.setRange(0, _STEPS)
        self.bar.setTextVisible(False)
        self.state = identify(QLabel(textFormat=Qt.TextFormat.PlainText), "sweep.state")
        self.state.setMinimumHeight(2 * self.fontMetrics().lineSpacing())
        self.state.setWordWrap(True)
        self.start = identify(QPushButton(self.tr("Start sweep")), "sweep.start")
        self.cancel = identify(QPushButton(self.tr("Cancel")), "sweep.cancel")
        self.close_button = identify(QPushButton(self.tr("Close")), "sweep.close")
        self._lay_out()
        self.start.clicked.connect(self._start)
        self.scheduler.textChanged.connect(self._show)
        self.cancel.clicked.connect(session.cancel_job)
        self.close_button.clicked.connect(self.close)
        for changed in (
            session.job_changed,
            session.sweeps.changed,
            session.device_changed,
            session.budgets_changed,
            session.opened,
        ):
            changed.connect(self._show)
        self._show()

    def _lay_out(self) -> None:
        what = QLabel(
            self.tr(
                "Tries plans of every size, each measured on validation data without training, and keeps what it "
                "finds as runs. It goes on where an earlier sweep of this network and device ended."
            ),
            wordWrap=True,
        )
        form = QFormLayout()
        form.setVerticalSpacing(SPACE)
        form.addRow(self.tr("Plans to try"), self.trials)
        form.addRow(self.tr("Dask scheduler"), self.scheduler)
        form.addRow(self.tr("Device"), self.device)
        form.addRow(self.tr("Budget"), self.budget)
        buttons = QHBoxLayout()
        buttons.addStretch()
        for button in (self.start, self.cancel, self.close_button):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, SPACE)
        layout.setSpacing(SPACE)
        layout.addWidget(what)
        layout.addLayout(form)
        layout.addWidget(self.bar)
        layout.addWidget(self.state)
        layout.addLayout(buttons)

    def _start(self) -> None:
        self._session.sweeps.start(self.trials.value(), self.scheduler.text().strip() or None)

    def _show(self, *_: object) -> None:
        session, sweeps = self._session, self._session.sweeps
        job = session.job
        device = session.device
        self.device.setText(self.tr("none: sizes only") if device is None else device.title)
        budgets = session.budgets
        self.budget.setText(
            self.tr("flash {flash}, RAM {ram}; runs over it are drawn hollow").format(
                flash=words.size(budgets.flash_bytes), ram=words.size(budgets.ram_bytes)
            )
        )
        busy = job is not None and job.active
        address = self.scheduler.text().strip()
        wrong = bool(address) and not ADDRESS.fullmatch(address)
        self.start.setEnabled(session.is_open and session.data is not None and not busy and not wrong)
        self.cancel.setEnabled(sweeps.active)
        self.trials.setEnabled(not sweeps.active)
        self.scheduler.setEnabled(not sweeps.active)
        if sweeps.active and job is not None:
            begun = job.stage == "sweep" and job.total
            self.bar.setValue(round(_STEPS * job.done / job.total) if begun else 0)
        elif job is not None and job.kind == "sweep" and job.state == "done":
            self.bar.setValue(_STEPS)
        text = self._said(wrong=wrong)
        self.state.setText(text)
        self.state.setAccessibleName(text)

    def _said(self, *, wrong: bool) -> str:
        session, job = self._session, self._session.job
        if wrong:
            return self.tr("The scheduler's address looks like {address}.").format(address=EXAMPLE)
        if session.is_open and session.data is None:
            return self.tr("A sweep needs data to measure accuracy on. Open data for the network.")
        if job is None or job.kind != "sweep":
            return self.tr("Another job is running.") if job is not None and job.active else ""
        found = session.sweeps.found
        front = sum(one.pareto for one in with_front(found))
        text = self.tr("runs: {runs}, on the front: {front}").format(runs=len(found), front=front)
        if job.active:
            left = "…" if job.eta_seconds is None else words.time(job.eta_seconds)
            return self.tr("{text}; {left} left").format(text=text, left=left)
        if job.state == "done":
            return self.tr("Done: {text}").format(text=text)
        return self.tr("Stopped: {text}; Start goes on from here").format(text=text)
