"""Runs as points, size against accuracy, with the Pareto line; hollow: does not fit the device."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from penjing_gui.plots.canvas import SYMBOLS, Canvas, words


@dataclass(frozen=True, kw_only=True)
class Point:
    """One run."""

    id: str
    name: str
    size: float
    """KiB."""
    accuracy: float
    """Percent."""
    fits: bool
    kind: int
    """Chooses colour and symbol."""


class Scatter(Canvas):
    """Points that can be chosen and applied."""

    chosen = Signal(str)
    applied = Signal(str)
    """Double click."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._points: Sequence[Point] = ()
        self._current: str | None = None
        self._front = pg.PlotCurveItem()
        self._dots = pg.ScatterPlotItem(pxMode=True)
        self._labels: list[pg.TextItem] = []
        self.addItem(self._front)
        self.addItem(self._dots)
        self._dots.sigClicked.connect(self._click)
        self.scene().sigMouseClicked.connect(self._double)
        self.begin()

    def show_points(self, points: Sequence[Point], current: str | None) -> None:
        """Show runs; `current` is ringed."""
        self._points, self._current = points, current
        self.restyle()

    def restyle(self) -> None:
        """Inks of the present palette."""
        found = self.inks
        front = pareto(self._points)
        self._front.setData([point.size for point in front], [point.accuracy for point in front])
        self._front.setPen(pg.mkPen(found.muted, width=1))
        spots = []
        for point in self._points:
            color = found.series[point.kind % len(SYMBOLS)]
            current = point.id == self._current
            spots.append(
                {
                    "pos": (point.size, point.accuracy),
                    "data": point.id,
                    "symbol": SYMBOLS[point.kind % len(SYMBOLS)],
                    "size": 16 if current else 11,
                    "brush": pg.mkBrush(color if point.fits else found.surface),
                    "pen": pg.mkPen(found.text if current else color, width=2),
                }
            )
        self._dots.setData(spots)
        self._name(found.text)
        if self._points:
            low, high = min(p.accuracy for p in self._points), max(p.accuracy for p in self._points)
            room = max(0.15 * (high - low), 0.5)
            self.setYRange(low - room, high + 1.5 * room, padding=0)
            self.setXRange(0, 1.15 * max(p.size for p in self._points), padding=0)

    def _name(self, ink: str) -> None:
        for label in self._labels:
            self.removeItem(label)
        self._labels = []
        for point in self._points:
            label = pg.TextItem(anchor=(0.5, 1.3))
            words(label, point.name, ink, font=self.font())
            label.setPos(point.size, point.accuracy)
            self.addItem(label, ignoreBounds=True)
            self._labels.append(label)

    def _click(self, _: Any, spots: Sequence[Any], *__: Any) -> None:
        if len(spots):
            self.chosen.emit(str(spots[0].data()))

    def _double(self, event: Any) -> None:
        if event.double():
            spots = self._dots.pointsAt(self._dots.mapFromScene(event.scenePos()))
            if len(spots):
                self.applied.emit(str(spots[0].data()))


def pareto(points: Sequence[Point]) -> tuple[Point, ...]:
    """The points that no other beats in both, from small to large."""
    front: list[Point] = []
    for point in sorted(points, key=lambda point: (point.size, -point.accuracy)):
        if not front or point.accuracy > front[-1].accuracy:
            front.append(point)
    return tuple(front)
