"""Memory over the steps of one inference: each tensor a block as long as it lives and as high as it is large.

Values in, gestures out: a click on a block, or Return on the one under the cursor keys, chooses its tensor.
"""

from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from penjing_gui.memory import Block, Timeline
from penjing_gui.plots.canvas import Canvas, faded, words

_MOST_NAMES = 16
_LONGEST = 12
"""Letters of a name under the plot."""
_GAP = 8
"""Pixels between two of them."""
_FAR = 2.5
"""A limit so many times above the blocks is told in words alone: drawn, it would press them flat."""
_KIB = 1024.0
Rectangles = list[tuple[float, float, float, float]]
"""(left, width, bottom, height)"""


class MemoryTimeline(Canvas):
    """Blocks at their offsets; those that are there at the peak stand out."""

    chosen = Signal(int)
    """The place of the block that was clicked, or chosen by key."""
    pointed = Signal(int)
    """The place of the block under the pointer or the cursor keys; -1: none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._shown: Timeline | None = None
        self._limit: int | None = None
        self._marked: str | None = None
        self._at = -1
        nothing: dict[str, Any] = {"x": [], "height": [], "width": 1}
        self._step, self._others, self._peak, self._chosen, self._cursor = (
            pg.BarGraphItem(**nothing) for _ in range(5)
        )
        self._line = pg.InfiniteLine(angle=0, movable=False)
        self._line_words = pg.TextItem(anchor=(1, 1))
        self._names = [pg.TextItem(anchor=(0.5, 0.5)) for _ in range(_MOST_NAMES)]
        for item in (self._others, self._peak, self._step, self._chosen, self._cursor):
            self.addItem(item)
        for item in (self._line, self._line_words, *self._names):
            self.addItem(item, ignoreBounds=True)
        self.scene().sigMouseMoved.connect(lambda where: self._point(self._block_at(where)))
        self.scene().sigMouseClicked.connect(self._click)
        self.begin()

    def show_timeline(self, shown: Timeline | None, *, limit: int | None, marked: str | None) -> None:
        """Show a timeline.

        Args:
            shown: None: nothing.
            limit: Bytes that there are, as a line.
            marked: The tensor whose block has an outline.
        """
        if (shown, limit, marked) == (self._shown, self._limit, self._marked):
            return
        moved = shown is None or self._shown is None or shown.steps != self._shown.steps
        self._shown, self._limit, self._marked = shown, limit, marked
        if moved:
            self._name_steps()
            self._point(-1)
        self.restyle()

    @property
    def blocks(self) -> tuple[Block, ...]:
        """What is shown."""
        return () if self._shown is None else self._shown.blocks

    def place_of(self, index: int) -> tuple[float, float]:
        """The scene's x and y of a block's middle, for hands (and tests) that reach for it."""
        one = self.blocks[index]
        middle = pg.Point((one.first + one.last + 1) / 2, (one.offset + one.size / 2) / _KIB)
        found = self.getViewBox().mapViewToScene(middle)
        return float(found.x()), float(found.y())

    # --------------------------------------------------------------------------------------------------------- looks

    def restyle(self) -> None:
        """Inks of the present palette."""
        found, blocks, shown = self.inks, self.blocks, self._shown
        size = 1 if shown is None else max(shown.size, 1)
        limit = self._limit
        near = limit is not None and limit <= _FAR * size
        top = 1.06 * max(size, limit if near and limit is not None else 0) / _KIB
        self.setYRange(0, top, padding=0)
        paper = pg.mkPen(found.surface, width=1)
        _fill(self._peak, [_rectangle(one) for one in blocks if one.at_peak], faded(found.accent, 0.85), paper)
        _fill(self._others, [_rectangle(one) for one in blocks if not one.at_peak], faded(found.text, 0.28), paper)
        band: Rectangles = [] if shown is None or not blocks else [(shown.peak_step, 1.0, 0.0, top)]
        _fill(self._step, band, faded(found.series[1], 0.15), pg.mkPen(found.series[1], width=1))
        marked = [_rectangle(one) for one in blocks if self._marked in one.tensors]
        _fill(self._chosen, marked, None, pg.mkPen(found.text, width=2))
        self._draw_cursor()
        for item in (self._line, self._line_words):
            item.setVisible(near)
        if near and limit is not None:
            self._line.setPen(pg.mkPen(found.error, width=2, style=Qt.PenStyle.DashLine))
            self._line.setValue(limit / _KIB)
            words(self._line_words, self.tr("limit"), found.error, font=self.font())
            self._line_words.setPos(1 if shown is None else max(len(shown.steps), 1), limit / _KIB)
        self._draw_names()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Names stand where there is room."""
        super().resizeEvent(event)
        if self._begun:
            self._name_steps()
            self._draw_names()

    def _name_steps(self) -> None:
        steps = () if self._shown is None else self._shown.steps
        pixels, metrics = self.getViewBox().width() / max(len(steps), 1), self.fontMetrics()
        ticks: list[tuple[float, str]] = []
        free = 0.0
        for index, name in enumerate(steps):
            text, middle = _short(name, _LONGEST), (index + 0.5) * pixels
            half = metrics.horizontalAdvance(text) / 2
            if middle - half >= free:
                ticks.append((index + 0.5, text))
                free = middle + half + _GAP
        self.getPlotItem().getAxis("bottom").setTicks([ticks])
        self.setXRange(0, max(len(steps), 1), padding=0.01)

    def _draw_names(self) -> None:
        """Beside the largest blocks that have room for their names; the largest first."""
        box = self.getViewBox()
        pixel = box.viewPixelSize() if self.isVisible() else (0.0, 0.0)
        largest = sorted(self.blocks, key=lambda one: -one.size * (one.last - one.first + 1))
        for item, one in zip(self._names, largest, strict=False):
            words(item, one.tensors[0], self.inks.surface if one.at_peak else self.inks.text, font=self.font())
            item.setPos((one.first + one.last + 1) / 2, (one.offset + one.size / 2) / _KIB)
            area = item.boundingRect()
            wide, tall = area.width() * pixel[0], 0.8 * area.height() * pixel[1]
            item.setVisible(wide <= one.last + 1 - one.first and tall <= one.size / _KIB)
        for item in self._names[len(largest) :]:
            item.setVisible(False)

    def _draw_cursor(self) -> None:
        at = [_rectangle(self.blocks[self._at])] if 0 <= self._at < len(self.blocks) else []
        _fill(self._cursor, at, faded(self.inks.text, 0.18), pg.mkPen(self.inks.accent, width=2))

    # ------------------------------------------------------------------------------------------------------ gestures

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right go from block to block in the order of their first steps; Return chooses."""
        key, last = Qt.Key(event.key()), len(self.blocks) - 1
        if last >= 0 and key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._point(min(max(self._at + (1 if key == Qt.Key.Key_Right else -1), 0), last))
        elif 0 <= self._at <= last and key in (Qt.Key.Key_Space, Qt.Key.Key_Return):
            self.chosen.emit(self._at)
        else:
            super().keyPressEvent(event)

    def leaveEvent(self, event: Any) -> None:
        """Nothing is under the pointer any more."""
        super().leaveEvent(event)
        self._point(-1)

    def _click(self, event: Any) -> None:
        index = self._block_at(event.scenePos())
        if index >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(index)

    def _block_at(self, where: Any) -> int:
        place = self.getViewBox().mapSceneToView(where)
        x, y = place.x(), place.y() * _KIB
        inside = (
            index
            for index, one in enumerate(self.blocks)
            if one.first <= x <= one.last + 1 and one.offset <= y <= one.offset + one.size
        )
        return next(inside, -1)

    def _point(self, index: int) -> None:
        if index != self._at:
            self._at = index
            self._draw_cursor()
            self.pointed.emit(index)


def _rectangle(one: Block) -> tuple[float, float, float, float]:
    return one.first, one.last + 1 - one.first, one.offset / _KIB, one.size / _KIB


def _fill(item: pg.BarGraphItem, rectangles: Rectangles, brush: Any, pen: Any) -> None:
    left, width, bottom, height = np.array(rectangles, float).reshape(-1, 4).T
    item.setOpts(x0=left, width=width, y0=bottom, height=height, x=None, brush=brush, pen=pen)


def _short(name: str, most: int) -> str:
    """The end of a name says which layer it is; its beginning says which part of the network."""
    own = name if len(name) <= most else name.rsplit(".", 1)[-1]
    return own if len(own) <= most else f"{own[: most - 1]}…"
