"""Runs as points, a figure against accuracy, with the Pareto line and the limit; hollow: does not fit the device."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from penjing_gui.plots.canvas import SYMBOLS, Canvas, words
from penjing_gui.plots.label_places import Box, Room, Spot, Wanted, places


@dataclass(frozen=True, kw_only=True)
class Point:
    """One run."""

    id: str
    name: str
    size: float
    """In the unit of the lower axis."""
    accuracy: float
    """As it is drawn; more is better unless `lower_is_better`."""
    fits: bool
    kind: int
    """Chooses colour and symbol."""
    tip: str = ""
    """Said while the mouse is over it: plain lines."""
    named: bool = True
    """Whether its name stands beside it; that of a chosen point always does."""


class Scatter(Canvas):
    """Points that can be chosen and applied."""

    chosen = Signal(str, bool)
    """Id, and whether it is added to what is chosen already (Ctrl)."""
    applied = Signal(str)
    """Double click."""
    limit_dragged = Signal(float, bool)
    """Where the limit is drawn to, in the unit of the lower axis; True when it is let go."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._points: Sequence[Point] = ()
        self._current: frozenset[str] = frozenset()
        self._limit: tuple[float, str] | None = None
        self._front = pg.PlotCurveItem()
        self._line = pg.InfiniteLine(angle=90, movable=True)
        self._line.setCursor(Qt.CursorShape.SizeHorCursor)
        self._line.sigDragged.connect(lambda line: self.limit_dragged.emit(line.value(), False))
        self._line.sigPositionChangeFinished.connect(lambda line: self.limit_dragged.emit(line.value(), True))
        self._line_name = pg.TextItem(anchor=(0, 0))
        self._dots = pg.ScatterPlotItem(pxMode=True, hoverable=True, tip=self._tip)
        self._labels: list[tuple[pg.TextItem, bool]] = []
        """Names, and whether they are of points that are chosen."""
        for item in (self._front, self._line, self._dots):
            self.addItem(item)
        self.addItem(self._line_name, ignoreBounds=True)
        self._lower, self._room = False, 0.5
        self._dots.sigClicked.connect(self._click)
        self.scene().sigMouseClicked.connect(self._double)
        self.getViewBox().sigResized.connect(self._place)
        self.begin()

    def show_points(
        self,
        points: Sequence[Point],
        current: frozenset[str],
        limit: tuple[float, str] | None = None,
        *,
        lower_is_better: bool = False,
        room: float = 0.5,
    ) -> None:
        """Show runs; `current` are ringed; `limit` is where the device ends, and what stands beside it.

        `room` is the least that is left free above and below the points.
        """
        self._lower, self._room = lower_is_better, room
        self._points, self._current, self._limit = points, current, limit
        self.restyle()

    def restyle(self) -> None:
        """Inks of the present palette."""
        found = self.inks
        front = pareto(self._points, lower_is_better=self._lower)
        self._front.setData([point.size for point in front], [point.accuracy for point in front])
        self._front.setPen(pg.mkPen(found.muted, width=1))
        spots = []
        for point in self._points:
            # More kinds than symbols: what was kept or tried among many has the colour of the house.
            color = found.series[point.kind] if point.kind < len(SYMBOLS) else found.accent
            current = point.id in self._current
            spots.append(
                {
                    "pos": (point.size, point.accuracy),
                    "data": point.id,
                    "symbol": SYMBOLS[point.kind % len(SYMBOLS)],
                    "size": 16 if current else 11 if point.named else 8,
                    "brush": pg.mkBrush(color if point.fits else found.surface),
                    "pen": pg.mkPen(found.text if current else color, width=2),
                }
            )
        self._dots.setData(spots)
        if self._points:
            low, high = min(p.accuracy for p in self._points), max(p.accuracy for p in self._points)
            room = max(0.15 * (high - low), self._room)
            self.setYRange(low - room, high + 1.5 * room, padding=0)
            right = 1.15 * max(p.size for p in self._points)
            self.setXRange(0, right, padding=0)
            self._draw_limit(right, high + 1.5 * room, found.error)
        else:
            self._draw_limit(0, 0, found.error)
        self._name(found.text)

    @property
    def limit(self) -> float | None:
        """Where the limit stands; None: none is drawn."""
        return float(self._line.value()) if self._line.isVisible() else None

    def _draw_limit(self, right: float, top: float, ink: str) -> None:
        shown = self._limit is not None and self._limit[0] <= right
        self._line.setVisible(shown)
        self._line_name.setVisible(shown)
        if self._limit is not None and shown:
            self._line.setPen(pg.mkPen(ink, width=1, style=Qt.PenStyle.DashLine))
            self._line.setHoverPen(pg.mkPen(ink, width=3))
            self._line.setBounds((0, right))
            self._line.setValue(self._limit[0])
            words(self._line_name, self._limit[1], ink, font=self.font())
            self._line_name.setAnchor(pg.Point(1 if self._limit[0] > 0.8 * right else 0, 0))
            self._line_name.setPos(self._limit[0], top)

    def _name(self, ink: str) -> None:
        for label, _ in self._labels:
            self.removeItem(label)
        self._labels = []
        names: dict[tuple[float, float], list[Point]] = {}
        for point in self._points:
            if point.named or point.id in self._current:
                names.setdefault((point.size, point.accuracy), []).append(point)
        for place, here in names.items():  # a plan that was just applied lies on its run: one label names both
            label = pg.TextItem()
            words(label, " · ".join(point.name for point in here), ink, font=self.font())
            label.setPos(*place)
            self.addItem(label, ignoreBounds=True)
            self._labels.append((label, any(point.id in self._current for point in here)))
        self._place()

    def _place(self) -> None:
        """Names beside their points, in pixels; what has no place is told at the mouse and in the table."""
        box = self.getViewBox()
        (left, right), (low, high) = self.viewRange()
        wide, tall = box.width() / (right - left), box.height() / (high - low)

        def pixel(x: float, y: float) -> Spot:
            return (x - left) * wide, (high - y) * tall

        front = pareto(self._points, lower_is_better=self._lower)
        corners = [pixel(point.size, point.accuracy) for point in front]
        lines = list(pairwise(corners))
        taken: list[Box] = []
        if self._line.isVisible():
            at = pixel(self._line.value(), high)[0]
            lines.append(((at, 0.0), (at, box.height())))
            name = self._line_name.boundingRect()
            start = at - self._line_name.anchor.x() * name.width()
            taken.append((start, 0.0, start + name.width(), name.height()))
        room = Room(
            area=(0.0, 0.0, box.width(), box.height()),
            points=[pixel(point.size, point.accuracy) for point in self._points],
            lines=lines,
            taken=taken,
        )
        wanted = []
        for label, needed in self._labels:
            size = label.boundingRect()
            place = pixel(label.pos().x(), label.pos().y())
            wanted.append(Wanted(at=place, size=(size.width(), size.height()), needed=needed))
        for (label, _), one, found in zip(self._labels, wanted, places(wanted, room), strict=True):
            label.setVisible(found is not None)
            if found is not None:
                label.setAnchor(pg.Point((one.at[0] - found[0]) / one.size[0], (one.at[1] - found[1]) / one.size[1]))

    def _tip(self, x: float, y: float, data: str) -> str:
        """What Qt shows at the mouse; names come from files and are never markup."""
        found = next((point for point in self._points if point.id == data), None)
        if found is None or not found.tip:
            return ""
        return (
            "<p style='white-space: pre-wrap'>" + "<br>".join(escape(line) for line in found.tip.splitlines()) + "</p>"
        )

    def _click(self, _: Any, spots: Sequence[Any], event: Any) -> None:
        if len(spots):
            more = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            self.chosen.emit(str(spots[0].data()), more)

    def _double(self, event: Any) -> None:
        if event.double():
            spots = self._dots.pointsAt(self._dots.mapFromScene(event.scenePos()))
            if len(spots):
                self.applied.emit(str(spots[0].data()))


def pareto(points: Sequence[Point], *, lower_is_better: bool = False) -> tuple[Point, ...]:
    """The points that no other beats in both, from small to large."""
    sign = -1 if lower_is_better else 1
    front: list[Point] = []
    for point in sorted(points, key=lambda point: (point.size, -sign * point.accuracy)):
        if not front or sign * point.accuracy > sign * front[-1].accuracy:
            front.append(point)
    return tuple(front)
