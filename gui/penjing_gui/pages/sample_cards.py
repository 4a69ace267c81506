"""A list of small cards side by side: the picture of a sample, and beside it its true class and what became of it."""

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QIcon, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QListView,
    QListWidget,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from penjing_gui import theme
from penjing_gui.thumbnails import MOST_SIDES

if TYPE_CHECKING:
    from penjing.worker.messages import DataSummary

PICTURE = QSize(84, 60)
LINES = Qt.ItemDataRole.UserRole + 2
"""Of an item: up to three lines; the first is the true class, the last is muted."""
_SIDE = 64
"""Pixels of each picture where several lie side by side."""
_GAP = 4
_WIDEST = 148
"""Pixels of the words."""
_MARGINS = "+10.0 → −10.0"
Index = QModelIndex | QPersistentModelIndex


def input_shapes(data: "DataSummary | None") -> tuple[tuple[int, ...], ...]:
    """Of what goes into each input, as the network takes it; nothing without data."""
    if data is None:
        return ()
    return (data.example_shape,) if data.card is None else tuple(one.shape for one in data.card.inputs)


def values_each(data: "DataSummary") -> int:
    """Numbers that an example has in all its inputs, at least 1."""
    return max(1, sum(math.prod(shape) for shape in input_shapes(data)))


def pictures_each(data: "DataSummary | None") -> int:
    """So many pictures of an example lie side by side."""
    return min(max(len(input_shapes(data)), 1), MOST_SIDES)


class SampleCards(QListWidget):
    """Cards in one row; the one that is chosen stays in sight."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setItemDelegate(_Card(self))
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setUniformItemSizes(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # One that comes and goes would move the cards.
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setHorizontalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.card, self.picture = QSize(), PICTURE
        self.fit_words(())

    def fit_words(self, names: tuple[str, ...], *, pictures: int = 1) -> None:
        """Make cards wide enough for the names of classes, within bounds, and for the pictures of several inputs."""
        wide = PICTURE.width() if pictures == 1 else pictures * _SIDE
        self.picture = QSize(wide, PICTURE.height())
        lines = [_MARGINS, *(f"→ {name}" for name in names)]
        words = min(max(self.fontMetrics().horizontalAdvance(line) for line in lines) + 2 * _GAP, _WIDEST)
        self.card = QSize(wide + words + 4 * _GAP, PICTURE.height() + 2 * _GAP)
        for row in range(self.count()):
            self.item(row).setSizeHint(self.card)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """As the class says."""
        super().resizeEvent(event)
        if (current := self.currentItem()) is not None:
            self.scrollToItem(current)


class _Card(QStyledItemDelegate):
    """Picture on the left, lines on the right."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """On the accent's soft ground where it is chosen."""
        found = theme.colors(option.palette)
        painter.save()
        room = option.rect.adjusted(1, 1, -2, -2)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(QColor(found.accent))
            painter.setBrush(QColor(found.accent_soft))
            painter.drawRoundedRect(room, 4, 4)
        icon = index.data(Qt.ItemDataRole.DecorationRole)
        cards = self.parent()
        size = cards.picture if isinstance(cards, SampleCards) else PICTURE
        place = QRect(QPoint(room.left() + _GAP, room.center().y() - size.height() // 2), size)
        if isinstance(icon, QIcon):
            painter.drawPixmap(place.topLeft(), icon.pixmap(size))
        lines = index.data(LINES) or ()
        left, wide = place.right() + 2 * _GAP, room.right() - place.right() - 3 * _GAP
        high = option.fontMetrics.lineSpacing()
        top = room.center().y() - len(lines) * high // 2
        for number, line in enumerate(lines):
            font = QFont(option.font)
            font.setWeight(QFont.Weight.DemiBold if number == 0 else QFont.Weight.Normal)
            painter.setFont(font)
            painter.setPen(QColor(found.muted if number == len(lines) - 1 > 0 else found.text))
            text = painter.fontMetrics().elidedText(line, Qt.TextElideMode.ElideRight, wide)
            painter.drawText(QRect(left, top + number * high, wide, high), Qt.AlignmentFlag.AlignVCenter, text)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """All cards are equal."""
        del option
        given = index.data(Qt.ItemDataRole.SizeHintRole)
        return given if isinstance(given, QSize) else PICTURE
