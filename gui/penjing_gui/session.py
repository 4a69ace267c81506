"""The one object that holds what is open: the network as values, the plan, the runs, the device, the selection.

Widgets read its properties, hear its past-tense signals and call its verbs; no widget knows another.
"""

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QUndoStack

from penjing.devices.profiles import device
from penjing.errors import Note, UserError
from penjing.plan import Plan
from penjing.planning.fit import Budgets
from penjing.project.values import Original, Project, Run
from penjing.worker import messages as wire
from penjing.worker.exchange import Exchange
from penjing.worker.received import received_tables, received_values
from penjing_gui.beginning import beginning, room_of
from penjing_gui.edits import for_all, for_layers, same_network
from penjing_gui.engine import Engine
from penjing_gui.figures import ExactFigures
from penjing_gui.foresight import Foresight
from penjing_gui.inquiries import Inquiries
from penjing_gui.job_runner import JobRunner
from penjing_gui.judgements import Judgements
from penjing_gui.new_runs import run_name
from penjing_gui.notices import Notice
from penjing_gui.opening import Opening, Pending
from penjing_gui.projects import Projects
from penjing_gui.results import Results
from penjing_gui.session_verbs import SessionVerbs
from penjing_gui.sweeps import Sweeps
from penjing_gui.texts import Texts
from penjing_gui.undo import PlanCommand

_COALESCE = 30
"""Milliseconds in which several edits become one request to measure."""


class Session(SessionVerbs):
    """What is open and what can be done with it."""

    def __init__(self, exchange: Exchange, *, texts: Texts | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.texts = texts or Texts()
        self.exchange = exchange
        self.undo_stack = QUndoStack(self)
        self._requests = itertools.count(1)
        self._remarked = False
        """Whether something was noticed while the network that is open was read."""
        self.measured_generation = -1
        """Of the plan that the engine has measured last: what looks and logits are told of."""
        self._measure_soon = QTimer(self, singleShot=True, interval=_COALESCE)
        self._measure_soon.timeout.connect(lambda: self._measure(full=False))
        self.engine = Engine(exchange, self)
        self.engine.state_changed.connect(self.engine_state_changed)
        self.jobs = JobRunner(self.engine, exchange, self.texts, self)
        self.jobs.changed.connect(self.job_changed)
        self.jobs.noticed.connect(self.noticed)
        self.engine.restarted.connect(self._engine_restarted)
        self._opening = Opening(self)
        self.engine.received.connect(self._hear)
        self._inquiries = Inquiries(self)
        self.results = Results(self)
        self.projects = Projects(self)
        self.foresight = Foresight(self)
        self.foresight.changed.connect(self.accuracy_changed)
        self.sweeps = Sweeps(self)
        self.judgements = Judgements(self)

    @property
    def opening(self) -> str | None:
        """The source that is being opened."""
        return None if self._opening.pending is None else self._opening.pending.source

    @property
    def chosen_metric(self) -> str | None:
        """By what the person chose to measure; None: as the data say themselves."""
        return self._opening.metric

    @property
    def architecture(self) -> str | None:
        """What the file that is open belongs to, if it holds tensors alone."""
        return self._opening.architecture

    @property
    def unsaved(self) -> bool:
        """Whether something would be lost without saving."""
        return self.is_open and (not self.undo_stack.isClean() or self.projects.dirty)

    # ------------------------------------------------------------------------------------------------------- verbs

    def start(self) -> None:
        """Start the engine; the window is painted by then."""
        self.engine.start()

    def open_source(
        self,
        source: str,
        data: str | None = None,
        *,
        project: Project | None = None,
        architecture: str | None = None,
        allow_code: bool = False,
    ) -> None:
        """Open a network; what is open stays until the new one is here, and after a failure.

        `architecture` is what a file of tensors belongs to; the code of a file.py:factory runs only with `allow_code`.
        """
        self._opening.open(source, data, project=project, architecture=architecture, allow_code=allow_code)

    def cancel_open(self) -> None:
        """Forget what is being opened."""
        self._opening.cancel()

    def close(self) -> None:
        """End everything: jobs, engine, the lock of the project. The person has been asked by then."""
        self._measure_soon.stop()
        self.jobs.close()
        self.engine.stop()
        self.projects.close()

    def edit(self, plan: Plan, label: str, gesture: str | None = None) -> None:
        """Show another plan; one undo step for all edits with the same gesture id."""
        if plan != self._plan:
            command = PlanCommand(self._plan, plan, label, apply=self._set_plan, gesture=gesture)
            self.undo_stack.push(command)

    def set_layer(self, names: Sequence[str], label: str, gesture: str | None = None, **changes: Any) -> None:
        """Give these layers settings of their own; what no plan changes among them stays as it is."""
        self.edit(for_layers(self._plan, self._changeable(names), changes), label, gesture)

    def set_defaults(self, label: str, gesture: str | None = None, **changes: Any) -> None:
        """Give all layers these settings, also those that had others of their own."""
        self.edit(for_all(self._plan, changes), label, gesture)

    def set_selected(self, label: str, gesture: str | None = None, **changes: Any) -> None:
        """Give the selected layers settings, or all layers where none is selected."""
        if self._selection:
            self.set_layer(self._selection, label, gesture, **changes)
        else:
            self.set_defaults(label, gesture, **changes)

    def select(self, names: Sequence[str], *, current: str | None = None) -> None:
        """Choose the layers that controls edit, and the one that plots show; one without numbers is shown only."""
        listed = self.listed_layers
        chosen = tuple(name for name in names if name in listed) if names else ()
        layer = current or (names[-1] if names else self._layer)
        if names and not chosen:
            chosen = self._selection
        if (chosen, layer) != (self._selection, self._layer):
            self._selection, self._layer = chosen, layer
            self.selection_changed.emit()

    def show_before(self, shown: bool) -> None:
        """Let pages show the network as loaded, as long as somebody wants to compare."""
        if shown != self._shows_before:
            self._shows_before = shown
            self.before_changed.emit(shown)

    def aim_at(self, channels: frozenset[int]) -> None:
        """Let everybody show what a cut of these channels would go through, before it is done."""
        self.channels_aimed.emit(channels)

    def set_device(self, name: str | None) -> None:
        """Choose the device; budgets that were those of the old device become those of the new one."""
        found = None if name is None else device(name)
        if found == self._device:
            return
        followed = self._budgets in (Budgets(), room_of(self._device))
        self._device = found
        self.projects.dirty = True
        self._new_exact()
        self.device_changed.emit()
        self.projects.touch()
        if followed:
            self.set_budgets(room_of(found))

    def set_budgets(self, budgets: Budgets) -> None:
        """Choose what the network may take."""
        if budgets != self._budgets:
            self._budgets = budgets
            self.projects.dirty = True
            self.budgets_changed.emit()
            self.projects.touch()

    def measure_all(self) -> None:
        """Measure the plan on all validation samples."""
        self._measure_soon.stop()  # a part of what is wanted now would take its place
        self._measure(full=True)

    def open_data(self, data: str) -> None:
        """Open other data for the network that is open; the plan, the runs and the device stay."""
        if self._source is not None:
            # What a trained run came to on other data says nothing here.
            self.open_source(self._source, data, project=msgspec.structs.replace(self.projects.current(), applied=None))

    def measure_by(self, metric: str) -> None:
        """Measure quality by another metric; the plan, the runs and the device stay."""
        if self.data is not None and self._source is not None:
            data = Original(path=self.data.source)
            project = msgspec.structs.replace(self.projects.current(), data=data, metric=metric, applied=None)
            self.open_source(self._source, data.path, project=project)

    def apply_run(self, id: str) -> None:
        """Show a run's plan, undoably; its trained network is what is exported as long as the plan stays."""
        run = next(run for run in self._runs if run.id == id)
        self._applied = id
        self.projects.dirty = True
        if run.plan != self._plan:
            self.edit(run.plan, self.tr("Apply {name}").format(name=run_name(run)))
        else:
            self._accuracy_generation = -1  # the same plan, but perhaps another network
            self._set_plan(run.plan)
        self.runs_changed.emit()

    def add_run(self, run: Run) -> None:
        """Put a run into the list."""
        self._runs = (*self._runs, run)
        self.projects.dirty = True
        self.runs_changed.emit()
        self.projects.touch()

    def set_runs(self, runs: Iterable[Run]) -> None:
        """The runs with other names or pins, or fewer of them."""
        self._runs = tuple(runs)
        self.projects.dirty = True
        self.runs_changed.emit()
        self.projects.touch()

    def save_project(self, path: str | Path) -> bool:
        """Write the project; whether it could be written (a notice says why not)."""
        return self.projects.save(Path(path))

    def open_project(self, path: str | Path) -> None:
        """Open a project; what its file and its network say comes as signals and notices."""
        self.projects.open(Path(path))

    def next_request(self) -> int:
        """A number that no message carries yet."""
        return next(self._requests)

    # ------------------------------------------------------------------------------------------- plans and figures

    def _set_plan(self, plan: Plan) -> None:
        # How to teach changes nothing as long as nobody teaches: what was measured still holds.
        holds = self.accuracy_is_current and same_network(plan, self._plan)
        self._plan = plan
        self._generation += 1
        self._update_figures()
        run = self.run
        if run is not None and run.accuracy is not None:
            self._accuracy, self._accuracy_generation = run.accuracy, self._generation
        elif holds:
            self._accuracy_generation = self._generation
        if not (holds or self._trained_counts or self._measure_soon.isActive()):
            self._measure_soon.start()
        self.foresight.consider()
        self.plan_changed.emit(plan)
        self.figures_changed.emit()
        self.accuracy_changed.emit()
        self.projects.touch()

    def _update_figures(self) -> None:
        if self._exact is None:
            return
        try:
            found = self._exact.of(self._plan)
        except UserError as error:
            self._figures_current = False
            self.noticed.emit(self.texts.error(error, key="plan"))
            return
        self._figures_current = found is not None
        if found is not None:
            self._figures = found
        else:
            self._inquiries.ask_scores(self._exact.missing(self._plan))

    def _new_exact(self) -> None:
        if self.graph is not None:
            self._exact = ExactFigures(self.graph, self._tables, self._device)
            self._update_figures()
            self.figures_changed.emit()

    def _measure(self, *, full: bool) -> None:
        if self.data is None:
            return
        # The accuracy of a run is known; its samples are not, and those that flip are told by the same number.
        if not self._trained_counts:
            full = full or self._accuracy_of_run is not None
            self.engine.send(wire.Measure(generation=self._generation, plan=self._plan, full=full))

    # --------------------------------------------------------------------------------------------- the engine speaks

    def _hear(self, message: wire.FromWorker) -> None:
        match message:
            case wire.Baseline() if message.request == self._open_request:
                self._baseline_accuracy = message.accuracy
                self._baseline_per_class = message.per_class or self._baseline_per_class
                self._baseline_final = message.final
                self.foresight.consider()
                self.figures_changed.emit()
                self.accuracy_changed.emit()
            case wire.Measured() if message.generation == self._generation:
                if message.final or self._accuracy_of_run is None:
                    self._accuracy, self._accuracy_generation = message.accuracy, message.generation
                self.measured_generation = message.generation
                if self._refused[1]:  # of an earlier plan
                    self._refused = (-1, "")
                    self.noticed.emit(Notice(text="", key="measure"))
                self._per_class = message.per_class or self._per_class
                self._change = message.change
                if message.final:
                    self.foresight.measured(self._plan, message.accuracy)
                self.accuracy_changed.emit()
            case wire.Failed() if message.generation == self._generation:
                notice = self.texts.failure(message.code, message.values, key="measure")
                self._refused = message.generation, notice.text
                self.noticed.emit(notice)
                self.accuracy_changed.emit()
            case wire.Crashed():
                text = self.tr("The engine met a mistake of Penjing's own; your plan is unharmed.")
                self.noticed.emit(Notice(level="error", text=text, details=message.text, key="engine"))
            case _:
                pass

    def take_scores(self, message: wire.Tables) -> None:
        """Scores that the plan asked for have arrived."""
        mapped = self.exchange.map(message.file)
        self._tables = received_tables(message, mapped, earlier=self._tables)
        self._new_exact()
        self.tables_changed.emit()

    def _engine_restarted(self, words: str) -> None:
        self.jobs.engine_restarted()
        self._inquiries.forget()
        self.foresight.forget()
        self._accuracy_generation = self.measured_generation = -1
        self.accuracy_changed.emit()

    def adopt(self, pending: Pending, arriving: wire.Opened, tables: wire.Tables) -> None:
        """Take in what `Opening` waited for."""
        mapped = self.exchange.map(tables.file)
        again = pending.again and arriving.graph == self.graph
        if not again:
            self._reset()
            self._inquiries.forget()
            self.results.forget()
            self.foresight.forget()
        self._opened, self._open_request = arriving, pending.request
        self._source, self._data_source = pending.source, pending.data
        self._tables, self._values = received_tables(tables, mapped), received_values(tables, mapped)
        self.jobs.forget_snapshot()
        if again:
            self._new_exact()
            self.tables_changed.emit()
            self._measure(full=False)
            self.foresight.consider()
            return
        self._layer = (
            max(arriving.graph.compressible, key=lambda layer: layer.weights).name
            if arriving.graph.compressible
            else None
        )
        begun = beginning(arriving, pending.project)
        self._plan, self._device, self._budgets = begun.plan, begun.device, begun.budgets
        if pending.project is not None:
            self._runs, self._applied = pending.project.runs, pending.project.applied
        if begun.refused is not None:
            self.noticed.emit(self.texts.error(begun.refused, key="device"))
        self._original_plan = self._plan
        self.undo_stack.clear()
        self._exact = ExactFigures(arriving.graph, self._tables, self._device)
        self.projects.opened(pending.project)
        self.opened.emit()
        for changed in (self.device_changed, self.budgets_changed, self.tables_changed, self.runs_changed):
            changed.emit()
        self._set_plan(self._plan)
        self.selection_changed.emit()
        self.project_changed.emit()
        self._say_remarks(arriving.warnings)

    def _say_remarks(self, notes: Sequence[Note]) -> None:
        """One notice for all that was noticed while the network was read, in the place of that of the one before."""
        if notes or self._remarked:
            self.noticed.emit(self.texts.remarks(notes, key="loaded"))
        self._remarked = bool(notes)
