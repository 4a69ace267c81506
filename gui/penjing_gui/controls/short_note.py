"""A note of a fixed number of lines: what does not fit ends in "…", and is whole in its tip and for screen readers."""

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget


class ShortNote(QLabel):
    """Plain text, wrapped at words; it never asks for another height, so nothing below it moves."""

    def __init__(self, lines: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._whole = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(lines * self.fontMetrics().lineSpacing())

    def say(self, text: str) -> None:
        """Another note."""
        if text != self._whole:
            self._whole = text
            self.setAccessibleName(text)
            self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width has room for more or fewer words."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        shown = self._whole
        if not self._fits(shown):
            least, most = 0, len(self._whole)
            while least < most:
                middle = (least + most + 1) // 2
                least, most = (middle, most) if self._fits(self._cut(middle)) else (least, middle - 1)
            shown = self._cut(least)
        self.setText(shown)
        self.setToolTip("" if shown == self._whole else self._whole)

    def _cut(self, length: int) -> str:
        return self._whole[:length].rstrip() + "…"

    def _fits(self, text: str) -> bool:
        room = QRect(0, 0, max(self.width(), 1), 1 << 20)
        return self.fontMetrics().boundingRect(room, Qt.TextFlag.TextWordWrap.value, text).height() <= self.height()
