"""The scores of a layer as a picture, and the brush that cuts filters or protects them by hand."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QButtonGroup, QLabel, QToolButton, QVBoxLayout, QWidget

from penjing.catalogue.methods import methods
from penjing.plan import Settings
from penjing.planning.kept import keeps_filters
from penjing_gui import coupling, words
from penjing_gui.controls.identity import identify
from penjing_gui.controls.readout import Readout
from penjing_gui.layer_view import LayerView, brushed, filter_words, painted
from penjing_gui.plots.heatmap import Heatmap
from penjing_gui.theme import SPACE
from penjing_gui.what_stays import reasons

if TYPE_CHECKING:
    from penjing.layer_graph import Layer
    from penjing_gui.session import Session

SIZE = "magnitude"
"""The criterion whose scores are the weights' own sizes: its threshold stands in the histogram of the weights."""
_MOST_NAMED = 4
_RECURRENT = frozenset({"lstm", "gru", "rnn"})
Picture = tuple[str, str | None]
"""(layer, criterion); None: the weights themselves."""


class SaliencyView(QWidget):
    """What the page tells it to show of the layer that is current."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._pictures: dict[Picture, NDArray[np.float32]] = {}
        self._asked: dict[int, Picture] = {}
        self._pictured: object = None
        self._filters: object = None
        self._filter_scores: NDArray[np.float32] | None = None
        self._found: LayerView | None = None
        self.heatmap = identify(Heatmap(), "plot.saliency", self.tr("Saliency"))
        self.pointed = identify(Readout(), "saliency.pointed")
        self.pointed.setProperty("muted", True)
        self.title = QLabel(textFormat=Qt.TextFormat.PlainText)
        self.title.setProperty("muted", True)
        self.brushes = self._brushes()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE // 2)
        layout.addWidget(self.heatmap, 1)
        layout.addWidget(self.pointed)
        session.saliency_received.connect(self._take)
        self.heatmap.filter_chosen.connect(self._turn)
        self.heatmap.brushed.connect(self._brush)
        self.heatmap.aimed.connect(self._aim)
        self.heatmap.pointed.connect(self._point)

    @property
    def corner(self) -> tuple[QWidget, ...]:
        """What stands beside the tab: the criterion, and what the brush does."""
        return self.title, *self.brushes

    def forget(self) -> None:
        """Another network."""
        self._pictures.clear()
        self._asked.clear()
        self._pictured = self._found = None

    def show_nothing(self, layer: "Layer") -> None:
        """A layer without weights that could be cut; the reason stands below."""
        self._pictured = self._found = None
        self.heatmap.show_values(np.zeros((0, 0), np.float32), columns="", rows="")
        self.title.setText("")
        self._enable(None)
        graph = self._session.graph
        text = "" if graph is None else " ".join(reasons(self._session.texts, graph, layer))
        self.pointed.say(text, text)
        self.pointed.setToolTip(text)

    def show_layer(self, found: LayerView) -> None:
        """Scores and what the plan does to the filters."""
        layer, settings = found.layer, found.settings
        key: Picture = (layer.name, None if settings.criterion == SIZE else settings.criterion)
        block = self._pictures.get(key)
        if block is None and key not in self._asked.values():
            self._asked[self._session.request_saliency(*key)] = key
        if (key, block is None) != self._pictured:
            self._pictured = key, block is None
            empty = np.zeros((0, 0), np.float32)
            columns, rows = self._inputs(layer), self.tr("filter")
            self.heatmap.show_values(empty if block is None else block, columns=columns, rows=rows)
            self._filters = None
        self._found = found
        self._enable(settings)
        title = self.tr(methods("criterion")[settings.criterion].title)
        self.title.setText(title + (self.tr(" · on its way…") if block is None else ""))
        if block is not None:
            scores = self._session.tables.filter_scores.get((layer.name, settings.filter_criterion))
            filters = (key, found.cut.tobytes(), settings.cut, settings.keep, settings.filter_criterion)
            if filters == self._filters and scores is self._filter_scores:
                return  # zeros and bits move no filter
            self._filters, self._filter_scores = filters, scores
            said = filter_words(found, scores, keep=self.tr("keep"), cut=self.tr("cut"))
            self.heatmap.show_filters(found.cut, said, frozenset(settings.keep))
            self.heatmap.setAccessibleDescription(self._by_hand())
            self._point("")

    def _inputs(self, layer: "Layer") -> str:
        """What lies along a filter."""
        if layer.kind in _RECURRENT:
            return self.tr("input, then state")
        return self.tr("input") if len(layer.weight_shape or ()) < 3 else self.tr("input × kernel")

    # ------------------------------------------------------------------------------------------------------ the brush

    def _brushes(self) -> tuple[QToolButton, ...]:
        self._group = QButtonGroup(self)
        made = []
        for id_, text, tip in (
            ("cut", self.tr("Cut"), self.tr("Drag over filters to cut them")),
            ("keep", self.tr("Protect"), self.tr("Drag over filters to protect them from every cut")),
            ("free", self.tr("Release"), self.tr("Drag over filters to leave them to the rule again")),
        ):
            button = identify(QToolButton(), f"saliency.brush.{id_}", tip)
            button.setText(text)
            button.setToolTip(tip)
            button.setCheckable(True)
            button.setProperty("framed", True)
            button.setProperty("brush", id_)
            self._group.addButton(button)
            made.append(button)
        made[0].setChecked(True)
        return tuple(made)

    @property
    def brush(self) -> str:
        """What a drag does: `cut`, `keep` or `free`."""
        return next(str(one.property("brush")) for one in self.brushes if one.isChecked())

    def _enable(self, settings: Settings | None) -> None:
        for button in self.brushes:
            button.setEnabled(settings is not None and not settings.locked)

    def _turn(self, index: int) -> None:
        if self._found is None or self._locked():
            return
        name = self._found.layer.name
        label = self.tr("Brush filter {index} of {layer}").format(index=index, layer=name)
        self._session.set_layer([name], label, None, **brushed(self._session.plan.settings(name), index))

    def _brush(self, rows: tuple[int, ...]) -> None:
        if self._found is None or self._locked():
            return
        name = self._found.layer.name
        label = self.tr("Brush filters {rows} of {layer}").format(rows=words.listed(rows), layer=name)
        changes = painted(self._session.plan.settings(name), rows, self.brush)
        self._session.set_layer([name], label, None, **changes)

    def _locked(self) -> bool:
        return self._found is not None and self._session.plan.settings(self._found.layer.name).locked

    # ---------------------------------------------------------------------------------------------------------- words

    def _aim(self, rows: tuple[int, ...]) -> None:
        found = self._found
        channels = frozenset[int]() if found is None else coupling.channels_of(found.layer, rows)
        tied = () if found is None else coupling.tied_rows(found.layer, channels)
        self.heatmap.show_aim(sorted({*rows, *tied}))
        self._session.aim_at(channels)

    def _point(self, said: str) -> None:
        rows = self.heatmap.aim
        said = said or (self.heatmap.words_of(rows[0]) if rows else "")
        text = said if len(rows) < 2 else self.tr("filters {rows}").format(rows=words.listed(rows))
        text = " · ".join(part for part in (text, self._through(rows)) if part) if rows else self._by_hand()
        self.pointed.say(text, text)
        self.pointed.setToolTip(text)

    def _through(self, rows: tuple[int, ...]) -> str:
        """What a cut of these filters would change besides them."""
        graph, found = self._session.graph, self._found
        if graph is None or found is None:
            return ""
        if self._locked():
            return self.tr("locked: nothing is cut")
        channels = coupling.channels_of(found.layer, rows)
        if not channels:
            return self.tr("cannot be cut: the network's output or another layer needs it")
        names = [name for name in coupling.touched(graph, channels) if name != found.layer.name]
        if not names:
            return ""
        shown = ", ".join(names[:_MOST_NAMED]) + ("…" if len(names) > _MOST_NAMED else "")
        return self.tr("a cut goes through {layers}").format(layers=shown)

    def _by_hand(self) -> str:
        """The plan's own lists, else what can be done."""
        found = self._found
        if found is None:
            return ""
        if self._locked():
            return self.tr("locked: nothing is cut")
        graph = self._session.graph
        if graph is not None and keeps_filters(graph, found.layer):
            return reasons(self._session.texts, graph, found.layer)[0]
        settings = self._session.plan.settings(found.layer.name)
        gone = self.tr("{gone} of {all} filters cut").format(gone=int(found.cut.sum()), all=len(found.cut))
        if not settings.cut and not settings.keep:
            hint = self.tr("drag over filters to brush them, click one to turn it")
            return f"{gone} · {hint}"
        parts = [gone]
        if settings.cut:
            parts.append(self.tr("cut by hand: {rows}").format(rows=words.listed(settings.cut)))
        if settings.keep:
            parts.append(self.tr("protected: {rows}").format(rows=words.listed(settings.keep)))
        return " · ".join(parts)

    def _take(self, message: Any, block: NDArray[np.float32]) -> None:
        key = self._asked.pop(message.request, None)
        if key is not None:
            self._pictures[key] = block
            if self._found is not None and key[0] == self._found.layer.name:
                self.show_layer(self._found)
