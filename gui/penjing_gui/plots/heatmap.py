"""A layer's weights or scores as a picture, out × in: one row a filter, with those that the plan cuts shaded.

Values in, gestures out: a click on a filter, or space on the one under the cursor keys, asks to turn it; a drag over
several, or Shift with the cursor keys and then Return, asks to brush them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QWidget

from penjing_gui.plots.canvas import Canvas, faded
from penjing_gui.plots.scale import SCALE, color_map
from penjing_gui.words import runs

MOST_ROWS, MOST_COLUMNS = 512, 1024
"""More are averaged: a screen does not show them anyway."""


class Heatmap(Canvas):
    """Scores in the colours that the person prefers."""

    filter_chosen = Signal(int)
    """A filter was clicked, or chosen by key."""
    brushed = Signal(object)
    """The rows, a tuple, over which a hand went."""
    aimed = Signal(object)
    """The rows, a tuple, under the pointer, under the brush or under the cursor keys; none: no hand is here."""
    pointed = Signal(str)
    """What is under the pointer, in words; empty: nothing."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._rows = 0
        self._columns = 0
        self._row: int | None = None
        self._start: int | None = None
        """Where a brush began, or Shift was held first."""
        self._aim: tuple[int, ...] = ()
        self._words: Sequence[str] = ()
        self._cut: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._protected: frozenset[int] = frozenset()
        self._colors = ""
        self._image = pg.ImageItem(axisOrder="row-major")
        self._shade = pg.ImageItem(axisOrder="row-major")
        self._marks = pg.ScatterPlotItem(symbol="t2", size=9)
        self._cursor = pg.InfiniteLine(angle=0, movable=False)
        self._outline = pg.BarGraphItem(x0=[], x1=[], y0=[], y1=[])
        for item in (self._image, self._shade, self._marks, self._outline, self._cursor):
            self.addItem(item)
        self._cursor.setVisible(False)
        self.invertY(True)
        self.begin()

    def show_values(self, block: NDArray[np.float32], *, columns: str, rows: str) -> None:
        """Show a picture [out, in · kernel]; magnitudes for weights, scores as they are."""
        self._rows, self._columns = block.shape if block.ndim == 2 else (0, 0)
        self._row = self._start = None
        for item in (self._image, self._shade):
            item.setVisible(bool(block.size))
        shown = _averaged(np.abs(block), MOST_ROWS, MOST_COLUMNS) if block.size else np.zeros((1, 1), np.float32)
        high = float(np.quantile(shown, 0.995)) or 1.0  # one outlier must not make all others black
        self._image.setImage(shown, levels=(0.0, high), autoLevels=False)
        place = QRectF(0, 0, max(self._columns, 1), max(self._rows, 1))
        self._image.setRect(place)
        self.name_axes(columns, rows)
        for side in ("left", "bottom"):
            self.getPlotItem().getAxis(side).setVisible(bool(rows))  # naming it shows it
        self.setXRange(0, max(self._columns, 1), padding=0.01)
        self.setYRange(0, max(self._rows, 1), padding=0.01)
        self._cut, self._words, self._protected = np.zeros(self._rows, np.bool_), (), frozenset()
        self.restyle()

    def show_filters(self, cut: NDArray[np.bool_], words: Sequence[str], protected: frozenset[int]) -> None:
        """Shade the filters that go [out]; say each one's words under the pointer; mark those the brush protects."""
        self._words = words
        if protected != self._protected or not np.array_equal(cut, self._cut):
            self._cut, self._protected = cut, protected
            self.restyle()

    def show_aim(self, rows: Sequence[int]) -> None:
        """Outline filters: all those that a cut would take together."""
        found = runs(rows)
        low, high = [float(first) for first, _ in found], [float(last + 1) for _, last in found]
        zeros, ends = [0.0] * len(found), [float(self._columns)] * len(found)
        self._outline.setOpts(x0=zeros, x1=ends, y0=low, y1=high, x=None, width=None, height=None)

    @property
    def aim(self) -> tuple[int, ...]:
        """The rows under the pointer, the brush or the cursor keys."""
        return self._aim

    @property
    def outlined(self) -> int:
        """How many runs of filters are outlined."""
        return len(self._outline.opts["x0"])

    @property
    def cut(self) -> tuple[int, ...]:
        """The filters that are shaded."""
        return tuple(np.flatnonzero(self._cut).tolist())

    def restyle(self) -> None:
        """The shade is the paper itself: what goes fades away."""
        found = self.inks
        if self._colors != SCALE.name:
            self._colors = SCALE.name
            self._image.setColorMap(color_map())
        self._cursor.setPen(pg.mkPen(found.accent, width=2))
        self._outline.setOpts(brush=None, pen=pg.mkPen(found.series[4], width=2, style=Qt.PenStyle.DashLine))
        rows = max(self._rows, 1)
        paper = QColor(found.surface)
        shade = np.zeros((rows, 2, 4), np.ubyte)
        if len(self._cut) == self._rows and self._rows:
            shade[self._cut] = (paper.red(), paper.green(), paper.blue(), 205)
        self._shade.setImage(shade, levels=(0, 255), autoLevels=False)
        self._shade.setRect(QRectF(0, 0, max(self._columns, 1), rows))
        marked = sorted(self._protected)
        self._marks.setData(
            [0.0] * len(marked),
            [row + 0.5 for row in marked],
            brush=pg.mkBrush(found.accent),
            pen=pg.mkPen(faded(found.surface, 0.9)),
        )

    def words_of(self, row: int) -> str:
        """What is said of a filter."""
        return self._words[row] if 0 <= row < len(self._words) else ""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and down move the cursor from filter to filter, with Shift over several; space or Return choose."""
        key = Qt.Key(event.key())
        if self._rows and key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            step = 1 if key == Qt.Key.Key_Down else -1
            before = self._row
            row = 0 if before is None else min(max(before + step, 0), self._rows - 1)
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self._start = row if before is None else before if self._start is None else self._start
                self._point(row, _between(self._start, row))
            else:
                self._start = None
                self._point(row)
            self._cursor.setVisible(True)
        elif self._row is not None and key in (Qt.Key.Key_Space, Qt.Key.Key_Return):
            if len(self._aim) > 1:
                self.brushed.emit(self._aim)
            else:
                self.filter_chosen.emit(self._row)
        else:
            super().keyPressEvent(event)

    def leaveEvent(self, event: Any) -> None:
        """Nothing is under the pointer any more."""
        super().leaveEvent(event)
        self._start = None
        self._point(None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The brush is put down."""
        super().mousePressEvent(event)
        if event.button() == Qt.MouseButton.LeftButton:
            self._start = self._row_at(self.mapToScene(event.position().toPoint()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """The brush goes over filters; without it, the pointer does."""
        super().mouseMoveEvent(event)
        held = bool(event.buttons() & Qt.MouseButton.LeftButton)
        row = self._row_at(self.mapToScene(event.position().toPoint()), clipped=held and self._start is not None)
        if not held:
            self._start = None
        self._point(row, () if row is None else _between(row if self._start is None else self._start, row))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """The brush is lifted: one filter is turned, several are brushed."""
        super().mouseReleaseEvent(event)
        if event.button() != Qt.MouseButton.LeftButton or self._start is None:
            return
        start, self._start = self._start, None
        end = self._row_at(self.mapToScene(event.position().toPoint()), clipped=True)
        rows = _between(start, start if end is None else end)
        self._point(end)
        if len(rows) == 1:
            self.filter_chosen.emit(rows[0])
        else:
            self.brushed.emit(rows)

    def _row_at(self, where: Any, *, clipped: bool = False) -> int | None:
        """The filter at a place of the scene; `clipped`: the nearest one, where the place is outside."""
        if not self._rows:
            return None
        place = self.getViewBox().mapSceneToView(where)
        if clipped:
            return min(max(int(place.y()), 0), self._rows - 1)
        if not self.getViewBox().sceneBoundingRect().contains(where):
            return None
        inside = 0 <= place.y() < self._rows and 0 <= place.x() < self._columns
        return int(place.y()) if inside else None

    def _point(self, row: int | None, aim: tuple[int, ...] | None = None) -> None:
        self._row = row
        self._cursor.setVisible(False)
        if row is not None:
            self._cursor.setValue(row + 0.5)
        found = (() if row is None else (row,)) if aim is None else aim
        if found != self._aim:
            self._aim = found
            self.aimed.emit(found)
        self.pointed.emit("" if row is None else self.words_of(row))


def _between(start: int, end: int) -> tuple[int, ...]:
    return tuple(range(min(start, end), max(start, end) + 1))


def _averaged(block: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    for axis, most in ((0, rows), (1, columns)):
        size = block.shape[axis]
        if size > most:
            edges = np.linspace(0, size, most + 1).astype(np.int64)[:-1]
            widths = np.diff(np.append(edges, size)).astype(np.float32)
            total = np.add.reduceat(block, edges, axis=axis)
            block = (total / (widths[:, None] if axis == 0 else widths)).astype(np.float32)
    return np.asarray(block, np.float32)
