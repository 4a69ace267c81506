"""Draws the pictures of a worked example side by side: small matrices with their numbers, and bars with their names."""

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from penjing_gui import theme, words
from penjing_gui.learn.worked import Bars, Grid, Picture, number

_TITLE = 22
_HEIGHT = 190
_GAP = 20
_CELL = 60
_AIR = 6
"""Pixels beside the number of a cell."""
_ROW = 17
_NAME = 84


class PictureView(QWidget):
    """As wide as there is room; the numbers are also said to assistive tools."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pictures: Sequence[Picture] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_pictures(self, pictures: Sequence[Picture]) -> None:
        """Draw these."""
        self._pictures = pictures
        self.setAccessibleDescription("; ".join(_told(one) for one in pictures))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """High enough for the tallest."""
        tallest = max((_height(one) for one in self._pictures), default=_HEIGHT)
        return QSize(480, _TITLE + tallest + 4)

    def changeEvent(self, event: QEvent) -> None:
        """Colours follow the theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """One column a picture."""
        if not self._pictures:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        found = theme.colors(self.palette())
        width = (self.width() - _GAP * (len(self._pictures) - 1)) / len(self._pictures)
        for index, picture in enumerate(self._pictures):
            left = index * (width + _GAP)
            painter.setPen(QColor(found.muted))
            metrics = painter.fontMetrics()
            title = metrics.elidedText(picture.title, Qt.TextElideMode.ElideRight, int(width))
            painter.drawText(QRectF(left, 0, width, _TITLE - 4), Qt.AlignmentFlag.AlignLeft, title)
            area = QRectF(left, _TITLE, width, self.height() - _TITLE)
            if isinstance(picture, Grid):
                _draw_grid(painter, area, picture, found)
            else:
                _draw_bars(painter, area, picture, found)
        painter.end()


def _draw_grid(painter: QPainter, area: QRectF, grid: Grid, found: theme.Colors) -> None:
    rows, columns = grid.values.shape
    if not rows or not columns:
        return
    cell = min(_CELL, area.width() / columns, (_HEIGHT - 4) / rows)
    largest = max(float(np.abs(grid.values).max()), 1e-30)
    painter.save()
    font = painter.font()
    said = [_cell_words(grid, place) for place in np.ndindex(rows, columns)] if grid.numbers else [""]
    widest = max(painter.fontMetrics().horizontalAdvance(text) for text in said)
    if widest > cell - _AIR:  # as small as it must be for its cell
        font.setPixelSize(max(int(painter.fontInfo().pixelSize() * (cell - _AIR) / widest), 1))
        painter.setFont(font)
    for row in range(rows):
        for column in range(columns):
            value = float(grid.values[row, column])
            gone = grid.gone is not None and bool(grid.gone[row, column])
            box = QRectF(area.left() + column * cell, area.top() + row * cell, cell - 1, cell - 1)
            shade = QColor(found.accent if value >= 0 else found.series[1])
            shade.setAlphaF(0.08 + 0.55 * abs(value) / largest)
            painter.fillRect(box, QColor(found.surface))
            if gone:
                painter.fillRect(box, QBrush(QColor(found.border), Qt.BrushStyle.BDiagPattern))
            else:
                painter.fillRect(box, shade)
            if grid.numbers:
                painter.setPen(QColor(found.muted if gone else found.text))
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, _cell_words(grid, (row, column)))
    painter.restore()


def _cell_words(grid: Grid, place: tuple[int, ...]) -> str:
    value = float(grid.values[place])
    if grid.whole:
        return words.minus(f"{int(value)}")
    return "0" if grid.gone is not None and grid.gone[place] else number(value)


def _draw_bars(painter: QPainter, area: QRectF, bars: Bars, found: theme.Colors) -> None:
    largest = max((abs(value) for value in bars.values), default=0.0) or 1.0
    metrics = painter.fontMetrics()
    name = min(max(_NAME, area.width() / 4), max((metrics.horizontalAdvance(one) for one in bars.names), default=0) + 6)
    value_room = max((metrics.horizontalAdvance(_bar_words(value)) for value in bars.values), default=0) + 6
    room = max(area.width() - name - value_room, 10)
    for index, (title, value) in enumerate(zip(bars.names, bars.values, strict=True)):
        top = area.top() + index * _ROW
        gone = index < len(bars.gone) and bars.gone[index]
        painter.setPen(QColor(found.muted))
        shown = metrics.elidedText(title, Qt.TextElideMode.ElideRight, int(name - 4))
        painter.drawText(QRectF(area.left(), top, name, _ROW), Qt.AlignmentFlag.AlignVCenter, shown)
        bar = QRectF(area.left() + name, top + 3, room * abs(value) / largest, _ROW - 6)
        if gone:
            painter.setPen(QPen(QColor(found.border)))
            painter.setBrush(QBrush(QColor(found.muted), Qt.BrushStyle.BDiagPattern))
            painter.drawRect(bar)
            painter.setBrush(Qt.BrushStyle.NoBrush)
        else:
            painter.fillRect(bar, QColor(found.accent))
        painter.setPen(QColor(found.text))
        painter.drawText(
            QRectF(bar.right() + 4, top, value_room, _ROW), Qt.AlignmentFlag.AlignVCenter, _bar_words(value)
        )


def _bar_words(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else number(value)


def _height(picture: Picture) -> int:
    if isinstance(picture, Bars):
        return _ROW * len(picture.names)
    rows = max(int(picture.values.shape[0]), 1)
    return min(_HEIGHT, _CELL * rows)


def _told(picture: Picture) -> str:
    if isinstance(picture, Bars):
        pairs = zip(picture.names, picture.values, strict=True)
        return f"{picture.title}: " + ", ".join(f"{name} {_bar_words(value)}" for name, value in pairs)
    if not picture.numbers:
        return picture.title
    return f"{picture.title}: " + "; ".join(" ".join(number(float(value)) for value in row) for row in picture.values)
