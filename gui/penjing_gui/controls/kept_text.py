"""A label that keeps its own text: a new one paints it, and lays the window out only where it needs other room."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget


class KeptText(QLabel):
    """Plain text that changes with every move of a slider.

    A `QLabel` asks for a new layout with every text, and the whole window is laid out and painted for one digit. Here
    subclasses say in `fit` whether the text needs other room, and paint it.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = ""
        self.setTextFormat(Qt.TextFormat.PlainText)

    def text(self) -> str:
        """What is shown."""
        return self._text

    def setText(self, text: str) -> None:
        """Show a text; the same one costs nothing."""
        if text != self._text:
            self._text = text
            self.update()
            self.fit()

    def fit(self) -> None:
        """Ask for a new layout where the text needs other room."""
        raise NotImplementedError
