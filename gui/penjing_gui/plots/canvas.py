"""The ground that every plot is drawn on: inks from the palette, labelled axes, no boxes, nothing to zoom by accident."""

from dataclasses import dataclass

import pyqtgraph as pg
from PySide6.QtCore import QEvent
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QWidget

SERIES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
"""Okabe & Ito 2008, without the yellow and the black that vanish on one of the papers."""
SYMBOLS = ("o", "s", "t1", "d", "+", "x")
"""The second cue of each series."""


@dataclass(frozen=True)
class Inks:
    """The colours of one palette."""

    paper: QColor
    ink: QColor
    faint: QColor
    """What is said in passing: axes, ghosts; still readable."""
    accent: QColor
    dark: bool


def inks(palette: QPalette) -> Inks:
    """The inks that go with a palette."""
    paper = palette.color(QPalette.ColorRole.Base)
    ink = palette.color(QPalette.ColorRole.Text)
    accent = palette.color(QPalette.ColorRole.Highlight)
    return Inks(paper, ink, _mixed(ink, paper, 0.42), accent, paper.lightness() < 128)


def faded(color: QColor, alpha: float) -> QColor:
    """The same colour, seen through."""
    result = QColor(color)
    result.setAlphaF(alpha)
    return result


class Canvas(pg.PlotWidget):  # type: ignore[misc]
    """A plot that follows the palette; subclasses draw in `restyle`, which also runs at every change of theme."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, background=None)
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

    @property
    def inks(self) -> Inks:
        """Of the present palette."""
        return inks(self.palette())

    def name_axes(self, bottom: str, left: str) -> None:
        """What the axes count, with units; colours come from `restyle`."""
        self.setLabel("bottom", bottom)
        self.setLabel("left", left)
        self._style_axes()

    def restyle(self) -> None:
        """Draw everything again in the inks of the present palette."""

    def changeEvent(self, event: QEvent) -> None:
        """A new palette restyles the plot."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self._style_axes()
            self.restyle()

    def _style_axes(self) -> None:
        found = self.inks
        self.setBackground(found.paper)
        font = QFont(self.font())
        for name in ("left", "bottom"):
            axis = self.getPlotItem().getAxis(name)
            axis.setPen(pg.mkPen(faded(found.faint, 0.6)))
            axis.setTextPen(pg.mkPen(found.faint))
            axis.setTickFont(font)
            axis.label.setFont(font)
        self.showGrid(x=False, y=True, alpha=0.12)


def words(item: pg.TextItem, text: str, color: QColor, *, font: QFont) -> None:
    """Give a text of the plot plain words: names come from files and are never markup."""
    item.setColor(color)
    item.setFont(font)
    item.setPlainText(text)


def _mixed(one: QColor, other: QColor, share: float) -> QColor:
    return QColor.fromRgbF(
        *(a + (b - a) * share for a, b in zip(one.getRgbF()[:3], other.getRgbF()[:3], strict=True))  # type: ignore[arg-type]
    )
