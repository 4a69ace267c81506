"""Lines that grow while somebody watches: loss and accuracy of a training, each named beside its end."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from penjing_gui.plots.canvas import SYMBOLS, Canvas, words

_GAP = 8
"""Pixels."""


@dataclass(kw_only=True)
class _Line:
    curve: pg.PlotDataItem
    label: pg.TextItem
    color: int
    xs: Sequence[float] = field(default_factory=tuple)
    ys: Sequence[float] = field(default_factory=tuple)

    @property
    def end(self) -> tuple[float, float]:
        """The last point that is a number."""
        points = [(float(x), float(y)) for x, y in zip(self.xs, self.ys, strict=True) if np.isfinite(y)]
        return points[-1] if points else (0.0, 0.0)


class Curves(Canvas):
    """Named series over one axis."""

    def __init__(self, parent: QWidget | None = None, *, markers: bool = False, unit: str = "") -> None:
        super().__init__(parent)
        self._markers, self._unit = markers, unit
        if markers:  # what has marks is counted in whole numbers
            self.getPlotItem().getAxis("bottom").tickSpacing = _whole_steps
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
            label = pg.TextItem(anchor=(0, 0.5))
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

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Words keep their distance in pixels."""
        super().resizeEvent(event)
        if self._begun:
            self._fit()

    def _fit(self) -> None:
        """Room for every line, the level and the words beside the ends; an empty plot has no numbers to show."""
        shown = [line for line in self._lines.values() if len(line.xs)]
        for axis in ("left", "bottom"):
            self.getPlotItem().getAxis(axis).setStyle(showValues=bool(shown))
        ys = [float(value) for line in shown for value in (np.nanmin(line.ys), np.nanmax(line.ys))]
        ys += [] if self._level_value is None or not shown else [self._level_value]
        low, high = (min(ys), max(ys)) if ys else (0.0, 1.0)
        room = max(high - low, 1e-3 * max(abs(high), 1e-6))
        low, high = low - 0.08 * room, high + 0.18 * room
        left = min((min(line.xs) for line in shown), default=0.0)
        right = max(max((max(line.xs) for line in shown), default=1.0), left + 1)
        self.setYRange(low, high, padding=0)
        box = self.getPlotItem().getViewBox()
        # Words stand to the right of the ends, within the plot.
        words_wide = max((line.label.boundingRect().width() for line in shown), default=0.0) + 2 * _GAP
        free = max(1 - words_wide / max(box.width(), 1.0), 0.3)
        wide = (right - left) / free
        self.setXRange(left - 0.02 * wide, left + wide, padding=0.0)
        self._spread(shown, low, high)
        self._empty.setPos((left + right) / 2, (low + high) / 2)
        if self._level_value is not None:
            self._level_label.setPos(left, self._level_value)
        for item in (self._level, self._level_label):
            item.setVisible(self._level_value is not None and bool(shown))

    def _spread(self, shown: "list[_Line]", low: float, high: float) -> None:
        """Words beside the ends, in the order of the ends and never one over the other."""
        pixel = (high - low) / max(self.getPlotItem().getViewBox().height(), 1.0)
        lowest = low
        for line in sorted(shown, key=lambda line: line.end[1]):
            height = line.label.boundingRect().height() * pixel
            at, end = line.end
            # The words' middle is at the end, or higher where that place is taken.
            lowest = max(end - height / 2, lowest)
            line.label.setPos(at, lowest + height / 2)
            lowest += 0.8 * height

    def _style(self, name: str, line: _Line) -> None:
        color = self.inks.series[line.color]
        line.curve.setPen(pg.mkPen(color, width=2))
        if self._markers:
            line.curve.setSymbol(SYMBOLS[line.color])
            line.curve.setSymbolSize(8)
            line.curve.setSymbolBrush(pg.mkBrush(color))
            line.curve.setSymbolPen(pg.mkPen(self.inks.surface))

    def _place(self, name: str, line: _Line) -> None:
        text = f"{name} {line.end[1]:.4g}{self._unit}" if len(line.xs) else ""
        words(line.label, text, self.inks.text, font=self.font())


def _whole_steps(low: float, high: float, size: float) -> list[tuple[float, float]]:
    """Distances of ticks that are whole numbers, some ten of them at most."""
    step = 1
    while (high - low) / step > 10:
        step *= 5 if str(step)[0] == "1" else 2
    return [(float(step), 0.0)]
