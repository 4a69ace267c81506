"""Several distributions over each other, one line each; a legend tells them apart, as they overlap everywhere."""

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from penjing_gui.plots.canvas import Canvas

_STYLES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine)
"""The second cue beside the colour."""


class Overlay(Canvas):
    """Histograms with common bins."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._edge = 1.0
        self._shown: Sequence[tuple[str, Sequence[int]]] = ()
        self._lines: list[pg.PlotDataItem] = []
        self._legend = self.getPlotItem().addLegend(offset=(-8, 4))
        self.begin()

    def show_counts(self, edge: float, named: Sequence[tuple[str, Sequence[int]]]) -> None:
        """Draw for each name how many lie in each of the equal bins from -edge to edge."""
        self._edge, self._shown = edge, named
        self.restyle()

    def restyle(self) -> None:
        """Inks of the present palette."""
        found = self.inks
        for line in self._lines:
            self.removeItem(line)
        self._legend.clear()
        self._lines = []
        self._legend.setLabelTextColor(found.text)
        for index, (name, counts) in enumerate(self._shown):
            edges = np.linspace(-self._edge, self._edge, len(counts) + 1)
            pen = pg.mkPen(found.series[index % len(found.series)], width=2, style=_STYLES[index % len(_STYLES)])
            line = pg.PlotDataItem(edges, np.asarray(counts), stepMode="center", pen=pen)
            self.addItem(line)
            self._legend.addItem(line, name)
            self._lines.append(line)
