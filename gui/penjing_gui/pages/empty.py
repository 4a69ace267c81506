"""What a page says while it has nothing to show: what is missing and what to do, never a blank."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QStackedWidget, QVBoxLayout, QWidget

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


class Page(QStackedWidget):
    """A tab: its content once there is something to show, else what to do for it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.empty = Empty("", "")
        self.content = QWidget()
        self.addWidget(self.empty)
        self.addWidget(self.content)

    def show_content(self, there: bool) -> None:
        """Show the content, or the empty state."""
        self.setCurrentWidget(self.content if there else self.empty)

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
