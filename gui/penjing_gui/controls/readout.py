"""A line of text that changes with every move of a slider: a new text paints this widget and lays nothing out."""

import math
from typing import Literal

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from penjing_gui import theme
from penjing_gui.controls.kept_text import KeptText

Tone = Literal["plain", "muted", "alarming"]


class Readout(KeptText):
    """One line in digits of equal widths; what is too long ends in an ellipsis.

    It keeps its place: as wide as its layout makes it, or with `grows` as wide as its widest text so far.
    """

    def __init__(
        self, text: str = "", parent: QWidget | None = None, *, grows: bool = False, padding: QSize | None = None
    ) -> None:
        """`padding` is what it leaves free left and right, above and below: some parents take margins away."""
        super().__init__(parent)
        self._padding = padding or QSize(0, 0)
        self._grows, self._widest = grows, 0
        self._tone: Tone = "plain"
        font = self.font()
        font.setFeature(QFont.Tag("tnum"), 1)
        self.setFont(font)
        width = QSizePolicy.Policy.Minimum if grows else QSizePolicy.Policy.Ignored
        self.setSizePolicy(width, QSizePolicy.Policy.Fixed)
        self.setText(text)

    def fit(self) -> None:
        """One that `grows` never becomes narrower again."""
        if self._grows:
            self.make_room_for(self._text)

    def make_room_for(self, text: str) -> None:
        """Be wide enough for a text from now on: one that grows later moves what stands beside it."""
        # Rounded down, a text would not fit into its own width.
        width = math.ceil(QFontMetricsF(self.font()).horizontalAdvance(text))
        if width > self._widest:
            self._widest = width
            self.updateGeometry()

    def say(self, text: str, accessible: str, tone: Tone = "plain") -> None:
        """Show a text in a tone; assistive tools hear `accessible`."""
        self.setText(text)
        if tone != self._tone:
            self._tone = tone
            self.update()
        if accessible != self.accessibleName():
            self.setAccessibleName(accessible)

    @property
    def tone(self) -> Tone:
        """How the text is meant."""
        return self._tone

    def sizeHint(self) -> QSize:
        """A line high."""
        margins = self.contentsMargins()
        width = self._widest + margins.left() + margins.right()
        height = self.fontMetrics().height() + margins.top() + margins.bottom()
        return QSize(width + 2 * self._padding.width(), height + 2 * self._padding.height())

    def minimumSizeHint(self) -> QSize:
        """The same."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The text alone."""
        found = theme.colors(self.palette())
        muted = self._tone == "muted" or bool(self.property("muted"))
        ink = found.error if self._tone == "alarming" else found.muted if muted else found.text
        painter = QPainter(self)
        if self._tone == "alarming":
            font = self.font()
            font.setWeight(QFont.Weight.DemiBold)
            painter.setFont(font)
        painter.setPen(QColor(ink))
        across, down = self._padding.width(), self._padding.height()
        place = self.contentsRect().adjusted(across, down, -across, -down)
        shown = painter.fontMetrics().elidedText(self._text, Qt.TextElideMode.ElideRight, place.width())
        painter.drawText(place, self.alignment() | Qt.TextFlag.TextSingleLine, shown)
        painter.end()
