"""Several views of one thing, of which one is seen: a row of tabs with what belongs to it at its right end."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QStackedWidget, QTabBar, QVBoxLayout, QWidget

from penjing_gui.controls.identity import identify
from penjing_gui.theme import SPACE


class Views(QWidget):
    """Tabs over a stack; who is not seen is not drawn."""

    changed = Signal()
    """Another view is seen."""

    def __init__(self, identifier: str, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tabs = identify(QTabBar(), identifier, name)
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self._stack = QStackedWidget()
        self._corners = QStackedWidget()
        self._corners.setSizePolicy(self._corners.sizePolicy().Policy.Expanding, self.sizePolicy().Policy.Fixed)
        head = QHBoxLayout()
        head.setSpacing(SPACE)
        head.addWidget(self.tabs)
        head.addWidget(self._corners, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACE // 2, 0, SPACE // 2)
        layout.setSpacing(SPACE // 2)
        layout.addLayout(head)
        layout.addWidget(self._stack, 1)
        self.tabs.currentChanged.connect(self._show)

    def add(self, view: QWidget, title: str, *corner: QWidget, how: str = "") -> None:
        """One more view, with what stands at the right of the tabs while it is seen; a readout takes the room."""
        row = QWidget()
        inside = QHBoxLayout(row)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACE)
        taker = QSizePolicy.Policy.Ignored
        if not any(widget.sizePolicy().horizontalPolicy() == taker for widget in corner):
            inside.addStretch(1)
        for widget in corner:
            inside.addWidget(widget, int(widget.sizePolicy().horizontalPolicy() == taker))
        self._stack.addWidget(view)
        self._corners.addWidget(row)
        self.tabs.setTabToolTip(self.tabs.addTab(title), how)

    @property
    def current(self) -> QWidget:
        """The view that is seen."""
        found = self._stack.currentWidget()
        return self if found is None else found

    def _show(self, number: int) -> None:
        self._stack.setCurrentIndex(number)
        self._corners.setCurrentIndex(number)
        self.changed.emit()
