"""Lines of text that change with every move of a slider, and lay out the window only where they need other room."""

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from penjing_gui import theme
from penjing_gui.controls.kept_text import KeptText

_WRAPPED = Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
_WIDTH = 240
"""Pixels in which its height is guessed before it has a width."""
_ENDLESS = 1 << 20


class Remark(KeptText):
    """Plain text, wrapped at words, in the colour of its `tone` (`theme.set_tone`).

    As `Readout`, but of many lines: a number that changes within the same lines paints this widget alone.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._height = 0
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def hasHeightForWidth(self) -> bool:
        """As every text that is wrapped."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Of the lines at a width in pixels."""
        margins = self.contentsMargins()
        room = QRect(0, 0, max(width - margins.left() - margins.right(), 1), _ENDLESS)
        high = self.fontMetrics().boundingRect(room, _WRAPPED.value, self._text or " ").height()
        return high + margins.top() + margins.bottom()

    def sizeHint(self) -> QSize:
        """At the present width."""
        width = self.width() if self.testAttribute(Qt.WidgetAttribute.WA_Resized) else _WIDTH
        return QSize(_WIDTH, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        """One line, as narrow as may be."""
        return QSize(1, self.fontMetrics().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width may need other lines."""
        super().resizeEvent(event)
        self.fit()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The text alone."""
        found = theme.colors(self.palette())
        inks = {"warning": found.warning, "error": found.error, "good": found.good, "muted": found.muted}
        painter = QPainter(self)
        painter.setPen(QColor(inks.get(str(self.property("tone")), found.text)))
        painter.drawText(self.contentsRect(), _WRAPPED.value, self._text)
        painter.end()

    def fit(self) -> None:
        """Another number of lines needs another height."""
        high = self.heightForWidth(self.width())
        if high != self._height:
            self._height = high
            self.updateGeometry()
