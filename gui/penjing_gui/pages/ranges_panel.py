"""What the result of the layer that is current is on examples, and where the plan's calibrator puts its codes."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QWidget

from penjing.catalogue.methods import methods
from penjing_gui import words
from penjing_gui.controls.identity import identify
from penjing_gui.controls.readout import Readout
from penjing_gui.layer_view import grid_words
from penjing_gui.pages.panel import Panel
from penjing_gui.plots.range_plot import RangePlot

if TYPE_CHECKING:
    from penjing.worker.messages import Ranges
    from penjing_gui.session import Session

_SOON = 120
"""Milliseconds in which several wishes become one request."""
_UNROUNDED = 32
_USUAL = 8
Wish = tuple[str, int]
"""(layer, bits)."""


class RangesPanel(Panel):
    """Asks the engine for each layer and width once."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._known: dict[Wish, Ranges] = {}
        self._asked: dict[int, Wish] = {}
        self._shown: Ranges | None = None
        self._soon = QTimer(self, singleShot=True, interval=_SOON)
        self._soon.timeout.connect(self._ask)
        self.plot = identify(RangePlot(), "plot.ranges", self.tr("Activation ranges"))
        self.ends = identify(Readout(), "ranges.ends")
        """Beside the tabs: over the plot it would lie on bars."""
        self.ends.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.said = identify(Readout(), "ranges.said")
        self.said.setProperty("muted", True)
        self.column.addWidget(self.plot, 1)
        self.column.addWidget(self.said)
        for changed in (session.opened, session.closed):
            changed.connect(self._forget)
        for changed in (session.plan_changed, session.selection_changed):
            changed.connect(self.refresh)
        session.engine.restarted.connect(self._asked.clear)
        session.ranges_received.connect(self._take)

    def title(self) -> str:
        """Of the tab."""
        return self.tr("Activations")

    def how(self) -> str:
        """Of the tab's tip."""
        return self.tr(
            "Measured on training examples: the values of the layer's result, and where its codes begin and end"
        )

    def show_now(self) -> None:
        """Read the session; what is not known yet is asked for."""
        wish = self._wish()
        found = None if wish is None else self._known.get(wish)
        self.plot.name_axes(self.tr("value of the result"), self.tr("values"))
        if found is None or found is not self._shown:
            self._shown = found
            if found is None:
                self.plot.show_counts((), 0.0, 1.0)
            else:
                self.plot.show_counts(found.counts, found.first, found.last)
        if found is None:
            self.plot.show_range(None, ())
            self.ends.say("", "")
            text = self._missing(wish)
        else:
            text = self._tell(found)
        text = self._own_grid() + text
        self.said.say(text, text)
        self.said.setToolTip(text)
        self.plot.setAccessibleDescription(text)
        if found is None and wish is not None and self.session.data is not None:
            self._soon.start()

    def _own_grid(self) -> str:
        """Of a network that was quantized before, the grid of the layer's result."""
        graph = self.session.graph
        layer = None if graph is None else graph.by_name.get(self.session.layer or "")
        if layer is None or layer.result_grid is None:
            return ""
        return self.tr("as loaded: {grid}").format(grid=grid_words(layer.result_grid)) + " · "

    def _wish(self) -> Wish | None:
        session = self.session
        graph = session.graph
        layer = None if graph is None or session.layer is None else graph.by_name.get(session.layer)
        if layer is None or not layer.compressible:
            return None
        bits = session.plan.settings(layer.name).activation_bits
        return layer.name, bits if bits < _UNROUNDED else _USUAL

    def _missing(self, wish: Wish | None) -> str:
        if wish is None:
            return self.tr("Choose a layer that a plan can change: this shows the values of its result.")
        if self.session.data is None:
            return self.tr("No data is open; drop a data file on the window to measure with it.")
        return self.tr("On its way…")

    def _tell(self, found: "Ranges") -> str:
        settings = self.session.plan.settings(found.layer)
        rounded = settings.activation_bits < _UNROUNDED
        covered = found.covered[settings.calibrator]
        quantiles = [found.quantiles[share] for share in sorted(found.quantiles)]
        title = self.tr(methods("calibrator")[settings.calibrator].title)
        extremes = self.tr(
            "min {low:.3g} · 1 % {few:.3g} · median {median:.3g} · 99 % {most:.3g} · max {high:.3g}"
        ).format(
            low=found.low,
            high=found.high,
            few=found.quantiles[0.01],
            median=found.quantiles[0.5],
            most=found.quantiles[0.99],
        )
        extremes = words.minus(extremes)
        # Codes are spent from 0 on in any case.
        ends = (min(covered[0], 0.0), max(covered[1], 0.0))
        self.plot.show_range(ends if rounded else None, quantiles)
        self.ends.say(extremes, extremes)
        how = self.tr("Measured on training examples: least, largest and quantiles of the values; ticks below the bars")
        self.ends.setToolTip(f"{extremes}\n{how}")
        of = self.tr("{tensor} as loaded, measured, n={samples}").format(tensor=found.tensor, samples=found.samples)
        if not rounded:
            return self.tr("not rounded: activation bits are 32") + f" · {of}"
        share = 100 * found.outside[settings.calibrator]
        said = self.tr("{calibrator}: codes from {low} to {high}, {share:.2g} % clipped, steps of {step:.2g}")
        step = (ends[1] - ends[0]) / ((1 << found.bits) - 1)
        low, high = (words.minus(f"{end:.3g}") for end in ends)
        return said.format(calibrator=title, low=low, high=high, share=share, step=step) + f" · {of}"

    def _ask(self) -> None:
        wish = self._wish()
        if wish is not None and self.isVisible() and wish not in self._known and wish not in self._asked.values():
            self._asked[self.session.request_ranges(*wish)] = wish

    def _take(self, message: "Ranges") -> None:
        wish = self._asked.pop(message.request, None)
        if wish is not None:
            self._known[wish] = message
            self.refresh()

    def _forget(self) -> None:
        self._known.clear()
        self._asked.clear()
        self._shown = None
        self.refresh()
