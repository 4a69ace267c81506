"""One example and where a network looks in it: a picture, traces over time, or a bar for each feature.

What speaks for the class is blue, what speaks against it is orange; the stronger, the less is seen through.
"""

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from penjing_gui.plots.canvas import Canvas, faded
from penjing_gui.thumbnails import upright

FOR, AGAINST = "#56B4E9", "#E69F00"
"""Okabe–Ito; both are seen on black, white and grey."""
_MOST_TRACES = 8
_STRONGEST = 0.85
_DIMMED = 150

Values = NDArray[np.float32]


class LookPlot(Canvas):
    """An example with a map over it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._example: Values = np.zeros(0, np.float32)
        self._map: Values = np.zeros(0, np.float32)
        self._given = self._example, self._map
        self._largest = 1.0
        self._picture = pg.ImageItem(axisOrder="row-major")
        self._shade = pg.ImageItem(axisOrder="row-major")
        self._bars = (pg.BarGraphItem(x=[], height=[], width=0.8), pg.BarGraphItem(x=[], height=[], width=0.8))
        self._traces: list[pg.PlotDataItem] = []
        for item in (self._picture, self._shade, *self._bars):
            self.addItem(item)
        self.begin()

    def show_look(self, example: Values, values: Values, *, axis: str, bands: int = 0) -> None:
        """Show a map over its example.

        Args:
            example: [channels, height, width], [channels, length] or [features].
            values: [height, width], [length] or [features]; empty: the example alone.
            axis: What runs along the bottom of traces and bars.
            bands: Where the example is a spectrogram (`thumbnails.sound_bands`): how many bands it has; the lowest is
                drawn at the bottom.
        """
        if example is self._given[0] and values is self._given[1]:
            return
        self._given = example, values
        example, values = _standing(example, values, bands)
        self._example, self._map = example, values
        self._largest = float(np.abs(values).max(initial=0.0)) or 1.0  # where a network looks, not how strongly
        pictured = example.ndim == 3
        self.setAspectLocked(pictured)
        self.invertY(pictured)
        self.name_axes("" if pictured else axis, "")
        for name in ("left", "bottom"):  # after their names, which show them
            self.getPlotItem().showAxis(name, not pictured)
        self.restyle()
        if pictured:
            self.setRange(QRectF(0, 0, example.shape[2], example.shape[1]), padding=0)
        elif example.size:
            self.setXRange(-0.5, example.shape[-1] - 0.5, padding=0.01)
            self.setYRange(*_span(example if example.ndim == 2 else values), padding=0.06)

    def restyle(self) -> None:
        """Inks of the present palette."""
        for trace in self._traces:
            self.removeItem(trace)
        self._traces = []
        self._picture.setVisible(self._example.ndim == 3)
        self._shade.setVisible(self._example.ndim in (2, 3) and bool(self._map.size))
        for bars in self._bars:
            bars.setVisible(self._example.ndim == 1)
        if self._example.ndim == 3:
            self._draw_picture()
        elif self._example.ndim == 2:
            self._draw_traces()
        elif self._example.size:
            for bars, colour, part in zip(self._bars, (FOR, AGAINST), _halves(self._map), strict=True):
                bars.setOpts(x=np.arange(len(part)), height=part, brush=pg.mkBrush(colour), pen=pg.mkPen(None))

    def _draw_picture(self) -> None:
        channels, height, width = self._example.shape
        shown = self._example if channels == 3 else self._example.mean(axis=0, keepdims=True)
        low, high = _span(shown)
        brightest = _DIMMED if self._map.size else 255  # colours are seen on half-dark pictures only
        grey = ((shown - low) / (high - low) * brightest).astype(np.ubyte)
        self._picture.setImage(np.moveaxis(grey, 0, -1) if channels == 3 else grey[0], levels=(0, 255))
        self._picture.setRect(QRectF(0, 0, width, height))
        if self._map.size:
            self._shade.setImage(shades(self._map, self._largest), levels=(0, 255))
            self._shade.setRect(QRectF(0, 0, width, height))

    def _draw_traces(self) -> None:
        found, places = self.inks, np.arange(self._example.shape[1])
        low, high = _span(self._example)
        if self._map.size:
            self._shade.setImage(shades(self._map[None], self._largest), levels=(0, 255))
            self._shade.setRect(QRectF(-0.5, low, len(places), high - low))
        for index, row in enumerate(self._example[:_MOST_TRACES]):
            pen = pg.mkPen(faded(found.text, 0.85 if index == 0 else 0.5), width=1)
            self._traces.append(self.plot(places, row, pen=pen))


def _standing(example: Values, values: Values, bands: int) -> tuple[Values, Values]:
    """An example and its map as pictures whose lowest band is at the bottom, if they are of a spectrogram."""
    heard = upright(example, bands) if bands else None
    if heard is None:
        return example, values
    found = values
    if values.size:
        # By position: of [bands, length] one value for all bands, else one for each value of the example.
        whole = values if values.size == example.size else np.broadcast_to(values, example.shape)
        there = upright(whole.reshape(example.shape), bands)
        found = values if there is None else np.ascontiguousarray(there[::-1], np.float32)
    return np.ascontiguousarray(heard[::-1], np.float32)[None], found


def shades(values: Values, largest: float) -> NDArray[np.ubyte]:
    """Values [height, width] as colours [height, width, 4]: the sign is the hue, the size is how little shines through.

    >>> shades(np.array([[0.0, 1.0]], np.float32), 1.0)[0, :, 3].tolist()
    [0, 216]
    """
    result = np.zeros((*values.shape, 4), np.ubyte)
    for colour, part in zip((FOR, AGAINST), (values > 0, values < 0), strict=True):
        ink = QColor(colour)
        result[part, :3] = (ink.red(), ink.green(), ink.blue())
    strength = np.clip(np.abs(values) / largest, 0, 1) * _STRONGEST
    result[..., 3] = (strength * 255).astype(np.ubyte)
    return result


def _halves(values: Values) -> Sequence[Values]:
    return np.maximum(values, 0), np.minimum(values, 0)


def _span(values: Values) -> tuple[float, float]:
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, low + 0.5)
