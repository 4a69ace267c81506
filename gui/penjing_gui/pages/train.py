"""Train: teach the compressed network back, watch loss and accuracy live; the result is a new run."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from penjing.catalogue.methods import methods
from penjing.catalogue.metrics import known, metric
from penjing_gui import quality_words, words
from penjing_gui.controls.identity import identify
from penjing_gui.jobs import Job
from penjing_gui.new_runs import run_name
from penjing_gui.pages.empty import Page, heading
from penjing_gui.pages.feature_pictures import FeaturePictures
from penjing_gui.pages.pipeline_editor import PipelineEditor
from penjing_gui.pages.soft_labels import SoftLabels
from penjing_gui.pages.training_form import TrainingForm
from penjing_gui.plots.curves import Curves
from penjing_gui.results import TRAINING, kind_of
from penjing_gui.theme import SPACE

if TYPE_CHECKING:
    from penjing.plan import Plan
    from penjing.planning.problem import Problem
    from penjing.project.values import Run
    from penjing_gui.session import Session
    from penjing_gui.training_record import TrainingRecord

_SIDE = 320
_CURVES = 84
"""Pixels below which a curve says little."""


class TrainPage(Page):
    """Steps and options on the left; curves, and what a temperature does, on the right."""

    def __init__(self, session: "Session", record: "TrainingRecord", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._record = session, record
        self.steps = PipelineEditor(session)
        self.form = TrainingForm(session)
        self.soft_labels = SoftLabels(session)
        self.features = FeaturePictures(session)
        self.example = identify(QTabWidget(), "train.example", self.tr("One example"))
        self.start = identify(QPushButton(self.tr("Start training")), "train.start")
        self.start.setProperty("primary", True)
        self.go_on = identify(QPushButton(self.tr("Go on")), "train.goOn")
        self.go_on.setToolTip(self.tr("Take up the training that stopped, from its last whole epoch"))
        self.pause = identify(QPushButton(self.tr("Pause")), "train.pause")
        self.keep_best = identify(QPushButton(self.tr("Stop and keep best")), "train.stopKeepBest")
        self.cancel = identify(QPushButton(self.tr("Cancel")), "train.cancel")
        self.apply = identify(QPushButton(self.tr("Apply the result")), "train.apply")
        self.progress = identify(QProgressBar(), "train.progress", self.tr("Training progress"))
        self.status = identify(QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True), "train.status")
        self.loss = identify(Curves(), "plot.loss", self.tr("Loss"))
        self._scale = 100
        """What a metric's values are drawn in: a share in percent."""
        self.accuracy = identify(Curves(markers=True, unit=" %"), "plot.accuracy", self.tr("Accuracy"))
        self._lay_out()
        self.start.clicked.connect(self._start)
        self.go_on.clicked.connect(self._go_on)
        self.pause.clicked.connect(self._pause)
        self.keep_best.clicked.connect(session.stop_job_keep_best)
        self.cancel.clicked.connect(session.cancel_job)
        self.apply.clicked.connect(self._apply)
        session.opened.connect(self._opened)
        session.closed.connect(self._opened)
        session.job_changed.connect(self._job_changed)
        session.runs_changed.connect(self._say)
        session.plan_changed.connect(self._say)
        session.figures_changed.connect(self._show_level)
        self._opened()

    def showEvent(self, event: QShowEvent) -> None:
        """Who comes here mostly trains."""
        super().showEvent(event)
        self._session.prepare_job()

    def _lay_out(self) -> None:
        self.loss.name_axes(self.tr("batch"), self.tr("loss"))
        self.accuracy.name_axes(self.tr("epoch"), quality_words.axis(None))
        self.accuracy.say_empty(self.tr("what is measured after every epoch shows here"))
        self.accuracy.setToolTip(self.tr("On validation data, after every epoch"))
        self.loss.say_empty(self.tr("loss of every batch shows here"))
        for plot in (self.loss, self.accuracy):
            plot.setMinimumHeight(_CURVES)
        layout = QHBoxLayout(self.content)
        layout.setContentsMargins(2 * SPACE, 2 * SPACE, SPACE, SPACE)
        layout.setSpacing(2 * SPACE)
        layout.addLayout(self._left(), 0)
        layout.addLayout(self._right(), 1)

    def _left(self) -> QVBoxLayout:
        options = QWidget()
        inside = QVBoxLayout(options)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(heading(self.tr("Steps")))
        inside.addWidget(self.steps)
        inside.addSpacing(SPACE)
        inside.addWidget(heading(self.tr("Teaching")))
        inside.addWidget(self.form)
        inside.addStretch(1)
        scroll = identify(QScrollArea(widgetResizable=True), "train.form", self.tr("Teaching"))
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(options)
        scroll.setFixedWidth(_SIDE)
        side = QVBoxLayout()
        side.addWidget(scroll, 1)
        row = QHBoxLayout()
        row.addWidget(self.start, 1)
        row.addWidget(self.go_on)
        side.addLayout(row)
        return side

    def _right(self) -> QVBoxLayout:
        curves = QVBoxLayout()
        curves.setSpacing(SPACE)
        curves.addWidget(self.accuracy, 4)
        curves.addWidget(self.loss, 3)
        self.example.setDocumentMode(True)
        self.example.addTab(self.soft_labels, self.tr("Soft labels"))
        self.example.addTab(self.features, self.tr("Attention and features"))
        # Both are of the same example.
        self.soft_labels.sample.valueChanged.connect(self.features.sample.setValue)
        self.features.sample.valueChanged.connect(self.soft_labels.sample.setValue)
        curves.addWidget(self.example, 5)
        curves.addWidget(self.status)
        controls = QHBoxLayout()
        controls.addWidget(self.progress, 1)
        for button in (self.pause, self.keep_best, self.cancel, self.apply):
            controls.addWidget(button)
        curves.addLayout(controls)
        # Two lines at any time, so that nothing moves while they change.
        self.status.setMinimumHeight(2 * self.status.fontMetrics().lineSpacing())
        self.status.setAlignment(Qt.AlignmentFlag.AlignTop)
        return curves

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
                self.tr("Choose it with File › Open Data…, or drop it on the window."),
            )
        self.show_content(session.data is not None)
        self._say()
        self._show_level()

    def _clear(self) -> None:
        self.loss.clear_series()
        self.accuracy.clear_series()

    def _show_level(self) -> None:
        baseline = self._session.baseline
        accuracy = None if baseline is None else baseline.accuracy
        data = self._session.data
        how = metric("top1") if data is None or not known(data.metric) else metric(data.metric)
        self._scale = 100 if how.is_share else 1
        self.accuracy.set_unit(" %" if how.is_share else "")
        self.accuracy.name_axes(self.tr("epoch"), quality_words.axis(how.id))
        if accuracy is None:
            self.accuracy.show_level(None, "")
            return
        text = self.tr("as loaded {value}").format(value=how.show(accuracy.value))
        self.accuracy.show_level(self._scale * accuracy.value, text)

    def _draw(self) -> None:
        record = self._record
        for name, told in record.losses.items():
            # One term alone is the loss itself.
            if name == "loss" or len(record.losses) > 2:
                title = self.tr("loss") if name == "loss" else self._term(name)
                self.loss.show_series(title, record.steps, told)
        for number, epochs in enumerate(record.trainings, start=1):
            drawn = [
                (float(one.number), self._scale * (one.val_accuracy or 0.0))
                for one in epochs
                if one.val_accuracy is not None
            ]
            if drawn:
                name = self.tr("student") if number == 1 else self.tr("student, step {number}").format(number=number)
                self.accuracy.show_series(name, [x for x, _ in drawn], [y for _, y in drawn])

    def _term(self, name: str) -> str:
        """What a term of the loss is called."""
        numbers = {"squared_error": self.tr("squared error"), "teacher_error": self.tr("distance to the teacher")}
        terms = methods("loss")
        return numbers.get(name) or (self.tr(terms[name].title) if name in terms else name)

    # ------------------------------------------------------------------------------------------------------- the job

    def _start(self) -> None:
        self._clear()
        self._session.train()

    def _go_on(self) -> None:
        self._clear()
        self._session.results.go_on()

    def _pause(self) -> None:
        job = self._session.job
        if job is not None and job.state == "paused":
            self._session.resume_job()
        else:
            self._session.pause_job()

    def _apply(self) -> None:
        run = self._result()
        if run is not None:
            self._session.apply_run(run.id)

    def _result(self) -> "Run | None":
        """The run that the last training made."""
        done = None if self._record.job is None else self._record.job.result
        if done is None or done.trained is None:
            return None
        id = Path(done.trained.folder).name
        return next((run for run in self._session.runs if run.id == id), None)

    def _job_changed(self, job: Job) -> None:
        if job.kind == "train":
            self._draw()
        self._say()

    def _say(self) -> None:
        session = self._session
        job, run = session.job, self._result()
        busy = job is not None and job.active
        training = job is not None and busy and job.kind == "train"
        can = kind_of(session.plan) is not None and self._barred() is None
        self.start.setEnabled(not busy and session.data is not None and can)
        self.go_on.setEnabled(not busy and session.data is not None and session.results.unfinished is not None)
        for button in (self.pause, self.keep_best, self.cancel):
            button.setEnabled(training)
        self.apply.setEnabled(run is not None and not training and session.run != run)
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

    def _barred(self) -> "Problem | None":
        """Why the training steps of the plan could not reach the layers of this network, if so."""
        return next((one for one in self._session.problems if one.code == "check.trains_through"), None)

    def _status(self, job: Job | None) -> str:
        if job is not None and job.active and job.kind != "train":
            return self.tr("Another job is running: {title}.").format(title=job.title)
        told = self._record.job
        if told is not None and told.active:
            return self._running(told)
        if kind_of(self._session.plan) is None:
            return self.tr("No step of the plan trains: add one that does, for example “{step}”.").format(
                step=self.tr(methods("step")["distill"].title)
            )
        if told is not None and told.state == "done":
            return self._done(told)
        if (barred := self._barred()) is not None:
            texts = self._session.texts
            return f"{texts.of(barred.code, **barred.values)} {texts.of(f'{barred.code}.hint')}"
        unfinished = self._session.results.unfinished
        if unfinished is not None:
            said = self.tr("A training of {total} epochs stopped after {done}: Go on takes it up there.")
            return said.format(total=_epochs(unfinished.plan), done=unfinished.epochs)
        if told is None:
            return self.tr("The result is a new run; nothing is overwritten. Start when the plan is what you want.")
        return (
            self.tr("Cancelled; nothing was changed.") if told.state == "cancelled" else self.tr("The training failed.")
        )

    def _done(self, job: Job) -> str:
        run = self._result()
        if run is None or job.result is None or job.result.trained is None:
            return self.tr("The training is done.")
        text = self.tr("{name}: {accuracy} on validation data; it is a run of its own now.")
        said = [text.format(name=run_name(run), accuracy=quality_words.told(run.accuracy))]
        titles = methods("step")
        steps = [
            f"{self.tr(titles[one.step].title)} {one.accuracy.how.show(one.accuracy.value)}"
            for one in job.result.trained.steps
            if one.accuracy is not None and one.step in titles
        ]
        return "\n".join([*said, " → ".join(steps)])

    def _running(self, job: Job) -> str:
        stage = self._session.texts.of(f"stage.{job.stage}") if job.stage else self.tr("Starting")
        parts = [self.tr("Paused") if job.state == "paused" else stage]
        if job.values is not None and "epoch" in job.values:
            # The engine counts the epochs that are done.
            parts.append(self.tr("epoch {number:.0f}").format(number=job.values["epoch"]))
        if job.eta_seconds is not None:
            parts.append(self.tr("{time} left").format(time=words.time(job.eta_seconds)))
        return " · ".join(parts)


def _epochs(plan: "Plan") -> int:
    """Of all steps that train."""
    return plan.distillation.epochs * sum(step.step in TRAINING for step in plan.steps)
