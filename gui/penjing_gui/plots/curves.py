"""Lines that grow while somebody watches: loss and accuracy of a training, each named beside its end."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyqtgraph as pg
from PySide6.QtWidgets import QWidget

from penjing_gui.plots.canvas import SYMBOLS, Canvas, words


@dataclass(kw_only=True)
class _Line:
    curve: pg.PlotDataItem
    label: pg.TextItem
    color: int
    xs: Sequence[float] = field(default_factory=tuple)
    ys: Sequence[float] = field(default_factory=tuple)


class Curves(Canvas):
    """Named series over one axis."""

    def __init__(self, parent: QWidget | None = None, *, markers: bool = False, unit: str = "") -> None:
        super().__init__(parent)
        self._markers, self._unit = markers, unit
        self._lines: dict[str, _Line] = {}
        self._level = pg.InfiniteLine(angle=0, movable=False)
        self._level_label = pg.TextItem(anchor=(0, 1))
        self._level_words = ""
        for item in (self._level, self._level_label):
            self.addItem(item, ignoreBounds=True)
            item.setVisible(False)
        self.begin()

    def show_series(self, name: str, xs: Sequence[float], ys: Sequence[float]) -> None:
        """Show one series; the same name again replaces it."""
        line = self._lines.get(name)
        if line is None:
            label = pg.TextItem(anchor=(1, 1))
            curve = pg.PlotDataItem()
            line = _Line(curve=curve, label=label, color=len(self._lines) % len(SYMBOLS))
            self._lines[name] = line
            self.addItem(curve)
            self.addItem(label, ignoreBounds=True)
            self._style(name, line)
        line.xs, line.ys = xs, ys
        line.curve.setData(np.asarray(xs, float), np.asarray(ys, float))
        self._place(name, line)

    def show_level(self, value: float | None, name: str = "") -> None:
        """A value to reach, as a dashed line with its name."""
        self._level_words = name
        for item in (self._level, self._level_label):
            item.setVisible(value is not None)
        if value is not None:
            self._level.setValue(value)
            self._level_label.setPos(0, value)
        self.restyle()

    def clear_series(self) -> None:
        """Show nothing."""
        for line in self._lines.values():
            self.removeItem(line.curve)
            self.removeItem(line.label)
        self._lines.clear()

    def values(self, name: str) -> Sequence[float]:
        """What is shown of one series."""
        return self._lines[name].ys if name in self._lines else ()

    def restyle(self) -> None:
        """Pens and words of the present palette."""
        for name, line in self._lines.items():
            self._style(name, line)
            self._place(name, line)
        found = self.inks
        self._level.setPen(pg.mkPen(found.muted, style=pg.QtCore.Qt.PenStyle.DashLine))
        words(self._level_label, self._level_words, found.muted, font=self.font())

    def _style(self, name: str, line: _Line) -> None:
        color = self.inks.series[line.color]
        line.curve.setPen(pg.mkPen(color, width=2))
        if self._markers:
            line.curve.setSymbol(SYMBOLS[line.color])
            line.curve.setSymbolSize(8)
            line.curve.setSymbolBrush(pg.mkBrush(color))
            line.curve.setSymbolPen(pg.mkPen(self.inks.surface))

    def _place(self, name: str, line: _Line) -> None:
        if not len(line.xs):
            words(line.label, "", self.inks.text, font=self.font())
            return
        words(line.label, f"{name} {line.ys[-1]:.4g}{self._unit}", self.inks.text, font=self.font())
        line.label.setPos(float(line.xs[-1]), float(line.ys[-1]))
