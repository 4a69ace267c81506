"""Draws a row of values as a strip of colours in the cell of a table, with a mark over what goes."""

import numpy as np
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from penjing_gui import theme
from penjing_gui.criteria import Judged
from penjing_gui.plots.scale import shade

STRIP_ROLE = Qt.ItemDataRole.UserRole + 7
"""A `Judged` whose columns are in the order in which they are drawn."""
_MARK = 3.0

Index = QModelIndex | QPersistentModelIndex


class StripDelegate(QStyledItemDelegate):
    """One column of pixels, or more, for each filter."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """The cell, then the strip in it."""
        super().paint(painter, option, index)
        found = index.data(STRIP_ROLE)
        if not isinstance(found, Judged) or not len(found.strip):
            return
        area = QRectF(option.rect).adjusted(2, 3, -2, -3)
        painter.save()
        painter.drawImage(area.adjusted(0, 0, 0, -_MARK - 1), _image(found))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.colors(option.palette).series[4]))
        width, top = area.width() / len(found.gone), area.bottom() - _MARK
        for place in np.flatnonzero(found.gone).tolist():
            painter.drawRect(QRectF(area.left() + place * width, top, max(width - 0.5, 0.5), _MARK))
        painter.restore()


def _image(found: Judged) -> QImage:
    image = QImage(len(found.strip), 1, QImage.Format.Format_RGB32)
    for place, share in enumerate(found.strip.tolist()):
        image.setPixelColor(place, 0, shade(share))
    return image
