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
        self._level_value: float | None = None
        self._empty = pg.TextItem(anchor=(0.5, 0.5))
        self._empty_words = ""
        self.addItem(self._empty, ignoreBounds=True)
        for item in (self._level, self._level_label):
            self.addItem(item, ignoreBounds=True)
            item.setVisible(False)
        self.begin()

    def show_series(self, name: str, xs: Sequence[float], ys: Sequence[float]) -> None:
        """Show one series; the same name again replaces it."""
        line = self._lines.get(name)
        if line is None:
            words(self._empty, "", self.inks.muted, font=self.font())
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
        self._fit()

    def show_level(self, value: float | None, name: str = "") -> None:
        """A value to reach, as a dashed line with its name."""
        if (name, value) == (self._level_words, self._level_value):
            return
        self._level_words, self._level_value = name, value
        for item in (self._level, self._level_label):
            item.setVisible(value is not None)
        if value is not None:
            self._level.setValue(value)
        self.restyle()

    def say_empty(self, text: str) -> None:
        """What stands here until there is a line."""
        self._empty_words = text
        self.restyle()

    def clear_series(self) -> None:
        """Show nothing."""
        for line in self._lines.values():
            self.removeItem(line.curve)
            self.removeItem(line.label)
        self._lines.clear()
        self.restyle()

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
        words(self._empty, "" if self._lines else self._empty_words, found.muted, font=self.font())
        self._fit()

    def _fit(self) -> None:
        """Room for every line, the level and the words beside the ends; an empty plot has no numbers to show."""
        shown = [line for line in self._lines.values() if len(line.xs)]
        for axis in ("left", "bottom"):
            self.getPlotItem().getAxis(axis).setStyle(showValues=bool(shown))
        ys = [value for line in shown for value in (min(line.ys), max(line.ys))]
        ys += [] if self._level_value is None or not shown else [self._level_value]
        low, high = (min(ys), max(ys)) if ys else (0.0, 1.0)
        room = max(high - low, 1e-3 * max(abs(high), 1e-6))
        left = min((min(line.xs) for line in shown), default=0.0)
        right = max((max(line.xs) for line in shown), default=1.0)
        self.setYRange(low - 0.08 * room, high + 0.18 * room, padding=0)
        self.setXRange(left, max(right, left + 1), padding=0.02)
        self._empty.setPos((left + right) / 2, (low + high) / 2)
        if self._level_value is not None:
            self._level_label.setPos(left, self._level_value)
        for item in (self._level, self._level_label):
            item.setVisible(self._level_value is not None and bool(shown))

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
