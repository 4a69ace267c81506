"""Several distributions over each other, one line each; a legend tells them apart, as they overlap everywhere."""

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from penjing_gui.plots.canvas import Canvas

_BINS = 61
_STYLES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine)
"""The second cue beside the colour."""

Values = NDArray[np.float64]


class Overlay(Canvas):
    """Histograms with common bins; zeros are left out, they would hide all else."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: Sequence[tuple[str, Values]] = ()
        self._lines: list[pg.PlotDataItem] = []
        self._legend = self.getPlotItem().addLegend(offset=(-8, 4))
        self.begin()

    def show_values(self, named: Sequence[tuple[str, Values]]) -> None:
        """Draw the values of each name."""
        self._shown = named
        self.restyle()

    def restyle(self) -> None:
        """Inks of the present palette."""
        found = self.inks
        for line in self._lines:
            self.removeItem(line)
        self._legend.clear()
        self._lines = []
        self._legend.setLabelTextColor(found.text)
        parts = [(name, values[values != 0]) for name, values in self._shown]
        everything = np.concatenate([values for _, values in parts]) if parts else np.zeros(0)
        if not everything.size:
            return
        edges = np.linspace(everything.min(), everything.max() + 1e-9, _BINS)
        for index, (name, values) in enumerate(parts):
            counts = np.histogram(values, edges)[0]
            pen = pg.mkPen(found.series[index % len(found.series)], width=2, style=_STYLES[index % len(_STYLES)])
            line = pg.PlotDataItem(edges, counts, stepMode="center", pen=pen)
            self.addItem(line)
            self._legend.addItem(line, name)
            self._lines.append(line)
