"""Confusion matrices beside each other: which class is taken for which; a cell's colour is its share of the row."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtWidgets import QWidget

from penjing_gui.plots.canvas import Canvas, words
from penjing_gui.plots.scale import color_map

MOST_COLUMNS = 3
_GAP = 0.12
"""Of a matrix's width, beside it; thrice as much above it, for its name."""
_MOST_NUMBERED = 10
"""Classes up to which axes can name each."""


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """One network's."""

    name: str
    counts: NDArray[np.int64]
    """[truth, chosen]"""


class Confusions(Canvas):
    """Truths run down, choices to the right; the diagonal is what is right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: Sequence[Confusion] = ()
        self._classes: Sequence[str] = ()
        self._tip = "{name}: {truth} → {chosen}: {count}"
        self._items: list[pg.GraphicsObject] = []
        self.invertY(True)
        self.setAspectLocked(True)
        for side in ("left", "bottom"):
            self.getPlotItem().getAxis(side).setTicks([])
        self.scene().sigMouseMoved.connect(self._move)
        self.begin()

    def show_confusions(self, shown: Sequence[Confusion], classes: Sequence[str], tip: str) -> None:
        """Show them; `tip` says a cell: its places are `name`, `truth`, `chosen`, `count` and `of`."""
        self._shown, self._classes, self._tip = shown, classes, tip
        self.restyle()

    def restyle(self) -> None:
        """Inks of the present palette."""
        for item in self._items:
            self.removeItem(item)
        self._items = []
        if not self._shown:
            return
        size = len(self._shown[0].counts)
        for number, one in enumerate(self._shown):
            corner = self._corner(number, size)
            image = pg.ImageItem(axisOrder="row-major")
            image.setColorMap(color_map())
            # Roots: what is seldom confused is to be seen beside what is right.
            image.setImage(np.sqrt(shares(one.counts)), levels=(0.0, 1.0), autoLevels=False)
            image.setRect(QRectF(corner.x(), corner.y(), size, size))
            label = pg.TextItem(anchor=(0, 1))
            words(label, one.name, self.inks.text, font=self.font())
            label.setPos(corner)
            self._items += [image, label]
            if size <= _MOST_NUMBERED:
                self._items += self._numbers(one, corner)
        for item in self._items:
            self.addItem(item, ignoreBounds=True)
        columns = min(len(self._shown), MOST_COLUMNS)
        rows = -(-len(self._shown) // MOST_COLUMNS)
        step = self._corner(MOST_COLUMNS + 1, size) - self._corner(0, size)
        whole = QRectF(0, -3 * _GAP * size, columns * step.x() - _GAP * size, rows * step.y())
        self.setRange(whole, padding=0.01)

    def cell_at(self, place: QPointF) -> tuple[Confusion, int, int] | None:
        """The matrix, truth and choice at a place of the plot."""
        for number, one in enumerate(self._shown):
            corner, size = self._corner(number, len(one.counts)), len(one.counts)
            at = place - corner
            if 0 <= at.x() < size and 0 <= at.y() < size:
                return one, int(at.y()), int(at.x())
        return None

    def _corner(self, number: int, size: int) -> QPointF:
        row, column = divmod(number, MOST_COLUMNS)
        return QPointF(column * size * (1 + _GAP), row * size * (1 + 3 * _GAP))

    def _numbers(self, one: Confusion, corner: QPointF) -> list[pg.GraphicsObject]:
        """What is wrong, in numbers: the diagonal's colour says enough."""
        found = []
        for truth, chosen in np.argwhere(one.counts > 0).tolist():
            if truth != chosen:
                label = pg.TextItem(anchor=(0.5, 0.5))
                words(label, str(one.counts[truth, chosen]), "#FFFFFF", font=self._small())
                label.setPos(corner.x() + chosen + 0.5, corner.y() + truth + 0.5)
                found.append(label)
        return found

    def _small(self) -> "pg.QtGui.QFont":
        font = self.font()
        font.setPixelSize(max(8, self.fontInfo().pixelSize() - 4))
        return font

    def _move(self, at: QPointF) -> None:
        found = self.cell_at(self.getPlotItem().vb.mapSceneToView(at))
        if found is None:
            self.setToolTip("")
            return
        one, truth, chosen = found
        count, of = int(one.counts[truth, chosen]), int(one.counts[truth].sum())
        names = {"truth": self._name(truth), "chosen": self._name(chosen)}
        self.setToolTip(escape(self._tip.format(name=one.name, count=count, of=of, **names)))

    def _name(self, number: int) -> str:
        return self._classes[number] if number < len(self._classes) else str(number)


def shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Each cell's share of its row; an empty row stays 0.

    >>> shares(np.array([[3, 1], [0, 0]])).tolist()
    [[0.75, 0.25], [0.0, 0.0]]
    """
    totals = counts.sum(axis=1, keepdims=True)
    result: NDArray[np.float64] = counts / np.maximum(totals, 1)
    return result
