"""A layer's weights or scores as a picture, out × in: one row a filter, with those that the plan cuts shaded.

Values in, gestures out: a click on a filter, or space on the one under the cursor keys, asks to brush it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent
from PySide6.QtWidgets import QWidget

from penjing_gui.plots.canvas import Canvas, faded

MOST_ROWS, MOST_COLUMNS = 512, 1024
"""More are averaged: a screen does not show them anyway."""


class Heatmap(Canvas):
    """Scores in cividis."""

    filter_chosen = Signal(int)
    """A filter was clicked, or chosen by key."""
    pointed = Signal(str)
    """What is under the pointer, in words; empty: nothing."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._rows = 0
        self._columns = 0
        self._row: int | None = None
        self._words: Sequence[str] = ()
        self._cut: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._protected: frozenset[int] = frozenset()
        self._map = pg.colormap.get("cividis")
        self._image = pg.ImageItem(axisOrder="row-major")
        self._image.setColorMap(self._map)
        self._shade = pg.ImageItem(axisOrder="row-major")
        self._marks = pg.ScatterPlotItem(symbol="t2", size=9)
        self._cursor = pg.InfiniteLine(angle=0, movable=False)
        for item in (self._image, self._shade, self._marks, self._cursor):
            self.addItem(item)
        self._cursor.setVisible(False)
        self.invertY(True)
        self.scene().sigMouseMoved.connect(self._move)
        self.scene().sigMouseClicked.connect(self._click)
        self.begin()

    def show_values(self, block: NDArray[np.float32], *, columns: str, rows: str) -> None:
        """Show a picture [out, in · kernel]; magnitudes for weights, scores as they are."""
        self._rows, self._columns = block.shape if block.ndim == 2 else (0, 0)
        self._row = None
        shown = _averaged(np.abs(block), MOST_ROWS, MOST_COLUMNS) if block.size else np.zeros((1, 1), np.float32)
        high = float(np.quantile(shown, 0.995)) or 1.0  # one outlier must not make all others black
        self._image.setImage(shown, levels=(0.0, high), autoLevels=False)
        place = QRectF(0, 0, max(self._columns, 1), max(self._rows, 1))
        self._image.setRect(place)
        self.name_axes(columns, rows)
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

    @property
    def cut(self) -> tuple[int, ...]:
        """The filters that are shaded."""
        return tuple(np.flatnonzero(self._cut).tolist())

    def restyle(self) -> None:
        """The shade is the paper itself: what goes fades away."""
        found = self.inks
        self._cursor.setPen(pg.mkPen(found.accent, width=2))
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
        """Up and down move the cursor from filter to filter; space chooses it."""
        key = Qt.Key(event.key())
        if self._rows and key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            step = 1 if key == Qt.Key.Key_Down else -1
            self._point(0 if self._row is None else min(max(self._row + step, 0), self._rows - 1))
            self._cursor.setVisible(True)
        elif self._row is not None and key in (Qt.Key.Key_Space, Qt.Key.Key_Return):
            self.filter_chosen.emit(self._row)
        else:
            super().keyPressEvent(event)

    def leaveEvent(self, event: Any) -> None:
        """Nothing is under the pointer any more."""
        super().leaveEvent(event)
        self._point(None)

    def _move(self, where: Any) -> None:
        self._point(self._row_at(where))

    def _click(self, event: Any) -> None:
        row = self._row_at(event.scenePos())
        if row is not None and event.button() == Qt.MouseButton.LeftButton:
            self.filter_chosen.emit(row)

    def _row_at(self, where: Any) -> int | None:
        if not self.getViewBox().sceneBoundingRect().contains(where):
            return None
        place = self.getViewBox().mapSceneToView(where)
        inside = 0 <= place.y() < self._rows and 0 <= place.x() < self._columns
        return int(place.y()) if inside else None

    def _point(self, row: int | None) -> None:
        self._row = row
        self._cursor.setVisible(False)
        if row is not None:
            self._cursor.setValue(row + 0.5)
        self.pointed.emit("" if row is None else self.words_of(row))


def _averaged(block: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    for axis, most in ((0, rows), (1, columns)):
        size = block.shape[axis]
        if size > most:
            edges = np.linspace(0, size, most + 1).astype(np.int64)[:-1]
            widths = np.diff(np.append(edges, size)).astype(np.float32)
            total = np.add.reduceat(block, edges, axis=axis)
            block = (total / (widths[:, None] if axis == 0 else widths)).astype(np.float32)
    return np.asarray(block, np.float32)
