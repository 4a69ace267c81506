"""The boxes of the network: what one is, what it shows, how it is painted."""

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from penjing_gui.plots.scale import ink_on, shade
from penjing_gui.theme import Colors

Kind = Literal["weights", "plain", "kept", "port"]
"""With weights that can be compressed; without; kept whole for a reason; an input or output of the network."""

_LEGIBLE = 0.4
"""Below this zoom, texts are not drawn: nobody could read them."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """One box."""

    name: str
    title: str
    caption: str = ""
    """A second line."""
    kind: Kind
    inputs: tuple[str, ...] = ()
    tip: str = ""


class Looks:
    """What all boxes share."""

    def __init__(self, inks: Colors, font: QFont) -> None:
        self.take(inks, font)

    def take(self, inks: Colors, font: QFont) -> None:
        """Another theme or font."""
        self.inks = inks
        self.plain, self.strong = QFont(font), QFont(font)
        self.plain.setPixelSize(11)
        self.strong.setPixelSize(12)
        self.strong.setWeight(QFont.Weight.DemiBold)
        self.plain.setFeature(QFont.Tag("tnum"), 1)


class NodeBox(QGraphicsItem):
    """One node; it knows what it shows and paints it."""

    def __init__(self, node: Node, looks: Looks, area: QRectF, rank: int) -> None:
        super().__init__()
        self.node, self.rank = node, rank
        self._looks, self._area = looks, area
        self.share: float | None = None
        self.text = ""
        self.coupled = self._selected = self._current = self._cursor = False
        self._title = self._caption = ""
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
        self.setToolTip(node.tip)
        self.write()

    def write(self) -> None:
        """Cut the texts to the room there is; once, not at every painting."""
        room = self._area.width() - 14
        metrics, small = QFontMetricsF(self._looks.strong), QFontMetricsF(self._looks.plain)
        side = Qt.TextElideMode.ElideMiddle
        if self.node.caption:
            self._title = metrics.elidedText(self.node.title, side, room)
            left = room - (small.horizontalAdvance(self.text) + 6 if self.text else 0)
            self._caption = small.elidedText(self.node.caption, Qt.TextElideMode.ElideRight, left)
        else:
            left = room - (small.horizontalAdvance(self.text) + 6 if self.text else 0)
            self._title = small.elidedText(self.node.title, side, left)
        self.update()

    def show_value(self, share: float | None, text: str) -> None:
        """What is as it was is not painted again."""
        if (share, text) != (self.share, self.text):
            self.share, self.text = share, text
            self.write()

    def show_marks(self, *, selected: bool, current: bool, coupled: bool) -> None:
        """What is as it was is not painted again."""
        if (selected, current, coupled) != (self._selected, self._current, self.coupled):
            self._selected, self._current, self.coupled = selected, current, coupled
            self.update()

    def show_cursor(self, there: bool) -> None:
        """Where the cursor keys are."""
        self._cursor = there
        self.update()

    def boundingRect(self) -> QRectF:
        """With room for outlines."""
        return self._area.adjusted(-6, -6, 6, 6)

    def shape(self) -> QPainterPath:
        """The box alone can be clicked."""
        path = QPainterPath()
        path.addRect(self._area)
        return path

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Fill, outline, texts as far as they can be read."""
        inks, node, area = self._looks.inks, self.node, self._area
        ground = QColor(inks.surface) if self.share is None else shade(self.share)
        ink = QColor(inks.text) if self.share is None else ink_on(ground)
        strong = self._selected or self._current
        edge = QPen(QColor(inks.accent if strong else inks.muted), 2.5 if strong else 1.0)
        if node.kind == "kept":
            edge.setStyle(Qt.PenStyle.DashLine)
        painter.setPen(edge)
        painter.setBrush(ground)
        round_ = area.height() / 2 if node.kind == "port" else 5.0
        painter.drawRoundedRect(area, round_, round_)
        if node.kind == "kept":
            hatch = QColor(ink)
            hatch.setAlphaF(0.25)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QBrush(hatch, Qt.BrushStyle.BDiagPattern))
            painter.drawRoundedRect(area, round_, round_)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if self.coupled:
            painter.setPen(QPen(QColor(inks.series[4]), 2.5, Qt.PenStyle.DashLine))
            painter.drawRoundedRect(area.adjusted(-4, -4, 4, 4), 8, 8)
        if self._cursor:
            painter.setPen(QPen(QColor(inks.text), 1.5, Qt.PenStyle.DotLine))
            painter.drawRoundedRect(area.adjusted(-2, -2, 2, 2), 6, 6)
        if option.levelOfDetailFromTransform(painter.worldTransform()) < _LEGIBLE:
            return
        painter.setPen(ink)
        room = area.adjusted(7, 2, -7, -2)
        left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        middle = Qt.AlignmentFlag.AlignVCenter
        if node.caption:
            half = room.height() / 2
            painter.setFont(self._looks.strong)
            painter.drawText(QRectF(room.x(), room.y(), room.width(), half), left | middle, self._title)
            room = QRectF(room.x(), room.y() + half, room.width(), half)
            painter.setFont(self._looks.plain)
            painter.drawText(room, left | middle, self._caption)
        else:
            painter.setFont(self._looks.plain)
            centre = Qt.AlignmentFlag.AlignHCenter if not self.text else left
            painter.drawText(room, centre | middle, self._title)
        if self.text:
            painter.drawText(room, right | middle, self.text)
