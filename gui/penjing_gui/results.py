"""What jobs bring: plans that fit, trained runs, exports; and how the jobs for them are told what to do."""

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject

from penjing.plan import Distillation, Plan, Step
from penjing.planning.fit import FitResult
from penjing.project.values import RunKind, Unfinished
from penjing.worker.messages import JobDone, RunJob, Trained
from penjing_gui import quality_words
from penjing_gui.jobs import Job
from penjing_gui.new_runs import has_network, new_run, run_name
from penjing_gui.notices import Action, Notice

if TYPE_CHECKING:
    from penjing.model.c_kernels.parts import Kernels, Rounding
    from penjing.results import RunResult
    from penjing_gui.session import Session

TRAINING: Mapping[str, RunKind] = {"finetune": "finetune", "qat": "qat", "distill": "distill"}
"""The steps that train, and the kind of run that they make."""


def kind_of(plan: Plan) -> RunKind | None:
    """What a plan's last training step makes; None where no step trains."""
    kinds = [TRAINING[step.step] for step in plan.steps if step.step in TRAINING]
    return kinds[-1] if kinds else None


class Results(QObject):
    """Starts the session's jobs and takes in their ends."""

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self.exported: RunResult | None = None
        self.folder = ""
        """Where the last export went, or goes; `plan` is what the sliders showed then."""
        self.plan: Plan | None = None
        self._session = session
        self._kind: RunKind = "distill"
        self._parent: str | None = None
        session.jobs.done.connect(self._done)
        session.jobs.changed.connect(self._went_on)

    def forget(self) -> None:
        """Something else is open now."""
        self.exported = None

    def fit(self) -> None:
        """Find the plan that meets the budgets."""
        session = self._session
        if session.device is None:
            text, hint = self.tr("Fitting needs a device."), self.tr("Choose one under Device.")
            session.noticed.emit(Notice(level="warning", text=text, hint=hint, key="job"))
            return
        message = RunJob(kind="fit", snapshot="", plan=session.plan, budgets=session.budgets)
        self._run(message, self.tr("Fit to {device}").format(device=session.device.title))

    def train(self, options: Distillation | None, kind: RunKind | None) -> None:
        """Run the plan with its training steps; with one of `kind` at its end instead, if that is given."""
        session = self._session
        plan = session.plan
        if options is not None:
            plan = msgspec.structs.replace(plan, distillation=options)
        if kind is not None:
            steps = [step for step in plan.steps if step.step not in TRAINING]
            plan = msgspec.structs.replace(plan, pipeline=(*(_short(step) for step in steps), kind))
        taught = kind_of(plan)
        if taught is None:
            text, hint = self.tr("No step of the plan trains."), self.tr("Add one to the steps.")
            session.noticed.emit(Notice(level="warning", text=text, hint=hint, key="job"))
            return
        if session.jobs.active:
            session.jobs.refuse()
            return
        parent = None if session.run is None else session.run.id
        id = f"{taught}-{secrets.token_hex(4)}"
        self._train(Unfinished(id=id, kind=taught, plan=plan, parent=parent))

    @property
    def unfinished(self) -> Unfinished | None:
        """The training that can go on from an epoch that is done."""
        known, projects = self._session.projects.training, self._session.projects
        return known if known is not None and any(projects.checkpoints(known.id).glob("*.safetensors")) else None

    def go_on(self) -> None:
        """Take the training up where it stopped: in this window, or in one that is gone."""
        unfinished = self.unfinished
        if unfinished is not None and not self._session.jobs.active:
            self._train(unfinished)

    def _train(self, training: Unfinished) -> None:
        projects = self._session.projects
        self._kind, self._parent = training.kind, training.parent
        projects.keep_training(training)
        message = RunJob(
            kind="train",
            snapshot="",
            plan=training.plan,
            output=str(projects.run_folder(training.id)),
            checkpoint=str(projects.checkpoints(training.id)),
        )
        titles = {
            "finetune": self.tr("Fine-tune"),
            "qat": self.tr("Quantization-aware training"),
            "distill": self.tr("Distil"),
        }
        self._run(message, titles[training.kind])

    def export(self, formats: tuple[str, ...], folder: str, *, rounding: "Rounding", kernels: "Kernels") -> None:
        """Write the applied run, or the plan without training; `rounding` and `kernels` are of C."""
        session = self._session
        self.folder, self.plan = folder, session.plan
        run = session.run
        trained = run if run is not None and run.has_network else None
        message = RunJob(
            kind="export",
            snapshot="",
            plan=session.plan if trained is None else trained.plan,
            formats=formats,
            rounding=rounding,
            kernels=kernels,
            output=folder,
            run=None if trained is None else str(session.projects.run_folder(trained.id)),
            model_source=session.source or "",
            language=session.texts.language,
        )
        self._run(message, self.tr("Export"))

    def _run(self, message: RunJob, title: str) -> None:
        session = self._session
        device = None if session.device is None else session.device.name
        session.jobs.run(msgspec.structs.replace(message, device=device), title, request=session.next_request())

    def _went_on(self, job: Job) -> None:
        """One epoch more; epoch 0 of each step is none."""
        projects = self._session.projects
        if job.kind == "train" and job.active and projects.training is not None:
            epochs = sum(epoch.number > 0 for epoch in job.history)
            if epochs > projects.training.epochs:
                projects.keep_training(msgspec.structs.replace(projects.training, epochs=epochs))

    def _done(self, message: RunJob, done: JobDone) -> None:
        if done.fit is not None:
            self._fitted(done.fit)
        elif done.trained is not None:
            self._trained(message, done.trained)
        elif done.run is not None:
            self.exported = done.run
            self._session.exported.emit(done.run)
            if done.run.verdict.passed:
                text = self.tr("Written to {folder} and proven.").format(folder=self.folder)
                self._session.noticed.emit(Notice(text=text, key="job"))
            else:
                text = self.tr("Written to {folder}, but not proven: see the verdict.").format(folder=self.folder)
                self._session.noticed.emit(Notice(level="warning", text=text, key="job"))

    def _fitted(self, found: FitResult) -> None:
        session = self._session
        plan = msgspec.structs.replace(found.plan, distillation=session.plan.distillation)
        session.edit(plan, self.tr("Fit to device"))
        if found.feasible:
            notice = Notice(text=self.tr("The plan fits the device."), key="job")
        else:
            names = ", ".join(session.texts.of(f"figure.{one.budget}") for one in found.blocking)
            notice = Notice(
                level="warning",
                text=self.tr("No plan meets every budget. The nearest is still over: {names}.").format(names=names),
                hint=self.tr("Allow more, choose a larger device, or a smaller network."),
                key="job",
            )
        session.noticed.emit(notice)

    def _trained(self, message: RunJob, trained: Trained) -> None:
        session = self._session
        assert message.output is not None
        id = message.output.replace("\\", "/").rsplit("/", 1)[-1]
        made = new_run(session.runs, self._kind, id, trained.plan, trained.compressed, parent=self._parent)
        run = has_network(made, trained.history)
        session.projects.keep_training(None)
        session.add_run(run)
        apply = Action(self.tr("Apply"), lambda: session.apply_run(id), "notice.applyRun")
        value = "" if run.accuracy is None else f" ({quality_words.told(run.accuracy)})"
        text = self.tr("{name} is done{value}.").format(name=run_name(run), value=value)
        session.noticed.emit(Notice(text=text, actions=(apply,), key="job"))


def _short(step: Step) -> str | Step:
    return step.step if step.method is None else step
