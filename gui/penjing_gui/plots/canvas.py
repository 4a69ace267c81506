"""The ground of every plot: inks from the palette, labelled axes, no boxes, nothing to zoom by accident."""

import math

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, QSizeF
from PySide6.QtGui import QColor, QContextMenuEvent, QFont, QFontMetricsF, QPainter
from PySide6.QtWidgets import QGraphicsItem, QWidget

from penjing_gui.plots.scale import SCALE
from penjing_gui.theme import Colors, colors
from penjing_gui.words import minus

SYMBOLS = ("o", "s", "t1", "d", "+", "x")
"""The second cue of each series, in the order of its colours."""


def faded(color: str, alpha: float) -> QColor:
    """The same colour, seen through."""
    result = QColor(color)
    result.setAlphaF(alpha)
    return result


class Axis(pg.AxisItem):  # type: ignore[misc]
    """An axis whose numbers below zero have a true minus."""

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        """As pyqtgraph writes them otherwise."""
        return [minus(text) for text in super().tickStrings(values, scale, spacing)]


class Canvas(pg.PlotWidget):  # type: ignore[misc]
    """A plot that follows the palette; subclasses draw in `restyle`, which also runs at every change of theme."""

    _begun = False
    _named: tuple[str, str] | None = None

    def __init__(self, parent: QWidget | None = None) -> None:
        axes = {side: Axis(side) for side in ("left", "bottom")}
        super().__init__(parent, background=None, axisItems=axes)
        self.setFrameShape(self.Shape.NoFrame)
        self.setMinimumHeight(96)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setMouseEnabled(x=False, y=False)
        item = self.getPlotItem()
        item.setContentsMargins(4, 4, 12, 2)
        for name in ("left", "bottom"):
            axis = item.getAxis(name)
            axis.setStyle(tickLength=-4, hideOverlappingLabels=True)
            axis.enableAutoSIPrefix(False)
            # The grid makes an axis as large as the plot: drawn once, then copied as long as it does not change.
            axis.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)

    @property
    def inks(self) -> Colors:
        """The colours of the present palette."""
        return colors(self.palette())

    def begin(self) -> None:
        """What a subclass calls when all its items are there."""
        self._begun = True
        SCALE.changed.connect(self.restyle)
        self._style_axes()
        self.restyle()

    def name_axes(self, bottom: str, left: str) -> None:
        """What the axes count, with units; colours come from `restyle`."""
        if (bottom, left) == self._named:
            return
        self._named = bottom, left
        self.setLabel("bottom", bottom)
        self.setLabel("left", left)
        if self._begun:
            self._style_axes()

    def picture_size(self) -> QSize:
        """Of the plot in a file, in pixels of the screen."""
        return QSize(self.width(), self.height())

    def draw_picture(self, painter: QPainter) -> None:
        """The plot as it is seen."""
        # Drawn from lines, not from cached pixels, which are cut wrongly in a file of lines.
        drawn = [one for one in self.scene().items() if isinstance(one, pg.GraphicsItem)]
        for one in drawn:
            one.setExportMode(True, {"painter": painter, "antialias": True, "resolutionScale": 1.0})
        try:
            # Without a target Qt fills the device's own pixels, of which a dense picture has more than the plot.
            self.render(painter, QRectF(QPointF(0, 0), QSizeF(self.picture_size())), self.viewport().rect())
        finally:
            for one in drawn:
                one.setExportMode(False)

    def restyle(self) -> None:
        """Draw everything again in the inks of the present palette."""

    def close(self) -> bool:
        """As any widget: pyqtgraph would take the scene apart while events for it are on their way, and crash."""
        return QWidget.close(self)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """The window knows what can be done with a plot; pyqtgraph's own menu is English and for programmers."""
        event.ignore()

    def changeEvent(self, event: QEvent) -> None:
        """A new palette restyles the plot."""
        super().changeEvent(event)
        if self._begun and event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self._style_axes()
            self.restyle()

    def _style_axes(self) -> None:
        found = self.inks
        self.setBackground(found.surface)
        font = QFont(self.font())
        for name in ("left", "bottom"):
            axis = self.getPlotItem().getAxis(name)
            axis.setPen(pg.mkPen(found.border))
            axis.setTextPen(pg.mkPen(found.muted))
            axis.setTickFont(font)
            axis.label.setFont(font)
        # What pyqtgraph measures is four fifths of a line, which cuts what hangs below it: p, q, y.
        height = math.ceil(QFontMetricsF(font).height())
        self.getPlotItem().getAxis("bottom").setStyle(autoExpandTextSpace=False, tickTextHeight=height)
        self.showGrid(x=False, y=True, alpha=0.12)


def words(item: pg.TextItem, text: str, color: str, *, font: QFont) -> None:
    """Give a text of the plot plain words: names come from files and are never markup.

    What is as it was is left alone, as each of the three lays the text out anew.
    """
    if item.color != QColor(color):
        item.setColor(color)
    if item.textItem.font() != font:
        item.setFont(font)
    if item.toPlainText() != text:
        item.setPlainText(text)
