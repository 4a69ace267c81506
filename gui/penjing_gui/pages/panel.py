"""One view of the plan in the lower strip of Explore, drawn only while it can be seen."""

from typing import TYPE_CHECKING

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from penjing_gui.theme import SPACE

if TYPE_CHECKING:
    from penjing_gui.session import Session


class Panel(QWidget):
    """One tab: says what changed with `refresh`, draws in `show_now`, which runs only while somebody sees it."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self._stale = True
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, SPACE // 2, 0, 0)
        self.column.setSpacing(SPACE // 2)

    def title(self) -> str:
        """Of the tab."""
        raise NotImplementedError

    def how(self) -> str:
        """How what it shows is found out, and of what kind it is: the tip of its tab."""
        return ""

    def show_now(self) -> None:
        """Read the session and draw."""
        raise NotImplementedError

    def refresh(self, *_: object) -> None:
        """What is shown changed: draw now, or when the tab is next seen."""
        self._stale = not self.isVisible()
        if not self._stale:
            self.show_now()

    def showEvent(self, event: QShowEvent) -> None:
        """What changed meanwhile is drawn."""
        super().showEvent(event)
        if self._stale:
            self._stale = False
            self.show_now()
