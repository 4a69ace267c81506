"""What a page says while it has nothing to show: what is missing and what to do, never a blank."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from penjing_gui.theme import SPACE


class Empty(QWidget):
    """A quiet sentence in the middle."""

    def __init__(self, text: str, hint: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = QLabel(text, textFormat=Qt.TextFormat.PlainText, alignment=Qt.AlignmentFlag.AlignCenter)
        self.hint = QLabel(hint, textFormat=Qt.TextFormat.PlainText, alignment=Qt.AlignmentFlag.AlignCenter)
        self.hint.setProperty("muted", True)
        layout = QVBoxLayout(self)
        layout.setSpacing(SPACE)
        layout.addStretch()
        for label in (self.text, self.hint):
            label.setWordWrap(True)
            layout.addWidget(label)
        layout.addStretch()

    def say(self, text: str, hint: str) -> None:
        """What is missing, and what to do."""
        self.text.setText(text)
        self.hint.setText(hint)


class Content(QWidget):
    """What a page shows; no text of it is squeezed where there is little room."""

    def heightForWidth(self, width: int) -> int:
        """The least that it can do with, where Qt would say what it likes best."""
        layout = self.layout()
        return -1 if layout is None else layout.totalMinimumHeightForWidth(width)


class Page(QStackedWidget):
    """A tab: its content once there is something to show, else what to do for it.

    In a window that is too small for the content it is scrolled.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.empty = Empty("", "")
        self.content = Content()
        self._room = QScrollArea(widgetResizable=True)
        self._room.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._room.setFrameShape(QFrame.Shape.NoFrame)
        self._room.setWidget(self.content)
        self.addWidget(self.empty)
        self.addWidget(self._room)

    def show_content(self, there: bool) -> None:
        """Show the content, or the empty state."""
        self.setCurrentWidget(self._room if there else self.empty)

    def say_empty(self, text: str, hint: str) -> None:
        """The words of the empty state."""
        self.empty.say(text, hint)


def heading(text: str) -> QLabel:
    """A quiet title within a page."""
    label = QLabel(text)
    font = label.font()
    font.setWeight(font.Weight.DemiBold)
    label.setFont(font)
    return label
