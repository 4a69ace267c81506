"""Explore: the weights of one layer, what the plan does to them, which filters go, and what every class loses."""

import itertools
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from penjing.catalogue.methods import methods
from penjing.layer_graph import Layer
from penjing_gui import words
from penjing_gui.controls.identity import identify
from penjing_gui.controls.readout import Readout
from penjing_gui.layer_view import LayerView, Predictions, facts, grid_words, levels, view
from penjing_gui.pages.bits_panel import BitsPanel
from penjing_gui.pages.criteria_panel import CriteriaPanel
from penjing_gui.pages.empty import Page
from penjing_gui.pages.ranges_panel import RangesPanel
from penjing_gui.pages.saliency_view import SIZE, SaliencyView
from penjing_gui.pages.strip import Strip
from penjing_gui.pages.views import Views
from penjing_gui.plots.histogram import Cut, Histogram
from penjing_gui.theme import SPACE
from penjing_gui.what_stays import reasons

if TYPE_CHECKING:
    from penjing_gui.session import Session

_FINEST = 7
"""Bits whose grid can still be told apart."""


class ExplorePage(Page):
    """The plots of the layer that is current."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._gestures = itertools.count(1)
        self._gesture: str | None = None
        self._predictions: Predictions | None = None
        self._shown: object = None
        self.histogram = identify(Histogram(), "plot.histogram", self.tr("Weights"))
        self.saliency, self.criteria = SaliencyView(session), CriteriaPanel(session)
        self.ranges, self.bits = RangesPanel(session), BitsPanel(session)
        self.strip = Strip(session)
        self.log = identify(_toggle(self.tr("Log scale")), "plot.log", self.tr("Logarithmic counts"))
        self.before = identify(_toggle(self.tr("Before (B)")), "plot.before", self.tr("Show the network as loaded"))
        self.facts = identify(Readout(), "plot.facts")
        self.problems = identify(Readout(), "plot.problems")
        self.of_layer = Views("explore.ofLayer", self.tr("Views of the layer"))
        self.of_filters = Views("explore.ofFilters", self.tr("Views of its filters"))
        self._lay_out()
        self._connect()
        self._opened()

    # -------------------------------------------------------------------------------------------------------- set-up

    def _lay_out(self) -> None:
        top = QWidget()
        column = QVBoxLayout(top)
        column.setContentsMargins(0, SPACE // 2, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.facts)
        column.addWidget(self.problems)
        column.addWidget(self.of_layer, 1)
        self.of_layer.add(
            self.histogram,
            self.tr("Weights"),
            self.log,
            self.before,
            how=self.tr("Exact: the weights as loaded, counted in equal bins; what is below θ becomes zero"),
        )
        self.of_layer.add(self.ranges, self.ranges.title(), self.ranges.ends, how=self.ranges.how())
        self.of_layer.add(self.bits, self.bits.title(), self.bits.measure, how=self.bits.how())
        self.of_filters.add(
            self.saliency,
            self.tr("Saliency"),
            *self.saliency.corner,
            how=self.tr("The score of every weight under the criterion, a row for each filter; low scores go first"),
        )
        self.of_filters.add(self.criteria, self.criteria.title(), self.criteria.what, how=self.criteria.how())
        splitter = QSplitter(Qt.Orientation.Vertical, childrenCollapsible=False)
        for panel, share in ((top, 5), (self.of_filters, 4), (self.strip, 3)):
            splitter.addWidget(panel)
            splitter.setStretchFactor(splitter.count() - 1, share)
        splitter.setSizes([320, 240, 160])
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(2 * SPACE, SPACE, SPACE, SPACE)
        layout.addWidget(splitter)

    def _connect(self) -> None:
        session = self._session
        session.opened.connect(self._opened)
        session.closed.connect(self._opened)
        session.plan_changed.connect(self._update)
        session.selection_changed.connect(self._update)
        session.tables_changed.connect(self._tables)
        session.device_changed.connect(self._say_problems)
        self.histogram.threshold_dragged.connect(self._drag)
        self.of_layer.changed.connect(self._update)
        self.of_filters.changed.connect(self._update)
        self.log.toggled.connect(self.histogram.set_log)
        self.before.toggled.connect(session.show_before)
        session.before_changed.connect(self.before.setChecked)
        session.before_changed.connect(self.histogram.set_before)

    # ------------------------------------------------------------------------------------------------------ the plan

    def _opened(self) -> None:
        self.saliency.forget()
        self._shown = None
        self.say_empty(
            self.tr("No network is open."),
            self.tr("Open a model or try a sample on the Start page; its layers show here."),
        )
        self._tables()

    def _tables(self) -> None:
        session, known = self._session, self._predictions
        if known is None or not known.are_of(session.graph, session.tables):
            self._predictions = None if session.graph is None else Predictions(session.graph, session.tables)
            self._shown = None
        self._update()

    @property
    def _layer(self) -> Layer | None:
        session = self._session
        return None if session.graph is None or session.layer is None else session.graph.by_name.get(session.layer)

    def _update(self, _: object = None) -> None:
        """Everything that depends on plan and layer; in the same turn of the event loop as the exact figures."""
        session, layer = self._session, self._layer
        if session.graph is None or self._predictions is None:
            self.show_content(False)
            return
        if layer is None:
            self.say_empty(self.tr("This network has no layer that can be compressed."), "")
        self.show_content(layer is not None)
        if layer is None:
            return
        told = f"{layer.name}  ·  {facts(layer)}"
        self.facts.say(told, told)
        how = self.tr("Exact: parameters and MACs are counted from the shapes; the output is its result at batch 1")
        self.facts.setToolTip(f"{told}\n{how}")
        self._say_problems()
        self._show_weights(layer)

    def _show_weights(self, layer: Layer) -> None:
        session = self._session
        settings = session.plan.settings(layer.name)
        values = session.values.get(layer.name)
        if values is None:
            self._show_nothing(layer)
            return
        ordered, of_scores = self._ordered(layer, settings.criterion)
        if self.of_layer.current is self.histogram:
            self._show_values(layer, values, ordered, of_scores=of_scores)
        assert self._predictions is not None
        found = view(layer, session.plan, self._predictions.of(session.plan), ordered=ordered)
        if self.of_layer.current is self.histogram:
            largest = float(max(-values[0], values[-1])) if len(values) else 0.0
            grid = np.zeros(0) if of_scores else levels(settings, largest=largest)
            self._show_cut(found, grid, known=ordered is not None)
        if self.of_filters.current is self.saliency:
            self.saliency.show_layer(found)
        else:
            self.criteria.show_layer(found)

    def _show_values(
        self,
        layer: Layer,
        values: NDArray[np.float32],
        ordered: NDArray[np.float32] | None,
        *,
        of_scores: bool,
    ) -> None:
        settings = self._session.plan.settings(layer.name)
        shown = (layer.name, settings.criterion if of_scores else None, id(ordered))
        if shown != self._shown:
            self._shown = shown
            if of_scores and ordered is not None:
                title = self.tr(methods("criterion")[settings.criterion].title)
                axis = self.tr("score ({criterion})").format(criterion=title)
                self.histogram.show_values(ordered, axis=axis, count=self.tr("weights"), symmetric=False)
            else:
                self.histogram.show_values(values, axis=self.tr("weight"), count=self.tr("weights"))

    def _show_cut(self, found: LayerView, grid: NDArray[np.float64], *, known: bool) -> None:
        share = 100 * found.zeroed / found.left if found.left else 0.0
        said = [
            self.tr("{zeroed} of {left} zeroed ({share:.1f} %)").format(
                zeroed=f"{found.zeroed:,}", left=f"{found.left:,}", share=share
            )
        ]
        if found.settings.locked:
            said = [self.tr("locked: nothing is cut")]
        if found.threshold is not None:
            said.insert(0, f"θ {found.threshold:.3g}")
        if not known:
            said.append(self.tr("their scores are on the way"))
        if gone := int(found.cut.sum()):
            said.append(self.tr("{gone} of {all} filters cut").format(gone=gone, all=len(found.cut)))
        if found.layer.weight_grid is not None:
            said.append(self.tr("as loaded: {grid}").format(grid=grid_words(found.layer.weight_grid)))
        if found.settings.weight_bits < 32:
            drawn = found.settings.weight_bits <= _FINEST
            told = self.tr("{bits}-bit grid below") if drawn else self.tr("{bits}-bit grid, too fine to draw")
            said.append(told.format(bits=found.settings.weight_bits))
        cut = None
        if found.threshold is not None:
            cut = Cut(threshold=found.threshold, movable=not found.settings.locked, words="\n".join(said))
        self.histogram.show_cut(cut, grid)
        # An assistive tool hears what the picture shows.
        self.histogram.setAccessibleDescription(", ".join(said))

    def _show_nothing(self, layer: Layer) -> None:
        self._shown = None
        graph = self._session.graph
        why = "\n".join(() if graph is None else reasons(self._session.texts, graph, layer))
        self.histogram.say_empty(why)
        self.histogram.setAccessibleDescription(why)
        self.saliency.show_nothing(layer)
        self.criteria.show_nothing()

    def _ordered(self, layer: Layer, criterion: str) -> tuple[NDArray[np.float32] | None, bool]:
        """What a threshold is compared with, ascending; and whether that is something else than the weights' size."""
        try:
            return self._session.tables.sorted_scores(layer.name, criterion), criterion != SIZE
        except KeyError:
            return None, False

    def _say_problems(self) -> None:
        session = self._session
        found = [problem for problem in session.problems if problem.layer in (session.layer, None)]
        lines = [f"{words.MARKS[one.level]} {session.texts.of(one.code, **one.values)}" for one in found]
        # One line at any time, so that no plot changes its size under the hand; Compress has room for all of it.
        told = "  ".join(lines)
        self.problems.say(told, told, "alarming" if any(one.level == "error" for one in found) else "plain")
        self.problems.setToolTip("\n".join(lines))

    # ------------------------------------------------------------------------------------------------------- gestures

    def _drag(self, theta: float, over: bool) -> None:
        layer = self._session.layer
        if layer is None:
            return
        if self._gesture is None:
            self._gesture = f"histogram.{next(self._gestures)}"
        label = self.tr("Threshold of {layer}").format(layer=layer)
        self._session.set_layer([layer], label, self._gesture, threshold=theta)
        if over:
            self._gesture = None


def _toggle(text: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setCheckable(True)
    button.setProperty("framed", True)
    return button
