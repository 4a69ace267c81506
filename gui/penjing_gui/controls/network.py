"""The Network dock: the graph of all layers, coloured by any of their numbers; it selects as the table does."""

from collections.abc import Sequence

from PySide6.QtCore import QStringListModel, Qt, QTimer
from PySide6.QtWidgets import QComboBox, QCompleter, QHBoxLayout, QLineEdit, QToolButton, QWidget

from penjing.layer_graph import Layer, LayerGraph
from penjing.planning.kept import stays_whole
from penjing_gui.controls.identity import identify
from penjing_gui.controls.readout import Readout
from penjing_gui.coupling import touched
from penjing_gui.layer_numbers import Number, numbers
from penjing_gui.layer_view import Predictions, facts
from penjing_gui.pages.empty import Empty
from penjing_gui.pages.panel import Panel
from penjing_gui.plots.network import NetworkPlot
from penjing_gui.plots.network_boxes import Node
from penjing_gui.plots.scale import Legend
from penjing_gui.session import Session
from penjing_gui.theme import SPACE
from penjing_gui.what_stays import reasons

_SOON = 60
"""Milliseconds after which colours follow a slider: boxes are glanced at, the numbers in the table are read."""
_MANY = 60
"""Layers whose boxes take a hundredth of a second and more to place."""
_OUTPUT = "→ "


class NetworkPanel(Panel):
    """Reads the session; draws only while it is seen."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._numbers = numbers()
        self._graph: LayerGraph | None = None
        self._predictions: Predictions | None = None
        self._aimed: frozenset[int] = frozenset()
        self._found: list[str] = []
        self._turn = 0
        """Which of those that a search found is next."""
        self._soon = QTimer(self, singleShot=True, interval=_SOON)
        self._soon.timeout.connect(self._color)
        self.number = identify(QComboBox(), "network.number", self.tr("Colour by"))
        for one in self._numbers:
            self.number.addItem(one.title, one.id)
            self.number.setItemData(self.number.count() - 1, self._how(one), Qt.ItemDataRole.ToolTipRole)
        self.number.setMinimumContentsLength(12)
        self.number.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.search = identify(QLineEdit(), "network.search", self.tr("Find a layer"))
        self.search.setPlaceholderText(self.tr("Find a layer"))
        self.search.setClearButtonEnabled(True)
        self.smaller = _button("−", "network.smaller", self.tr("Zoom out (-)"))
        self.larger = _button("+", "network.larger", self.tr("Zoom in (+)"))
        self.whole = _button(self.tr("Fit"), "network.fit", self.tr("Fit the network into the view (0)"))
        self.plot = identify(NetworkPlot(), "plot.network", self.tr("Network"))
        self.empty = Empty(self.tr("No network is open."), self.tr("Open a model or try a sample on the Start page."))
        self.legend = identify(Legend(), "network.legend", self.tr("Colours"))
        self.said = identify(Readout(), "network.said")
        self._lay_out()
        self._connect()

    def title(self) -> str:
        """Of the dock."""
        return self.tr("Network")

    def show_now(self) -> None:
        """Read the session; a network that is shown stays as it is placed."""
        graph = self.session.graph
        if graph is not self._graph:
            self._graph = graph
            self._aimed = frozenset()
            self._names.setStringList([] if graph is None else [layer.name for layer in graph.layers])
            self._found = []
            if graph is not None and len(graph.layers) > _MANY:
                # All else that opens is drawn in this turn of the event loop: this comes in one of its own.
                self.plot.show_network(())
                QTimer.singleShot(0, self, self._place)
            else:
                self._place()
        self.plot.setVisible(graph is not None)
        self.empty.setVisible(graph is None)
        self._know()
        self._color()
        self._mark()

    def _place(self) -> None:
        """Where its boxes lie."""
        graph = self._graph
        self.plot.show_network(() if graph is None else self._nodes(graph))
        if graph is not None and len(graph.layers) > _MANY:
            self._color()
            self._mark()

    # -------------------------------------------------------------------------------------------------------- set-up

    def _lay_out(self) -> None:
        self.column.setContentsMargins(SPACE, 0, SPACE, SPACE // 2)
        head = QHBoxLayout()
        head.setSpacing(4)
        head.addWidget(self.number, 1)
        for button in (self.smaller, self.larger, self.whole):
            head.addWidget(button)
        self.column.addLayout(head)
        self.column.addWidget(self.search)
        self.column.addWidget(self.plot, 1)
        self.column.addWidget(self.empty, 1)
        self.column.addWidget(self.legend)
        self.column.addWidget(self.said)
        self.said.setProperty("muted", True)
        self._names = QStringListModel(self)
        completer = QCompleter(self._names, self)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.activated.connect(self._jump)
        self.search.setCompleter(completer)

    def _connect(self) -> None:
        session = self.session
        for changed in (session.opened, session.closed, session.tables_changed, session.device_changed):
            changed.connect(self._renew)
        for changed in (session.plan_changed, session.foresight.changed):
            changed.connect(self._recolor)
        session.selection_changed.connect(self._select)
        session.channels_aimed.connect(self._aim)
        self.number.currentIndexChanged.connect(self.refresh)
        self.search.textChanged.connect(self._search)
        self.search.returnPressed.connect(self._next)
        self.smaller.clicked.connect(lambda: self.plot.zoom_by(1 / 1.25))
        self.larger.clicked.connect(lambda: self.plot.zoom_by(1.25))
        self.whole.clicked.connect(self.plot.fit)
        self.plot.chosen.connect(self._choose)
        self.plot.pointed.connect(self._say)

    def _nodes(self, graph: LayerGraph) -> list[Node]:
        nodes = [
            Node(name=one.name, title=one.source_name or one.name, kind="port", tip=_shape(one.shape))
            for one in graph.inputs
        ]
        nodes += [self._node(layer) for layer in graph.layers]
        for one in graph.outputs:
            name = f"{_OUTPUT}{one.source_name}"
            nodes.append(
                Node(name=name, title=one.source_name, kind="port", inputs=(one.layer,), tip=_shape(one.shape))
            )
        return nodes

    def _node(self, layer: Layer) -> Node:
        kept = stays_whole(layer)
        weights = layer.compressible or kept
        return Node(
            name=layer.name,
            title=layer.name if weights else layer.type,
            caption=layer.type if weights else "",
            kind="weights" if layer.compressible else "kept" if kept else "plain",
            inputs=layer.inputs,
            tip="\n".join(part for part in (layer.source_name, facts(layer), *self._reasons(layer)) if part),
        )

    def _reasons(self, layer: Layer) -> tuple[str, ...]:
        graph = self.session.graph
        return () if graph is None else reasons(self.session.texts, graph, layer)

    # ------------------------------------------------------------------------------------------------------- numbers

    def _renew(self) -> None:
        self._predictions = None
        self.refresh()

    def _recolor(self) -> None:
        if self.isVisible():
            if not self._soon.isActive():
                self._soon.start()
        else:
            self.refresh()

    def _know(self) -> None:
        session = self.session
        if self._predictions is None and session.graph is not None:
            self._predictions = Predictions(session.graph, session.tables)

    def _color(self) -> None:
        session, chosen = self.session, self._numbers[self.number.currentIndex()]
        values: dict[str, float] = {}
        if session.graph is not None and self._predictions is not None:
            prediction = self._predictions.of(session.plan) if chosen.follows_plan else None
            values = dict(chosen.read(session, prediction))
        highest = 1.0 if chosen.unit == "%" and chosen.id != "error" else max(values.values(), default=0.0)
        shares = {name: value / highest if highest > 0 else 0.0 for name, value in values.items()}
        self.plot.show_values(shares, {name: chosen.text(value) for name, value in values.items()})
        self.legend.show_ends(*(("", "") if not values else (chosen.text(0.0), self._end(chosen, highest))))
        self.legend.setToolTip(self._how(chosen))
        self.number.setToolTip(self._how(chosen))
        if session.graph is not None and not values:
            self.said.say(*2 * (self._missing(chosen),))
        else:
            self._say(self.plot.cursor_at or "")

    def _end(self, chosen: Number, highest: float) -> str:
        kind = self.tr("exact") if chosen.kind == "exact" else self.tr("predicted")
        text = chosen.text(highest)
        unit = "" if chosen.unit in ("%", "B") else f" {chosen.unit}"
        return f"{text}{unit} · {kind}"

    def _how(self, chosen: Number) -> str:
        kind = self.tr("exact") if chosen.kind == "exact" else self.tr("predicted")
        return f"{chosen.title} ({chosen.unit}, {kind}): {chosen.how}"

    def _missing(self, chosen: Number) -> str:
        if chosen.id == "latency":
            return self.tr("Choose a device whose speed is known to see this.")
        if chosen.id == "sensitivity":
            return self.tr("Known once the engine has tried the layers; data is needed.")
        return self.tr("On its way…")

    # ----------------------------------------------------------------------------------------------------- selection

    def _select(self) -> None:
        if not self.isVisible():
            self.refresh()
            return
        self._mark()
        layer = self.session.layer
        if layer is not None and layer != self.plot.cursor_at:
            self.plot.show_place(layer)

    def _mark(self) -> None:
        session = self.session
        self.plot.show_marks(
            selected=frozenset(session.selection), current=session.layer, coupled=frozenset(self._coupled())
        )

    def _coupled(self) -> Sequence[str]:
        """Layers that a cut of the filters at which a hand aims goes through; else those tied to what is selected."""
        graph = self.session.graph
        if graph is None:
            return []
        if self._aimed:
            return touched(graph, self._aimed)
        groups = [graph.group_of(name) for name in self.session.selection]
        return [name for group in groups if group is not None and len(group.producers) > 1 for name in group.members]

    def _aim(self, channels: frozenset[int]) -> None:
        if channels != self._aimed:
            self._aimed = channels
            if self.isVisible():
                self._mark()

    def _choose(self, name: str, added: bool) -> None:
        session = self.session
        layer = None if session.graph is None else session.graph.by_name.get(name)
        if layer is None:
            return
        if added:
            rest = tuple(one for one in session.selection if one != name)
            session.select(rest if name in session.selection else (*session.selection, name))
        else:
            session.select([name])

    def _say(self, name: str) -> None:
        graph = self.session.graph
        layer = None if graph is None else graph.by_name.get(name)
        if layer is None:
            text = "" if graph is None else self.tr("arrows follow the lines; a click selects; Ctrl and the wheel zoom")
        else:
            chosen = self._numbers[self.number.currentIndex()]
            value = self.plot.text_of(name)
            parts = [name, layer.type, f"{chosen.title} {value}" if value else ""]
            parts += self._reasons(layer)
            text = "  ·  ".join(part for part in parts if part)
        self.said.say(text, text)
        self.said.setToolTip(f"{text}\n{self._how(self._numbers[self.number.currentIndex()])}".strip())
        self.plot.setAccessibleDescription(text)

    # -------------------------------------------------------------------------------------------------------- search

    def _search(self, text: str) -> None:
        sought = text.strip().casefold()
        graph = self.session.graph
        layers = () if graph is None or not sought else graph.layers
        self._found = [one.name for one in layers if sought in f"{one.name} {one.source_name} {one.type}".casefold()]
        self._turn = 0
        self.plot.show_found(frozenset(self._found))

    def _next(self) -> None:
        """The first that was found, and with every Return the next."""
        if not self._found:
            return
        self._jump(self._found[self._turn % len(self._found)])
        self._turn += 1

    def _jump(self, name: str) -> None:
        self.plot.jump(name)
        self._choose(name, False)


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(str(extent) for extent in shape)


def _button(text: str, identifier: str, name: str) -> QToolButton:
    button = identify(QToolButton(), identifier, name)
    button.setText(text)
    button.setToolTip(name)
    button.setAutoRaise(True)
    return button
