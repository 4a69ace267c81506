"""A note of a fixed number of lines: what does not fit ends in "…", and is whole in its tip and for screen readers."""

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from penjing_gui import theme
from penjing_gui.controls.kept_text import KeptText

_WRAPPED = Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
_ENDLESS = 1 << 20


class ShortNote(KeptText):
    """Plain text, wrapped at words, in the colour of its `tone` (`theme.set_tone`).

    It never asks for another height, so nothing beside it moves: another text paints this widget alone.
    """

    def __init__(self, lines: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown = self._whole = ""
        self._high = lines * self.fontMetrics().lineSpacing()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def say(self, text: str, whole: str | None = None) -> None:
        """Another note; `whole` is what its tip says where the note itself leaves something out."""
        self._whole = text if whole is None else whole
        if text != self.text():
            self.setText(text)
        else:
            self._tell()
        if self._whole != self.accessibleName():
            self.setAccessibleName(self._whole)

    @property
    def shown(self) -> str:
        """What there is room for."""
        return self._shown

    def fit(self) -> None:
        """As much as there is room for."""
        shown = self._text
        if not self._fits(shown):
            least, most = 0, len(shown)
            while least < most:
                middle = (least + most + 1) // 2
                least, most = (middle, most) if self._fits(self._cut(middle)) else (least, middle - 1)
            shown = self._cut(least)
        self._shown = shown
        self._tell()

    def sizeHint(self) -> QSize:
        """Its lines, as wide as its layout makes it."""
        return QSize(0, self._high)

    def minimumSizeHint(self) -> QSize:
        """The same."""
        return self.sizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width has room for more or fewer words."""
        super().resizeEvent(event)
        self.fit()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The text alone."""
        found = theme.colors(self.palette())
        muted = found.muted if self.property("muted") else found.text
        inks = {"warning": found.warning, "error": found.error, "good": found.good, "muted": found.muted}
        painter = QPainter(self)
        painter.setPen(QColor(inks.get(str(self.property("tone")), muted)))
        painter.drawText(self.contentsRect(), _WRAPPED.value, self._shown)
        painter.end()

    def _tell(self) -> None:
        tip = "" if self._whole == self._shown else self._whole
        if tip != self.toolTip():
            self.setToolTip(tip)

    def _cut(self, length: int) -> str:
        return self._text[:length].rstrip() + "…"

    def _fits(self, text: str) -> bool:
        room = QRect(0, 0, max(self.width(), 1), _ENDLESS)
        return self.fontMetrics().boundingRect(room, _WRAPPED.value, text).height() <= self._high
