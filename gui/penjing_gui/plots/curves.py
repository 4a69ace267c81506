"""Lines that grow while somebody watches: loss and accuracy of a training, each named beside its end."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QTimer
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QWidget

from penjing_gui.plots.canvas import SYMBOLS, Canvas, words

_GAP = 8
"""Pixels."""
_FRAME = 0.25
"""Seconds between two drawings at least: what grows for minutes is watched, not followed with the hand."""
_EMPTIEST = 0.6
"""Share of the room that lines take at least; as long as they take it, the axes stay as they are."""
_ROOMIER = 1.3
"""Times the room that the lines need, where the axes had to change."""

Points = NDArray[np.float64]


@dataclass(kw_only=True)
class _Line:
    curve: pg.PlotDataItem
    label: pg.TextItem
    color: int
    told: tuple[Sequence[float], Sequence[float]] = ((), ())
    """What is to be drawn; `xs` and `ys` are what is drawn."""
    xs: Points = field(default_factory=lambda: np.zeros(0))
    ys: Points = field(default_factory=lambda: np.zeros(0))

    @property
    def end(self) -> tuple[float, float]:
        """The last point that is a number."""
        known = np.flatnonzero(np.isfinite(self.ys[::-1]))
        at = len(self.ys) - 1 - int(known[0]) if len(known) else -1
        return (float(self.xs[at]), float(self.ys[at])) if len(known) else (0.0, 0.0)


class Curves(Canvas):
    """Named series over one axis.

    What comes several times a frame is drawn once, and not at all while nobody sees it. Axes change only where lines
    leave them or shrink in them: a new point then paints its line and its words alone.
    """

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
        self._stale, self._drawn_at = False, 0.0
        self._axes: tuple[float, float, float, float] | None = None
        """left, right, low, high; None where they must be found anew."""
        self._numbered: bool | None = None
        self._frame = QTimer(self, singleShot=True)
        self._frame.timeout.connect(self._draw_if_seen)
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
        line.told = xs, ys
        self._stale = True
        if self.isVisible() and not self._frame.isActive():
            left = self._drawn_at + _FRAME - time.monotonic()
            self._frame.start(max(0, round(1000 * left)))

    def set_unit(self, unit: str) -> None:
        """What stands behind numbers."""
        self._unit = unit

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
        """What is shown of one series, or will be in the next frame."""
        return self._lines[name].told[1] if name in self._lines else ()

    def restyle(self) -> None:
        """Pens and words of the present palette."""
        for name, line in self._lines.items():
            self._style(name, line)
            self._place(name, line)
        found = self.inks
        self._level.setPen(pg.mkPen(found.muted, style=pg.QtCore.Qt.PenStyle.DashLine))
        words(self._level_label, self._level_words, found.muted, font=self.font())
        words(self._empty, "" if self._lines else self._empty_words, found.muted, font=self.font())
        self._axes = None
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Words keep their distance in pixels."""
        super().resizeEvent(event)
        if self._begun:
            self._axes = None
            self._fit()

    def showEvent(self, event: QShowEvent) -> None:
        """What came meanwhile is drawn."""
        super().showEvent(event)
        self._draw_if_seen()

    def _draw_if_seen(self) -> None:
        if not self._stale or not self.isVisible():
            return
        self._stale, self._drawn_at = False, time.monotonic()
        for name, line in self._lines.items():
            xs, ys = (np.asarray(told, float) for told in line.told)
            if not (np.array_equal(xs, line.xs) and np.array_equal(ys, line.ys, equal_nan=True)):
                line.xs, line.ys = xs, ys
                line.curve.setData(xs, ys)
                self._place(name, line)
        self._fit()

    def _fit(self) -> None:
        """Room for every line, the level and the words beside the ends; an empty plot has no numbers to show."""
        shown = [line for line in self._lines.values() if np.isfinite(line.ys).any()]
        if bool(shown) != self._numbered:
            self._numbered = bool(shown)
            for axis in ("left", "bottom"):
                self.getPlotItem().getAxis(axis).setStyle(showValues=self._numbered)
        ys = [float(value) for line in shown for value in (np.nanmin(line.ys), np.nanmax(line.ys))]
        ys += [] if self._level_value is None or not shown else [self._level_value]
        low, high = (min(ys), max(ys)) if ys else (0.0, 1.0)
        left = min((float(line.xs[0]) for line in shown), default=0.0)
        right = max(max((float(line.xs[-1]) for line in shown), default=1.0), left + 1)
        # Words stand to the right of the ends, within the plot.
        words_wide = max((line.label.boundingRect().width() for line in shown), default=0.0) + 2 * _GAP
        free = max(1 - words_wide / max(self.getPlotItem().getViewBox().width(), 1.0), 0.3)
        if self._axes is None or not self._have_room(self._axes, (left, right, low, high), free):
            self._axes = _axes((left, right, low, high), free, grows=self._axes is not None)
            self.setYRange(*self._axes[2:], padding=0)
            self.setXRange(*self._axes[:2], padding=0)
        self._spread(shown, *self._axes[2:])
        self._empty.setPos((left + right) / 2, (low + high) / 2)
        if self._level_value is not None:
            self._level_label.setPos(left, self._level_value)
        for item in (self._level, self._level_label):
            item.setVisible(self._level_value is not None and bool(shown))

    def _have_room(
        self, axes: tuple[float, float, float, float], lines: tuple[float, float, float, float], free: float
    ) -> bool:
        """Whether lines fit into the axes, with their words, and do not look lost in them."""
        (left, right, low, high), (first, last, lowest, highest) = axes, lines
        wide, tall = free * (right - left), high - low
        within = left <= first and last <= left + wide and low <= lowest and highest <= high - 0.05 * tall
        return within and last - first >= _EMPTIEST * wide and highest - lowest >= _EMPTIEST * tall

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


def _axes(lines: tuple[float, float, float, float], free: float, *, grows: bool) -> tuple[float, float, float, float]:
    """Left, right, low and high of axes around lines, with room to grow for those that do."""
    left, right, low, high = lines
    tall = max(high - low, 1e-3 * max(abs(high), 1e-6))
    wide = (right - left) * (_ROOMIER if grows else 1.0) / free
    return left - 0.02 * wide, left + wide, low - 0.08 * tall, high + 0.18 * tall


def _whole_steps(low: float, high: float, size: float) -> list[tuple[float, float]]:
    """Distances of ticks that are whole numbers, some ten of them at most."""
    step = 1
    while (high - low) / step > 10:
        step *= 5 if str(step)[0] == "1" else 2
    return [(float(step), 0.0)]
