"""Asks how many plans to try, then shows how far it is; the page behind it can be used meanwhile."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from penjing.planning.sweep import with_front
from penjing_gui import words
from penjing_gui.controls.identity import identify
from penjing_gui.sweeps import DEFAULT, MOST
from penjing_gui.theme import SPACE

if TYPE_CHECKING:
    from penjing_gui.session import Session

_STEPS = 1000


class SweepDialog(QDialog):
    """How many, for what; progress, time left, what is found, Start and Cancel."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        identify(self, "sweep", self.tr("Sweep"))
        self.setWindowTitle(self.tr("Sweep"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(440)
        self.trials = identify(QSpinBox(), "sweep.trials", self.tr("Plans to try"))
        self.trials.setRange(1, MOST)
        self.trials.setValue(DEFAULT)
        self.trials.setToolTip(self.tr("From 1 to {most}; more can be added later").format(most=MOST))
        self.device = QLabel(textFormat=Qt.TextFormat.PlainText)
        self.budget = QLabel(textFormat=Qt.TextFormat.PlainText)
        self.bar = identify(QProgressBar(), "sweep.progress", self.tr("Progress of the sweep"))
        self.bar.setRange(0, _STEPS)
        self.bar.setTextVisible(False)
        self.state = identify(QLabel(textFormat=Qt.TextFormat.PlainText), "sweep.state")
        self.state.setMinimumHeight(2 * self.fontMetrics().lineSpacing())
        self.state.setWordWrap(True)
        self.start = identify(QPushButton(self.tr("Start")), "sweep.start")
        self.cancel = identify(QPushButton(self.tr("Cancel")), "sweep.cancel")
        self.close_button = identify(QPushButton(self.tr("Close")), "sweep.close")
        self._lay_out()
        self.start.clicked.connect(lambda: session.sweeps.start(self.trials.value()))
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
        self.start.setEnabled(session.is_open and session.data is not None and not busy)
        self.cancel.setEnabled(sweeps.active)
        self.trials.setEnabled(not sweeps.active)
        text = ""
        if job is not None and job.kind == "sweep":
            front = sum(one.pareto for one in with_front(sweeps.found))
            text = self.tr("{runs} runs, {front} on the front").format(runs=len(sweeps.found), front=front)
            if job.active:
                begun = job.stage == "sweep" and job.total
                self.bar.setValue(round(_STEPS * job.done / job.total) if begun else 0)
                left = "…" if job.eta_seconds is None else words.time(job.eta_seconds)
                text = self.tr("{text}; {left} left").format(text=text, left=left)
            elif job.state == "done":
                self.bar.setValue(_STEPS)
                text = self.tr("Done: {text}").format(text=text)
            elif job.state == "cancelled":
                text = self.tr("Stopped: {text}; Start goes on from here").format(text=text)
        elif session.is_open and session.data is None:
            text = self.tr("A sweep needs data to measure accuracy on. Open data for the network.")
        elif busy:
            text = self.tr("Another job is running.")
        self.state.setText(text)
        self.state.setAccessibleName(text)
