"""Compares any number of runs: figures, plans in words, classes, flipped samples, confusion, weights of a layer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QSplitter,
    QStackedWidget,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from penjing.plan import Plan
from penjing.worker.messages import Change, Judged
from penjing_gui import quality_words, words
from penjing_gui.controls.identity import identify
from penjing_gui.item_models.runs import AS_LOADED, Row
from penjing_gui.pages.flips_table import FlipsTable
from penjing_gui.plots.confusions import Confusion, Confusions
from penjing_gui.plots.overlay import Overlay
from penjing_gui.run_words import differences
from penjing_gui.theme import SPACE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from penjing.project.values import Run
    from penjing_gui.session import Session

_MOST_RUNS = 12
_MOST_CLASSES = 40
_MOST_CONFUSED = 5
_WIDTH = 1000
_LONG = 24
"""Letters that no column shows in one line."""
_COLUMN = 120
"""Pixels that a figure with its band takes; what has no room then is scrolled to."""
_SOON = 300
"""Milliseconds without a change after which what is compared is judged: sliders move the row `now` many times."""


class ComparePanel(QWidget):
    """A column for each run that is selected above; beside it the runs' weights, confusions or flipped samples."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._rows: tuple[Row, ...] = ()
        self._plans: Mapping[str, Plan] = {}
        self._stale = True
        self._soon = QTimer(self, singleShot=True, interval=_SOON)
        self._soon.timeout.connect(self._ask)
        self.hint = identify(QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True), "compare.hint")
        self.hint.setProperty("muted", True)
        self.table = identify(QTableWidget(), "compare.table", self.tr("Runs side by side"))
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setWordWrap(True)
        self.table.setShowGrid(False)
        self.table.setMinimumWidth(1)
        self.table.setTabKeyNavigation(False)
        self.view = identify(QComboBox(), "compare.view", self.tr("What is compared"))
        self.layer = identify(QComboBox(), "compare.layer", self.tr("Layer"))
        self.weights = identify(Overlay(), "plot.compareWeights", self.tr("Weights of the layer, run by run"))
        self.confusions = identify(Confusions(), "plot.confusions", self.tr("Which class is taken for which"))
        self.flips = FlipsTable(session)
        self.stack = QStackedWidget()
        for widget, title in (
            (self.flips, self.tr("Flipped samples")),
            (self.confusions, self.tr("Confusion")),
            (self.weights, self.tr("Weights of the layer")),
        ):
            self.stack.addWidget(widget)
            self.view.addItem(title)
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        head = QHBoxLayout()
        head.addWidget(self.view)
        head.addWidget(self.layer)
        head.addStretch(1)
        column.addLayout(head)
        column.addWidget(self.stack, 1)
        self._splitter = splitter = QSplitter(Qt.Orientation.Horizontal, childrenCollapsible=False)
        splitter.addWidget(self.table)
        splitter.addWidget(right)
        splitter.setStretchFactor(0, 1)
        splitter.setStretchFactor(1, 1)
        # Their contents ask for very different widths.
        splitter.setSizes([_WIDTH, _WIDTH])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACE // 2, 0, 0)
        layout.addWidget(self.hint)
        layout.addWidget(splitter, 1)
        layout.addStretch()
        session.judgements.changed.connect(self._refresh)
        session.selection_changed.connect(self._refresh)
        self.view.currentIndexChanged.connect(self._show_view)
        self.layer.activated.connect(self._choose_layer)
        self._show_view(0)

    def _show_view(self, number: int) -> None:
        self.stack.setCurrentIndex(number)
        self.layer.setVisible(self.stack.currentWidget() is self.weights)

    def _choose_layer(self, number: int) -> None:
        session = self._session
        session.select(session.selection, current=self.layer.itemText(number))

    def show_rows(self, rows: Sequence[Row], plans: Mapping[str, Plan]) -> None:
        """Compare these; `plans` by id of row, the network as loaded has none."""
        changed = [row.id for row in rows] != [row.id for row in self._rows]
        if (
            not changed
            and tuple(rows) == self._rows
            and all(plans.get(row.id) == self._plans.get(row.id) for row in rows)
        ):
            return
        self._rows = tuple(rows[:_MOST_RUNS])
        self._plans = {row.id: plans.get(row.id, Plan()) for row in self._rows}
        self._refresh()

    def showEvent(self, event: QShowEvent) -> None:
        """What changed while another tab was in front."""
        super().showEvent(event)
        if self._stale:
            self._refresh()

    def _refresh(self) -> None:
        self._stale = not self.isVisible()
        if self._stale:
            return
        if len(self._rows) < 2:
            self.hint.setText(self.tr("Select two or more runs, in the plot with Ctrl, in the table or the tree."))
            self.table.clear()
            self.table.setRowCount(0)
            self.table.setColumnCount(0)
            self._splitter.hide()
            return
        self._splitter.show()
        self.hint.setText(self._said())
        self._fill(list(self._lines()))
        self._draw()
        if any(self._judgement(row) is None for row in self._rows):
            self._soon.start()

    def _ask(self) -> None:
        if self.isVisible():
            for row in self._rows:
                self._session.judgements.want(self._plans[row.id], self._run(row))

    def _said(self) -> str:
        judged = [self._judgement(row) for row in self._rows]
        refused = [one for one in judged if one is not None and one.refused is not None]
        if refused:
            return self._session.texts.of(refused[0].refused or "", **refused[0].values)
        if None in judged:
            done = len(judged) - judged.count(None)
            return self.tr("The engine judges the samples: {done} of {count} runs…").format(
                done=done, count=len(judged)
            )
        if self._session.data is None:
            return self.tr("Without data only figures, plans and weights can be compared.")
        return self.tr("Flipped: judged otherwise than by the network as loaded; on all validation samples.")

    def _fill(self, lines: list[tuple[str, list[str]]]) -> None:
        self.table.clear()
        self.table.setColumnCount(len(self._rows))
        self.table.setRowCount(len(lines))
        self.table.setHorizontalHeaderLabels([row.name for row in self._rows])
        self.table.setVerticalHeaderLabels([name for name, _ in lines])
        for number, (_, cells) in enumerate(lines):
            # Words of several lines are read from the first on, beside the name of their row.
            tall = any(len(text) >= _LONG or "\n" in text for text in cells)
            side = Qt.AlignmentFlag.AlignLeft | (Qt.AlignmentFlag.AlignTop if tall else Qt.AlignmentFlag.AlignVCenter)
            self.table.verticalHeaderItem(number).setTextAlignment(side)
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setTextAlignment(side)
                item.setToolTip("" if len(text) < _LONG else text.replace("<", "‹"))
                self.table.setItem(number, column, item)
        across = self.table.horizontalHeader()
        across.setMinimumSectionSize(_COLUMN)
        across.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.resizeRowsToContents()

    def _lines(self) -> Iterator[tuple[str, list[str]]]:
        rows = self._rows
        known = next((row.accuracy.metric for row in rows if row.accuracy is not None), None)
        yield quality_words.head(known), [words.accuracy(row.accuracy) for row in rows]
        yield self.tr("Weights"), [words.size(row.figures.size_bytes) for row in rows]
        yield self.tr("Flash"), [words.size(row.figures.flash_bytes) for row in rows]
        yield self.tr("Peak RAM"), [words.size(row.figures.ram_bytes) for row in rows]
        yield self.tr("MACs"), [words.count(row.figures.macs) for row in rows]
        yield (
            self.tr("Latency"),
            [words.banded(row.figures.latency_ms, "ms", row.figures.latency_band) for row in rows],
        )
        yield self.tr("Energy"), [words.banded(row.figures.energy_mj, "mJ", row.figures.energy_band) for row in rows]
        graph = self._session.graph
        if graph is not None:
            names = {"→": self.tr("Steps"), "T": self.tr("Teaching")}
            for what, told in differences(self._plans, graph, self._session.texts.language):
                yield names.get(what, what), [told[row.id] for row in rows]
        yield from self._judged()

    def _judged(self) -> Iterator[tuple[str, list[str]]]:
        judged = [self._judgement(row) for row in self._rows]
        if not any(one is not None and one.change is not None for one in judged):
            return
        yield self.tr("Flipped"), [self._flipped(one) for one in judged]
        data = self._session.data
        classes = () if data is None else data.classes
        for number, name in enumerate(classes[:_MOST_CLASSES]):
            shares = [() if one is None else one.per_class for one in judged]
            cells = [words.percent(known[number] if number < len(known) else None) for known in shares]
            yield self.tr("Class {name}").format(name=name), cells
        yield self.tr("Taken for"), [self._confused(one, classes) for one in judged]

    def _run(self, row: Row) -> "Run | None":
        return next((run for run in self._session.runs if run.id == row.id), None)

    def _judgement(self, row: Row) -> Judged | None:
        return self._session.judgements.of(self._plans[row.id], self._run(row))

    def _changes(self) -> list[tuple[str, Change]]:
        """By name of the runs that are judged."""
        judged = ((row.name, self._judgement(row)) for row in self._rows)
        return [(name, one.change) for name, one in judged if one is not None and one.change is not None]

    def _flipped(self, one: Judged | None) -> str:
        if one is None or one.change is None:
            return words.UNKNOWN
        told = one.change
        said = self.tr("{lost} lost, {gained} gained, p = {p:.2g}")
        return said.format(lost=told.lost, gained=told.gained, p=told.p_value)

    def _confused(self, one: Judged | None, classes: Sequence[str]) -> str:
        if one is None or one.change is None:
            return words.UNKNOWN
        wrong = sorted(
            (count for count in one.change.confusion if count.truth != count.chosen), key=lambda count: -count.samples
        )

        told = [
            f"{words.class_name(classes, one.truth)} → {words.class_name(classes, one.chosen)}: {one.samples}"
            for one in wrong[:_MOST_CONFUSED]
        ]
        return "\n".join(told) or self.tr("nothing")

    def _draw(self) -> None:
        session, changes = self._session, self._changes()
        classes = () if session.data is None else session.data.classes
        as_loaded = {row.name for row in self._rows if row.id == AS_LOADED}
        self.flips.show_runs([(name, change) for name, change in changes if name not in as_loaded], classes)
        cells = [one for _, change in changes for one in change.confusion]
        size = max([len(classes), 1, *(1 + max(one.truth, one.chosen) for one in cells)])
        self.confusions.name_axes(self.tr("taken for"), self.tr("truth"))
        tip = self.tr("{name}: {truth} taken for {chosen}, {count} of {of} samples")
        self.confusions.show_confusions(
            [Confusion(name=name, counts=_matrix(change, size)) for name, change in changes], classes, tip
        )
        layer = session.layer
        names = [] if session.graph is None else [one.name for one in session.graph.compressible]
        if names != [self.layer.itemText(number) for number in range(self.layer.count())]:
            self.layer.clear()
            self.layer.addItems(names)
        self.layer.setCurrentText(layer or "")
        named = ((row.name, self._judgement(row)) for row in self._rows)
        known = ((name, one.weights.get(layer or "")) for name, one in named if one is not None)
        spreads = [(name, spread) for name, spread in known if spread is not None]
        self.weights.name_axes(self.tr("weights of {layer} that are not 0").format(layer=layer), self.tr("count"))
        edge = spreads[0][1].edge if spreads else 1.0
        self.weights.show_counts(edge, [(name, spread.counts) for name, spread in spreads])


def _matrix(change: Change, size: int) -> "NDArray[np.int64]":
    counts = np.zeros((size, size), np.int64)
    for cell in change.confusion:
        counts[cell.truth, cell.chosen] = cell.samples
    return counts
