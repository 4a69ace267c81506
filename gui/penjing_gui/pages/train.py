"""Train: teach the compressed network back, watch loss and accuracy live; the result is a new run."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from penjing_gui.controls.identity import identify
from penjing_gui.jobs import Job
from penjing_gui.pages.empty import Page
from penjing_gui.pages.training_form import TrainingForm
from penjing_gui.plots.curves import Curves
from penjing_gui.theme import SPACE

if TYPE_CHECKING:
    from penjing_gui.session import Session
    from penjing_gui.training_record import TrainingRecord


class TrainPage(Page):
    """Options on the left, curves on the right."""

    def __init__(self, session: "Session", record: "TrainingRecord", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._record = record
        self.form = TrainingForm()
        self.start = identify(QPushButton(self.tr("Start training")), "train.start")
        self.start.setProperty("primary", True)
        self.pause = identify(QPushButton(self.tr("Pause")), "train.pause")
        self.keep_best = identify(QPushButton(self.tr("Stop and keep best")), "train.stopKeepBest")
        self.cancel = identify(QPushButton(self.tr("Cancel")), "train.cancel")
        self.progress = identify(QProgressBar(), "train.progress", self.tr("Training progress"))
        self.status = identify(QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True), "train.status")
        self.loss = identify(Curves(), "plot.loss", self.tr("Loss"))
        self.accuracy = identify(Curves(markers=True, unit=" %"), "plot.accuracy", self.tr("Accuracy"))
        self._lay_out()
        self.start.clicked.connect(self._start)
        self.pause.clicked.connect(self._pause)
        self.keep_best.clicked.connect(session.stop_job_keep_best)
        self.cancel.clicked.connect(session.cancel_job)
        session.opened.connect(self._opened)
        session.closed.connect(self._opened)
        session.job_changed.connect(self._job_changed)
        session.runs_changed.connect(self._say)
        session.figures_changed.connect(self._show_level)
        self._opened()

    def _lay_out(self) -> None:
        self.progress.setTextVisible(True)
        self.loss.name_axes(self.tr("batch"), self.tr("loss"))
        self.accuracy.name_axes(self.tr("epoch"), self.tr("accuracy on validation data, %"))
        self.accuracy.say_empty(self.tr("accuracy after every epoch shows here"))
        self.loss.say_empty(self.tr("loss of every batch shows here"))
        side = QVBoxLayout()
        scroll = QScrollArea(widgetResizable=True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self.form)
        # The fields give way, not the page: their longest entry would push the form under the plots.
        for field in (*self.form.findChildren(QComboBox), *self.form.findChildren(QAbstractSpinBox)):
            field.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            field.setMinimumWidth(12 * SPACE)
        scroll.setMinimumWidth(320)
        scroll.setMaximumWidth(360)
        side.addWidget(scroll, 1)
        side.addWidget(self.start)
        curves = QVBoxLayout()
        for plot in (self.accuracy, self.loss):
            curves.addWidget(plot, 1)
        curves.addWidget(self.status)
        controls = QHBoxLayout()
        controls.addStretch()
        for button in (self.pause, self.keep_best, self.cancel):
            controls.addWidget(button)
        curves.addWidget(self.progress)
        curves.addLayout(controls)
        layout = QHBoxLayout(self.content)
        layout.setContentsMargins(2 * SPACE, 2 * SPACE, SPACE, SPACE)
        layout.setSpacing(2 * SPACE)
        layout.addLayout(side, 0)
        layout.addLayout(curves, 1)

    # --------------------------------------------------------------------------------------------------------- state

    def _opened(self) -> None:
        session = self._session
        self._clear()
        self._draw()
        if not session.is_open:
            self.say_empty(self.tr("No network is open."), self.tr("Open a model with data, or try a sample."))
        elif session.data is None:
            self.say_empty(
                self.tr("Training needs data, and this network came without."),
                self.tr("Open the model together with its data: File › Open Model…, then choose the data."),
            )
        self.show_content(session.data is not None)
        if session.data is not None:
            self.form.show_options(session.plan.distillation)
            self.form.set_labels(session.data.has_labels)
        self._say()
        self._show_level()

    def _clear(self) -> None:
        self.loss.clear_series()
        self.accuracy.clear_series()

    def _show_level(self) -> None:
        baseline = self._session.baseline
        found = None if baseline is None or baseline.accuracy is None else 100 * baseline.accuracy.value
        name = "" if found is None else self.tr("as loaded {value:.1f} %").format(value=found)
        self.accuracy.show_level(found, name)

    # ------------------------------------------------------------------------------------------------------- the job

    def _start(self) -> None:
        self._clear()
        self._session.train(self.form.options, self.form.chosen_kind)

    def _pause(self) -> None:
        job = self._session.job
        if job is not None and job.state == "paused":
            self._session.resume_job()
        else:
            self._session.pause_job()

    def _job_changed(self, job: Job) -> None:
        if job.kind == "train":
            self._draw()
        self._say()

    def _draw(self) -> None:
        record = self._record
        if record.steps:
            self.loss.show_series(self.tr("loss"), record.steps, record.losses["loss"])
        for number, epochs in enumerate(record.trainings, start=1):
            known = [(float(one.number), 100 * one.val_accuracy) for one in epochs if one.val_accuracy is not None]
            if known:
                name = self.tr("student") if number == 1 else self.tr("student, step {number}").format(number=number)
                self.accuracy.show_series(name, [x for x, _ in known], [y for _, y in known])

    def _say(self) -> None:
        session = self._session
        job = session.job
        busy = job is not None and job.active
        training = job is not None and busy and job.kind == "train"
        self.start.setEnabled(not busy and session.data is not None)
        for button in (self.pause, self.keep_best, self.cancel):
            button.setEnabled(training)
        self.pause.setText(self.tr("Resume") if job is not None and job.state == "paused" else self.tr("Pause"))
        if training and job is not None:
            self.progress.setRange(0, max(int(job.total), 0))
            self.progress.setValue(int(job.done))
        else:
            done = self._record.job is not None and self._record.job.state == "done"
            self.progress.setRange(0, 1)
            self.progress.setValue(1 if done else 0)
        self.progress.setTextVisible(training)
        self.status.setText(self._status(job))

    def _status(self, job: Job | None) -> str:
        if job is not None and job.active and job.kind != "train":
            return self.tr("Another job is running: {title}.").format(title=job.title)
        if self._record.job is None:
            return self.tr("The result is a new run; nothing is overwritten. Start when the plan is what you want.")
        job = self._record.job
        if job.active:
            return self._running(job)
        if job.state == "done":
            run = next((run for run in self._session.runs if run.id == job.run), None) or (
                self._session.runs[-1] if self._session.runs else None
            )
            if run is None or run.accuracy is None:
                return self.tr("Done.")
            told = self.tr("Done: {name}, {value:.1f} %. Apply it on Trade-offs by a double click.")
            return told.format(name=run.name, value=100 * run.accuracy.value)
        return (
            self.tr("Cancelled; nothing was changed.") if job.state == "cancelled" else self.tr("The training failed.")
        )

    def _running(self, job: Job) -> str:
        stage = self._session.texts.of(f"stage.{job.stage}") if job.stage else self.tr("Starting")
        parts = [self.tr("Paused") if job.state == "paused" else stage]
        if job.values is not None and "epoch" in job.values:
            # The engine counts the epochs that are done.
            parts.append(self.tr("epoch {number:.0f}").format(number=job.values["epoch"]))
        if job.eta_seconds is not None:
            parts.append(self.tr("{time} left").format(time=_time(job.eta_seconds)))
        return " · ".join(parts)


def _time(seconds: float) -> str:
    whole = round(seconds)
    return (
        f"{whole} s"
        if whole < 90
        else f"{whole // 60} min {whole % 60:02d} s"
        if whole < 5400
        else (f"{whole // 3600} h {whole // 60 % 60:02d} min")
    )
