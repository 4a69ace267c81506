"""Compares any number of runs: figures, plans in words, classes, flipped samples, confusion, weights of a layer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHeaderView, QLabel, QSplitter, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from penjing.plan import Plan, Settings
from penjing.worker.messages import Saliency
from penjing_gui import words
from penjing_gui.controls.identity import identify
from penjing_gui.item_models.runs import AS_LOADED, Row
from penjing_gui.judgements import Judgement
from penjing_gui.layer_view import LayerView, Predictions, view
from penjing_gui.learn.worked_quantization import symmetric
from penjing_gui.plots.overlay import Overlay
from penjing_gui.run_words import differences
from penjing_gui.theme import SPACE

if TYPE_CHECKING:
    from penjing_gui.session import Session

_MOST_RUNS = 12
_MOST_CLASSES = 40
_MOST_CONFUSED = 5

Values = NDArray[np.float64]


class ComparePanel(QWidget):
    """A column for each run that is selected above."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._rows: tuple[Row, ...] = ()
        self._plans: Mapping[str, Plan] = {}
        self._asked: tuple[int, str] | None = None
        self._weights: tuple[str, Values] | None = None
        self._stale = False
        self.hint = QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True)
        self.hint.setProperty("muted", True)
        self.table = identify(QTableWidget(), "compare.table", self.tr("Runs side by side"))
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setWordWrap(True)
        self.table.setTabKeyNavigation(False)
        self.plot = identify(Overlay(), "compare.weights", self.tr("Weights of the layer, run by run"))
        self._splitter = splitter = QSplitter(Qt.Orientation.Horizontal, childrenCollapsible=False)
        splitter.addWidget(self.table)
        splitter.addWidget(self.plot)
        splitter.setStretchFactor(0, 3)
        splitter.setStretchFactor(1, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACE // 2, 0, 0)
        layout.addWidget(self.hint)
        layout.addWidget(splitter, 1)
        layout.addStretch()
        session.judgements.changed.connect(self._refresh)
        session.selection_changed.connect(self._refresh)
        session.saliency_received.connect(self._take)

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
            self.plot.show_values(())
            self._splitter.hide()
            return
        self._splitter.show()
        missing = any(self._judgement(row) is None for row in self._rows if row.id != AS_LOADED)
        self.hint.setText(
            self.tr("Classes and flipped samples are told of plans that were measured in full: apply one, press F5.")
            if missing
            else self.tr("Flipped: judged otherwise than by the network as loaded.")
        )
        self._fill(list(self._lines()))
        self._draw()

    def _fill(self, lines: list[tuple[str, list[str]]]) -> None:
        self.table.clear()
        self.table.setColumnCount(len(self._rows))
        self.table.setRowCount(len(lines))
        self.table.setHorizontalHeaderLabels([row.name for row in self._rows])
        self.table.setVerticalHeaderLabels([name for name, _ in lines])
        for number, (_, cells) in enumerate(lines):
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setToolTip("" if len(text) < 24 else text.replace("<", "‹"))
                self.table.setItem(number, column, item)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.resizeRowsToContents()

    def _lines(self) -> Iterator[tuple[str, list[str]]]:
        rows = self._rows
        yield self.tr("Accuracy, %"), [words.accuracy(row.accuracy) for row in rows]
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
        if not any(judged):
            return
        yield self.tr("Flipped"), [self._flipped(one) for one in judged]
        data = self._session.data
        classes = () if data is None else data.classes
        baseline = self._session.baseline_per_class
        for number, name in enumerate(classes[:_MOST_CLASSES]):
            cells = []
            for row, one in zip(self._rows, judged, strict=True):
                shares = baseline if row.id == AS_LOADED else () if one is None else one.per_class
                cells.append(words.percent(shares[number] if number < len(shares) else None))
            yield self.tr("Class {name}").format(name=name), cells
        yield self.tr("Taken for"), [self._confused(one, classes) for one in judged]

    def _judgement(self, row: Row) -> Judgement | None:
        return None if row.id == AS_LOADED else self._session.judgements.of(self._plans[row.id])

    def _flipped(self, one: Judgement | None) -> str:
        if one is None:
            return words.UNKNOWN
        told = one.change
        said = self.tr("{lost} lost, {gained} gained, p = {p:.2g}")
        return said.format(lost=told.lost, gained=told.gained, p=told.p_value)

    def _confused(self, one: Judgement | None, classes: Sequence[str]) -> str:
        if one is None:
            return words.UNKNOWN
        wrong = sorted(
            (count for count in one.change.confusion if count.truth != count.chosen), key=lambda count: -count.samples
        )

        def name(number: int) -> str:
            return classes[number] if number < len(classes) else str(number)

        told = [f"{name(one.truth)} → {name(one.chosen)}: {one.samples}" for one in wrong[:_MOST_CONFUSED]]
        return "\n".join(told) or self.tr("nothing")

    def _draw(self) -> None:
        session = self._session
        layer = session.layer
        if layer is None or session.graph is None:
            return
        if self._weights is None or self._weights[0] != layer:
            self._asked = session.request_saliency(layer, None), layer
            self.plot.show_values(())
            return
        what = self.tr("weights of {layer} under each plan, before repair and training")
        self.plot.name_axes(what.format(layer=layer), self.tr("count"))
        made = Predictions(session.graph, session.tables)
        known = session.graph.by_name[layer]
        named = []
        for row in self._rows:
            plan = self._plans[row.id]
            try:
                scores = session.tables.sorted_scores(layer, plan.settings(layer).criterion)
            except KeyError:
                scores = None
            seen = view(known, plan, made.of(plan), ordered=scores)
            named.append((row.name, weights_under(self._weights[1], seen, plan.settings(layer))))
        self.plot.show_values(named)

    def _take(self, message: Saliency, values: NDArray[np.float32]) -> None:
        if self._asked is not None and message.request == self._asked[0]:
            self._weights = self._asked[1], np.asarray(values, dtype=np.float64)
            self._asked = None
            self._refresh()


def weights_under(weights: Values, seen: LayerView, settings: Settings) -> Values:
    """The weights [out, in · kernel] that a plan leaves of a layer, flat: filters cut, zeros by |w| < θ, rounded."""
    kept = weights[~seen.cut] if len(seen.cut) == len(weights) else weights
    if seen.threshold is not None and settings.criterion == "magnitude":
        kept = np.where(np.abs(kept) < seen.threshold, 0, kept)
    if settings.weight_bits <= 8 and kept.size:
        kept = symmetric(kept, settings.weight_bits, axis=1 if settings.granularity == "per_channel" else None)[2]
    result: Values = kept.ravel()
    return result
