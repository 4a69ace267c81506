"""What rounding a weight to each number of bits costs: a point for each width, the plan's own marked.

Values in, gestures out: a click on a point, or Return on the one under the cursor keys, chooses its bits.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QWidget

from penjing_gui.plots.canvas import Canvas, faded, words

_NEAR = 24
"""Pixels from a point within which a click is meant for it."""
Curve = Mapping[int, float]
"""By bits."""


class BitCurve(Canvas):
    """The layer that is current, before all others."""

    chosen = Signal(int)
    """The bits that were clicked, or chosen by key."""
    pointed = Signal(int)
    """The bits under the pointer or the cursor keys; 0: none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._widths: tuple[int, ...] = ()
        self._curve: Curve = {}
        self._others: Sequence[Curve] = ()
        self._now = self._at = 0
        """Bits; 0: none."""
        self._unit = ""
        self._rest = pg.PlotCurveItem(connect="finite")
        self._line = pg.PlotDataItem(symbol="o", symbolSize=8)
        self._mark = pg.ScatterPlotItem(symbol="o", size=15)
        self._cursor = pg.ScatterPlotItem(symbol="o", size=20)
        self._label = pg.TextItem(anchor=(0.5, 1.2))
        for item in (self._rest, self._line, self._mark, self._cursor):
            self.addItem(item)
        self.addItem(self._label, ignoreBounds=True)
        self.begin()

    def show_curves(self, curve: Curve, others: Sequence[Curve], now: int, *, unit: str) -> None:
        """Show one layer's values by bits before those of others; `now`: the plan's bits, or 0."""
        if (curve, others, now, unit) == (self._curve, self._others, self._now, self._unit):
            return
        self._curve, self._others, self._now, self._unit = curve, others, now, unit
        self._widths = tuple(sorted(curve))
        self.getPlotItem().getAxis("bottom").setTicks(
            [[(float(place), str(bits)) for place, bits in enumerate(self._widths)]]
        )
        every = [value for one in (curve, *others) for value in one.values()]
        low, high = (min(every), max(every)) if every else (0.0, 1.0)
        tall = max(high - low, 1e-9)
        self.setXRange(-0.4, max(len(self._widths), 1) - 0.6, padding=0)
        self.setYRange(low - 0.06 * tall, high + 0.2 * tall, padding=0)
        self.restyle()

    def restyle(self) -> None:
        """Inks of the present palette."""
        found = self.inks
        xs: list[int] = []
        ys: list[float] = []
        for one in self._others:
            xs += range(len(self._widths) + 1)
            ys += [one.get(bits, float("nan")) for bits in self._widths] + [float("nan")]
        self._rest.setData([float(x) for x in xs], ys)
        self._rest.setPen(pg.mkPen(faded(found.text, 0.22), width=1))
        self._line.setData(range(len(self._widths)), [self._curve[bits] for bits in self._widths])
        self._line.setPen(pg.mkPen(found.accent, width=2))
        self._line.setSymbolBrush(pg.mkBrush(found.accent))
        self._line.setSymbolPen(pg.mkPen(found.surface))
        self._mark.setBrush(pg.mkBrush(None))
        self._mark.setPen(pg.mkPen(found.series[4], width=2))
        self._cursor.setBrush(pg.mkBrush(None))
        self._cursor.setPen(pg.mkPen(found.text, width=1, style=Qt.PenStyle.DotLine))
        for item, bits in ((self._mark, self._now), (self._cursor, self._at)):
            item.setData(*self._spots(bits))
        said = self._at if self._at in self._curve else self._now
        text = "" if said not in self._curve else f"{self._curve[said]:.3g} {self._unit}"
        words(self._label, text, found.text, font=self.font())
        if said in self._curve:
            rises = self._curve[self._widths[-1]] > self._curve[self._widths[0]]
            self._label.setAnchor((1 if rises else 0, 1.1))
            self._label.setPos(self._widths.index(said), self._curve[said])

    def place_of(self, bits: int) -> tuple[float, float]:
        """The scene's x and y of a point, for hands (and tests) that reach for it."""
        found = self.getViewBox().mapViewToScene(pg.Point(self._widths.index(bits), self._curve[bits]))
        return float(found.x()), float(found.y())

    @property
    def curve(self) -> Curve:
        """What is shown of the layer."""
        return self._curve

    def _spots(self, bits: int) -> tuple[list[int], list[float]]:
        return ([self._widths.index(bits)], [self._curve[bits]]) if bits in self._curve else ([], [])

    # ------------------------------------------------------------------------------------------------------ gestures

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right go from width to width; Return chooses."""
        key = Qt.Key(event.key())
        if self._widths and key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            here = self._at if self._at in self._curve else self._now
            place = self._widths.index(here) if here in self._curve else -1
            place += 1 if key == Qt.Key.Key_Right else -1
            self._point(self._widths[min(max(place, 0), len(self._widths) - 1)])
        elif self._at and key in (Qt.Key.Key_Space, Qt.Key.Key_Return):
            self.chosen.emit(self._at)
        else:
            super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """The nearest width is told."""
        super().mouseMoveEvent(event)
        self._point(self._near(event))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A click on a point, or above or below it, chooses its bits."""
        super().mouseReleaseEvent(event)
        bits = self._near(event)
        if bits and event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(bits)

    def leaveEvent(self, event: Any) -> None:
        """Nothing is under the pointer any more."""
        super().leaveEvent(event)
        self._point(0)

    def _near(self, event: QMouseEvent) -> int:
        where = self.mapToScene(event.position().toPoint())
        if not self.getViewBox().sceneBoundingRect().contains(where):
            return 0
        apart = {bits: abs(self.place_of(bits)[0] - where.x()) for bits in self._widths}
        nearest = min(apart, key=apart.__getitem__, default=0)
        return nearest if nearest and apart[nearest] <= _NEAR else 0

    def _point(self, bits: int) -> None:
        if bits != self._at:
            self._at = bits
            self.restyle()
            self.pointed.emit(bits)
