"""How a layer's weights are distributed, with the threshold that a hand can drag and what it leaves.

Values in, gestures out: sorted values make every histogram and every cut a look-up, whatever the layer's size.
"""

from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from penjing.inspection.distribution import histogram
from penjing_gui.plots.canvas import Canvas, faded, words

BINS = 121
MOST_TICKS = 127
_STEPS = 200
"""Key presses from one end of the threshold's range to the other."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What is zeroed: everything whose magnitude is below `threshold` (in `symmetric` values) or whose score is."""

    threshold: float
    movable: bool = True
    words: str = ""
    """Said beside the line."""


class Histogram(Canvas):
    """Bars of what stays, hatched bars of what goes, the original as an outline, the quantization grid as ticks."""

    threshold_dragged = Signal(float, bool)
    """The new threshold, and whether the gesture is over."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._ordered: NDArray[np.float32] = np.zeros(0, np.float32)
        self._symmetric = True
        self._empty = ""
        """Why there are no values."""
        self._cut: Cut | None = None
        self._grid: NDArray[np.float64] = np.zeros(0)
        self._log = False
        self._before = False
        self._dragging = False
        self._edges = np.linspace(0, 1, BINS + 1)
        self._places = np.zeros(BINS + 1, np.int64)
        nothing = np.zeros(BINS)
        self._kept, self._gone, self._ghost = (
            pg.PlotCurveItem(self._edges, nothing, stepMode="center", pen=None) for _ in range(3)
        )
        self._ticks = pg.PlotCurveItem(connect="pairs")
        for item in (self._kept, self._gone, self._ghost, self._ticks):
            self.addItem(item)
        self._lines = tuple(pg.InfiniteLine(angle=90, movable=True) for _ in range(2))
        for line in self._lines:
            self.addItem(line)
            line.setVisible(False)
            line.sigDragged.connect(self._drag)
            line.sigPositionChangeFinished.connect(self._drop)
        self._label = pg.TextItem(anchor=(0, 0))
        self.addItem(self._label, ignoreBounds=True)
        self.begin()

    # ------------------------------------------------------------------------------------------------------- values

    def show_values(self, ordered: NDArray[np.float32], *, axis: str, count: str, symmetric: bool = True) -> None:
        """Show sorted values [n]: signed weights (`symmetric`: a threshold cuts both ways), or scores from 0 on."""
        self._ordered, self._symmetric, self._empty = ordered, symmetric, ""
        low, high = (float(ordered[0]), float(ordered[-1])) if len(ordered) else (0.0, 1.0)
        if symmetric:
            high = max(-low, high, 1e-12)
            low = -high
        else:
            low, high = min(0.0, low), max(high, 1e-12)
        found = histogram(ordered, bins=BINS, span=(low, high))
        self._edges, self._places = found.edges, np.concatenate([[0], np.cumsum(found.counts)])
        self._cut = None
        self.name_axes(axis, count)
        self.setXRange(low, high, padding=0.02)
        for line in self._lines:
            line.setBounds((low, high))
        self._fit_height()
        self.restyle()

    def say_empty(self, text: str) -> None:
        """Show no values, but why there are none."""
        self.show_values(np.zeros(0, np.float32), axis="", count="")
        self._empty = text
        self._draw()

    def show_cut(self, cut: Cut | None, levels: NDArray[np.float64]) -> None:
        """Show what goes, and the values that rounded weights can take; too many to tell apart are not drawn.

        The line under the hand stays where the hand is.
        """
        self._cut = cut
        self._grid = levels if len(levels) <= MOST_TICKS else np.zeros(0)
        self._draw()

    def set_log(self, log: bool) -> None:
        """Count logarithmically, so that thin tails show."""
        self._log = log
        self.getPlotItem().getAxis("left").setLogMode(y=log)
        self._fit_height()
        self._draw()

    def set_before(self, before: bool) -> None:
        """Show the network as loaded, for as long as somebody wants to compare."""
        if before != self._before:
            self._before = before
            self._draw()

    @property
    def threshold(self) -> float | None:
        """Where the line stands."""
        return None if self._cut is None else self._cut.threshold

    @property
    def gone(self) -> int:
        """How many of the values shown are drawn as zeroed."""
        low, high = self._removed()
        return high - low

    def line_position(self) -> float:
        """The scene's x of the right-hand line, for hands (and tests) that reach for it."""
        return float(self.getViewBox().mapViewToScene(pg.Point(self._lines[1].value(), 0)).x())

    # --------------------------------------------------------------------------------------------------------- looks

    def restyle(self) -> None:
        """Brushes and pens of the present palette."""
        found = self.inks
        self._kept.setBrush(faded(found.accent, 0.85))
        self._gone.setBrush(pg.mkBrush(faded(found.text, 0.28)))
        self._ghost.setPen(pg.mkPen(faded(found.text, 0.75), width=1))
        self._ticks.setPen(pg.mkPen(found.series[4], width=1))
        for line in self._lines:
            line.setPen(pg.mkPen(found.series[4], width=2))
            line.setHoverPen(pg.mkPen(found.series[4], width=4))
        self._draw()

    def _removed(self) -> tuple[int, int]:
        """Places of the first value that goes and of the first after the last."""
        if self._cut is None or self._before:
            return 0, 0
        theta = np.float32(self._cut.threshold)
        high = int(np.searchsorted(self._ordered, theta, side="left"))
        low = int(np.searchsorted(self._ordered, -theta, side="right")) if self._symmetric else 0
        return (low, high) if high > low else (0, 0)

    def _draw(self) -> None:
        low, high = self._removed()
        counts = _differences(self._places)
        gone = _differences(np.clip(self._places, low, high))
        floor = self._floor
        self._kept.setData(self._edges, self._height(counts - gone), fillLevel=floor)
        self._gone.setData(self._edges, self._height(gone), fillLevel=floor)
        self._ghost.setData(self._edges, self._height(counts))
        self._ghost.setVisible(high > low)
        self._draw_grid(floor)
        shown = self._cut is not None and not self._before
        for line, sign in zip(self._lines, (-1, 1), strict=True):
            line.setVisible(shown and (sign > 0 or self._symmetric))
            if self._cut is not None and not self._dragging:
                line.setMovable(self._cut.movable)
                line.setValue(sign * self._cut.threshold)
        self._draw_label()

    def _draw_grid(self, floor: float) -> None:
        top = floor + 0.05 * (self._top - floor)
        shown = () if self._before else self._grid
        self._ticks.setData(np.repeat(shown, 2), np.tile((floor, top), len(shown)), connect="pairs")

    def _draw_label(self) -> None:
        for side in ("left", "bottom"):
            self.getPlotItem().getAxis(side).setVisible(not self._empty)
        text = self.tr("before") if self._before else "" if self._cut is None else self._cut.words
        text = self._empty or text
        words(self._label, text, self.inks.text, font=self.font())
        # Where bars reach up to it, it is read from paper of its own.
        self._label.fill = pg.mkBrush(faded(self.inks.surface, 0.85)) if text else pg.mkBrush(None)
        # In the corner that the right-hand line is far from; the tails below it are low.
        if self._empty:
            self._label.setAnchor((0.5, 0.5))
            self._label.setPos(float(self._edges[0] + self._edges[-1]) / 2, (self._floor + self._top) / 2)
            return
        far = self._cut is not None and self._cut.threshold > 0.5 * self._edges[-1]
        self._label.setAnchor((0 if far else 1, 0))
        self._label.setPos(self._edges[0 if far else -1], self._top)

    @property
    def _floor(self) -> float:
        return float(np.log10(0.5)) if self._log else 0.0

    @property
    def _top(self) -> float:
        most = max(int(np.diff(self._places).max(initial=1)), 1)
        return float(np.log10(most) * 1.12 + 0.1) if self._log else 1.12 * most

    def _height(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        if not self._log:
            return counts.astype(np.float64)
        return np.log10(np.maximum(counts, 0.5))

    def _fit_height(self) -> None:
        self.setYRange(self._floor, self._top, padding=0)

    # ------------------------------------------------------------------------------------------------------ gestures

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows move the threshold."""
        step = {Qt.Key.Key_Right: 1, Qt.Key.Key_Up: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Down: -1}.get(
            Qt.Key(event.key()), 0
        )
        if step == 0 or self._cut is None or not self._cut.movable:
            super().keyPressEvent(event)
            return
        span = float(self._edges[-1])
        self.threshold_dragged.emit(min(max(self._cut.threshold + step * span / _STEPS, 0.0), span), True)

    def _drag(self, line: pg.InfiniteLine) -> None:
        self._dragging = True
        theta = abs(float(line.value()))
        for other, sign in zip(self._lines, (-1, 1), strict=True):
            other.setValue(sign * theta)
        self.threshold_dragged.emit(theta, False)

    def _drop(self, line: pg.InfiniteLine) -> None:
        if self._dragging:
            self._dragging = False
            self.threshold_dragged.emit(abs(float(line.value())), True)


def _differences(places: NDArray[np.int64]) -> NDArray[np.int64]:
    return places[1:] - places[:-1]
