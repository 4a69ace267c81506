"""Pictures of two networks beside each other: maps by position, or the first few channels as tiles."""

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtWidgets import QWidget

from penjing_gui.plots.canvas import Canvas, words
from penjing_gui.plots.scale import color_map

_GAP = 0.08

Values = NDArray[np.float32]


class PairPlot(Canvas):
    """Boxes of the same size, each with a name above it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: Sequence[tuple[str, Values]] = ()
        self._items: list[pg.GraphicsObject] = []
        self.invertY(True)
        self.setAspectLocked(True)
        for name in ("left", "bottom"):
            self.getPlotItem().hideAxis(name)
        self.begin()

    def show_pictures(self, shown: Sequence[tuple[str, Values]]) -> None:
        """Names and values [rows, columns]; each picture has its own scale, from its least to its largest."""
        self._shown = shown
        self.restyle()

    def restyle(self) -> None:
        """Inks of the present palette."""
        for item in self._items:
            self.removeItem(item)
        self._items = []
        for number, (name, values) in enumerate(self._shown):
            image = pg.ImageItem(axisOrder="row-major")
            image.setColorMap(color_map())
            low, high = _span(values)
            image.setImage(values, levels=(low, high), autoLevels=False)
            image.setRect(box(values.shape, number * (1 + _GAP)))
            label = pg.TextItem(anchor=(0, 1))
            words(label, name, self.inks.text, font=self.font())
            label.setPos(number * (1 + _GAP), 0)
            self._items += [image, label]
        for item in self._items:
            self.addItem(item, ignoreBounds=True)
        if self._shown:
            self.setRange(QRectF(0, -0.16, len(self._shown) * (1 + _GAP) - _GAP, 1.16), padding=0.01)


def box(shape: tuple[int, ...], left: float) -> QRectF:
    """Where a picture lies in its box of 1 × 1: pictures keep their shape, strips and tables fill it."""
    rows, columns = shape
    longest = max(rows, columns)
    if min(rows, columns) < longest / 3:
        return QRectF(left, 0, 1, 1)
    return QRectF(left, 0, columns / longest, rows / longest)


def tiles(features: Values) -> Values:
    """The channels of [channels, height, width] as tiles in a square; of [channels, length] as rows; [features] as one.

    >>> tiles(np.arange(8, dtype=np.float32).reshape(2, 2, 2)).shape
    (2, 5)
    """
    if features.ndim < 3:
        return np.atleast_2d(features)
    count, height, width = features.shape[0], features.shape[-2], features.shape[-1]
    across = int(np.ceil(np.sqrt(count)))
    down = -(-count // across)
    result = np.full((down * (height + 1) - 1, across * (width + 1) - 1), np.nan, np.float32)
    for number in range(count):
        row, column = divmod(number, across)
        result[row * (height + 1) :, column * (width + 1) :][:height, :width] = features[number]
    return result


def _span(values: Values) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, low + 0.5)
