"""How the values of a tensor are distributed, where calibration puts the ends of their codes, and what it clips."""

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from penjing_gui.plots.canvas import Canvas, faded

_FLOOR = 0.5


class RangePlot(Canvas):
    """Counts on a logarithmic axis: the zeros behind a ReLU would press all else flat."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._edges = np.linspace(0, 1, 2)
        self._counts = np.zeros(1)
        self._covered: tuple[float, float] | None = None
        self._places: Sequence[float] = ()
        self._inside, self._outside = (
            pg.PlotCurveItem(self._edges, self._counts, stepMode="center", pen=None) for _ in range(2)
        )
        self._quantiles = pg.PlotCurveItem(connect="pairs")
        self._ends = tuple(pg.InfiniteLine(angle=90, movable=False) for _ in range(2))
        for item in (self._inside, self._outside, self._quantiles, *self._ends):
            self.addItem(item)
        self.getPlotItem().getAxis("left").setLogMode(y=True)
        self.begin()

    def show_counts(self, counts: Sequence[int], first: float, last: float) -> None:
        """Counts of equal bins from `first` to `last`; none: nothing is shown."""
        self._counts = np.asarray(counts, float) if counts else np.zeros(1)
        self._edges = np.linspace(first, last, len(self._counts) + 1)
        top = np.log10(max(self._counts.max(), 1.0)) * 1.15 + 0.1
        self.setYRange(np.log10(_FLOOR), top, padding=0)
        for name in ("left", "bottom"):  # scales of nothing say nothing
            self.getPlotItem().getAxis(name).setStyle(showValues=bool(counts))
        self.restyle()

    def show_range(self, covered: tuple[float, float] | None, quantiles: Sequence[float]) -> None:
        """The ends of the codes, and ticks at quantiles."""
        self._covered, self._places = covered, tuple(quantiles)
        low, high = float(self._edges[0]), float(self._edges[-1])
        if covered is not None:
            low, high = min(low, covered[0]), max(high, covered[1])
        self.setXRange(low, high, padding=0.03)
        self.restyle()

    @property
    def covered(self) -> tuple[float, float] | None:
        """Between which lines codes lie."""
        return self._covered

    def restyle(self) -> None:
        """Inks of the present palette."""
        found = self.inks
        floor = float(np.log10(_FLOOR))
        heights = np.log10(np.maximum(self._counts, _FLOOR))
        middles = (self._edges[:-1] + self._edges[1:]) / 2
        out = np.zeros(len(middles), bool)
        if self._covered is not None:
            out = (middles < self._covered[0]) | (middles > self._covered[1])
        self._inside.setData(self._edges, np.where(out, floor, heights), fillLevel=floor)
        self._inside.setBrush(faded(found.accent, 0.85))
        self._outside.setData(self._edges, np.where(out, heights, floor), fillLevel=floor)
        self._outside.setBrush(pg.mkBrush(pg.QtGui.QBrush(faded(found.text, 0.5), Qt.BrushStyle.BDiagPattern)))
        top = floor + 0.08 * (heights.max() - floor)
        places = np.asarray(self._places, float)
        self._quantiles.setData(np.repeat(places, 2), np.tile((floor, top), len(places)), connect="pairs")
        self._quantiles.setPen(pg.mkPen(found.text, width=1.5))
        for line, end in zip(self._ends, self._covered or (0.0, 0.0), strict=True):
            line.setVisible(self._covered is not None)
            line.setValue(end)
            line.setPen(pg.mkPen(found.series[4], width=2))
