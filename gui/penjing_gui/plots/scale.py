"""The colours of a scale from little to much, the ink that is read on each, and the legend that tells them apart."""

import functools
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from penjing_gui.theme import colors

if TYPE_CHECKING:
    import pyqtgraph as pg

    from penjing_gui.settings import MapChoice

_BAR = 10
_LIGHT = 0.179
"""Relative luminance at which black and white are read equally well (WCAG: √(1.05 · 0.05) - 0.05)."""


_FILES = {"cividis": "cividis", "viridis": "viridis", "grey": "CET-L1"}
"""As pyqtgraph calls them."""


class Scale(QObject):
    """The colours that are used now, in the whole application."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.name: MapChoice = "cividis"

    def use(self, name: "MapChoice") -> None:
        """Take other colours; who draws with them draws again."""
        if name != self.name:
            self.name = name
            self.changed.emit()


SCALE = Scale()


def color_map() -> "pg.ColorMap":
    """The colours that are used now, as plots take them."""
    import pyqtgraph as pg

    return pg.colormap.get(_FILES[SCALE.name])


def shade(share: float) -> QColor:
    """The colour of a share 0..1; what lies beyond has the colour of the end."""
    return _shades(SCALE.name)[round(255 * min(max(share, 0.0), 1.0))]


def ink_on(ground: QColor) -> QColor:
    """Black or white, whatever is read better on a colour."""
    parts = (ground.redF(), ground.greenF(), ground.blueF())
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return QColor("#000000" if light > _LIGHT else "#FFFFFF")


class Legend(QWidget):
    """A bar of all colours between the words for its two ends."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ends = ("", "")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        SCALE.changed.connect(self.update)

    def show_ends(self, low: str, high: str) -> None:
        """The words; empty ones hide the bar, and leave its room."""
        if (low, high) != self._ends:
            self._ends = low, high
            self.setAccessibleDescription(f"{low} – {high}" if high else "")
            self.update()

    @property
    def ends(self) -> tuple[str, str]:
        """The words."""
        return self._ends

    def sizeHint(self) -> QSize:
        """A line of text high."""
        return QSize(160, self.fontMetrics().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Words, bar, words."""
        low, high = self._ends
        if not high:
            return
        painter = QPainter(self)
        painter.setPen(QColor(colors(self.palette()).muted))
        side, middle = self.rect(), Qt.AlignmentFlag.AlignVCenter
        painter.drawText(side, Qt.AlignmentFlag.AlignLeft | middle, low)
        painter.drawText(side, Qt.AlignmentFlag.AlignRight | middle, high)
        metrics = self.fontMetrics()
        left = metrics.horizontalAdvance(low) + 8
        width = self.width() - left - metrics.horizontalAdvance(high) - 8
        if width > 0:
            bar = QRectF(left, (self.height() - _BAR) / 2, width, _BAR)
            painter.drawImage(bar, _strip(SCALE.name))
        painter.end()


@functools.cache
def _shades(name: str) -> tuple[QColor, ...]:
    """In 256 steps."""
    table = color_map().getLookupTable(0.0, 1.0, 256)
    return tuple(QColor(*(int(part) for part in row[:3])) for row in table)


@functools.cache
def _strip(name: str) -> QImage:
    image = QImage(256, 1, QImage.Format.Format_RGB32)
    for place in range(256):
        image.setPixelColor(place, 0, shade(place / 255))
    return image
