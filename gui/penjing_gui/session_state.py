"""The state of a session: what is open, as read-only properties."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject

from penjing.devices.profiles import Device
from penjing.estimation.tables import Tables
from penjing.layer_graph import Layer, LayerGraph
from penjing.plan import Plan
from penjing.planning.check import Problem, check
from penjing.planning.fit import Budgets
from penjing.planning.kept import stays_whole
from penjing.project.values import Run
from penjing.results import Accuracy, Figures
from penjing.worker import messages as wire
from penjing_gui.edits import same_network
from penjing_gui.figures import FileSize, LayerShare
from penjing_gui.session_signals import SessionSignals

if TYPE_CHECKING:
    from penjing_gui.figures import ExactFigures
    from penjing_gui.foresight import Foresight

Values = Mapping[str, NDArray[np.float32]]


class SessionState(SessionSignals):
    """What is open; `Session` changes it and says so."""

    foresight: "Foresight"
    """What the engine has learned of the layers."""
    _listed: tuple[LayerGraph, Mapping[str, Layer]] | None
    """Of the network that is open, once it was asked for."""
    _problems: tuple[Problem, ...]
    _problems_of: tuple[object, ...]
    """What the last problems were found in; nothing at first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._generation = 0
        self._shows_before = False
        self._reset()

    @property
    def is_open(self) -> bool:
        """Whether a network is open."""
        return self._opened is not None

    @property
    def source(self) -> str | None:
        """As the person named the network: a file, or `sample:NAME`."""
        return self._source

    @property
    def data_source(self) -> str | None:
        """As the person named the data, if it was named."""
        return self._data_source

    @property
    def title(self) -> str:
        """Of the network: data, never markup."""
        return "" if self._opened is None else self._opened.title

    @property
    def graph(self) -> LayerGraph | None:
        """The network as loaded."""
        return None if self._opened is None else self._opened.graph

    @property
    def data(self) -> wire.DataSummary | None:
        """What there is to measure with."""
        return None if self._opened is None else self._opened.data

    @property
    def sample(self) -> wire.SampleFacts | None:
        """The card of the sample, if it is one."""
        return None if self._opened is None else self._opened.sample

    @property
    def tables(self) -> Tables:
        """Scores and rounding errors that have arrived."""
        return self._tables

    @property
    def values(self) -> Values:
        """By layer, all weights in ascending order."""
        return self._values

    @property
    def plan(self) -> Plan:
        """What the sliders show."""
        return self._plan

    @property
    def original_plan(self) -> Plan:
        """The plan at which the network was opened."""
        return self._original_plan

    @property
    def baseline(self) -> Figures | None:
        """The network as loaded, with its accuracy as far as it has been measured."""
        if self._exact is None:
            return None
        return msgspec.structs.replace(self._exact.baseline, accuracy=self._baseline_accuracy)

    @property
    def baseline_is_final(self) -> bool:
        """Whether the network as loaded has been measured on all validation samples."""
        return self._baseline_final

    @property
    def baseline_per_class(self) -> tuple[float | None, ...]:
        """Accuracy of the network as loaded on each class, when it has been measured."""
        return self._baseline_per_class

    @property
    def figures(self) -> Figures | None:
        """The exact figures of the plan; of an earlier one while `figures_are_current` is false."""
        return self._figures

    @property
    def figures_are_current(self) -> bool:
        """False while scores that decide about the plan are on their way."""
        return self._figures_current

    def layer_shares(self, plan: Plan) -> Mapping[str, LayerShare]:
        """What every compressible layer keeps and takes under a plan."""
        return {} if self._exact is None else self._exact.layers(plan)

    @property
    def layer_shares_before(self) -> Mapping[str, LayerShare]:
        """What every compressible layer takes as loaded."""
        return {} if self._exact is None else self._exact.layers_before

    def file_size(self, format: str | None = None) -> FileSize | None:
        """What a file of the plan will take, in a format or in that of an export for the device."""
        return None if self._exact is None else self._exact.file_size(self._plan, format)

    def bytes_by_storage(self) -> Mapping[str, Mapping[str, int]]:
        """By layer and storage, the bytes of weight and bias under the plan."""
        return {} if self._exact is None else self._exact.by_storage(self._plan)

    @property
    def accuracy(self) -> Accuracy | None:
        """The newest that has been measured; of an older plan while `accuracy_is_current` is false."""
        return self._accuracy

    @property
    def accuracy_is_current(self) -> bool:
        """Whether the accuracy is of the present plan."""
        return self._accuracy_generation == self._generation

    @property
    def per_class(self) -> tuple[float | None, ...]:
        """Accuracy on each class of the plan that was last measured in full."""
        return self._per_class

    @property
    def change(self) -> wire.Change | None:
        """Which samples the plan that was last measured judges otherwise; of an older plan as `accuracy` is."""
        return self._change

    @property
    def device(self) -> Device | None:
        """For which storage and speed figures are told."""
        return self._device

    @property
    def budgets(self) -> Budgets:
        """What the network may take."""
        return self._budgets

    @property
    def selection(self) -> tuple[str, ...]:
        """The layers that controls edit; empty: all."""
        return self._selection

    @property
    def edited(self) -> tuple[str, ...]:
        """Of the selected layers those that a plan can change, of none all of them; empty: there is nothing to edit."""
        if self.graph is None:
            return ()
        return self._changeable(self._selection) if self._selection else tuple(x.name for x in self.graph.compressible)

    @property
    def listed_layers(self) -> Mapping[str, Layer]:
        """By name, the layers that can be selected: those that a plan can change, then those that stay as they are."""
        graph = self.graph
        if graph is None:
            return {}
        if self._listed is None or self._listed[0] is not graph:
            whole = (layer for layer in graph.layers if stays_whole(layer))
            self._listed = graph, {layer.name: layer for layer in (*graph.compressible, *whole)}
        return self._listed[1]

    def _changeable(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those that a plan can change; of a name that the network lacks the plan itself complains."""
        known = {} if self.graph is None else self.graph.by_name
        return tuple(name for name in names if name not in known or known[name].compressible)

    @property
    def layer(self) -> str | None:
        """The layer that plots show."""
        return self._layer

    @property
    def runs(self) -> tuple[Run, ...]:
        """What was tried, oldest first."""
        return self._runs

    @property
    def run(self) -> Run | None:
        """The run whose plan the sliders show since it was applied; other ways to teach are for the next training."""
        return next((one for one in self._runs if one.id == self._applied and same_network(one.plan, self._plan)), None)

    @property
    def _accuracy_of_run(self) -> Accuracy | None:
        run = self.run
        return None if run is None else run.accuracy

    @property
    def _trained_counts(self) -> bool:
        """Whether a run is shown that was trained: what it is worth cannot be measured from its plan alone."""
        run = self.run
        return run is not None and run.has_network and run.accuracy is not None

    @property
    def shows_before(self) -> bool:
        """Whether pages show the network as loaded instead of the plan."""
        return self._shows_before

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong or useless in the plan."""
        graph = self.graph
        of = (self._plan, graph, self._device, self._tables)
        if len(of) != len(self._problems_of) or any(a is not b for a, b in zip(of, self._problems_of, strict=True)):
            self._problems_of = of
            self._problems = () if graph is None else check(self._plan, graph, device=self._device, tables=self._tables)
        return self._problems

    @property
    def shown_accuracy(self) -> Accuracy | None:
        """Of the present plan as measured, else as predicted, else what was measured last (`accuracy_is_stale`)."""
        predicted = None if self.accuracy_is_current else self.foresight.accuracy(self._plan)
        return self._accuracy if predicted is None else predicted

    @property
    def accuracy_is_stale(self) -> bool:
        """Whether `shown_accuracy` is of an earlier plan."""
        return not self.accuracy_is_current and self.foresight.accuracy(self._plan) is None

    @property
    def refusal(self) -> str:
        """Why the present plan cannot be measured, in words; empty as far as nothing speaks against it."""
        return self._refused[1] if self._refused[0] == self._generation else ""

    def _reset(self) -> None:
        self._opened: wire.Opened | None = None
        self._plan = Plan()
        self._source: str | None = None
        self._data_source: str | None = None
        self._tables = Tables()
        self._values: Values = {}
        self._exact: ExactFigures | None = None
        self._problems, self._problems_of = (), ()
        self._original_plan = Plan()
        self._figures: Figures | None = None
        self._figures_current = False
        self._baseline_accuracy: Accuracy | None = None
        self._baseline_per_class: tuple[float | None, ...] = ()
        self._baseline_final = False
        self._accuracy: Accuracy | None = None
        self._accuracy_generation = -1
        self._refused = (-1, "")
        self._per_class: tuple[float | None, ...] = ()
        self._change: wire.Change | None = None
        self._device: Device | None = None
        self._budgets = Budgets()
        self._selection: tuple[str, ...] = ()
        self._listed = None
        self._layer: str | None = None
        self._runs: tuple[Run, ...] = ()
        self._applied: str | None = None
        self._open_request = -1
