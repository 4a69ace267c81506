"""An outline around what has the keyboard, where the style draws next to nothing: combos, sliders, flat buttons, plots.

It is there after keys moved the focus, and not after a click, which nobody has to look for.
"""

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QAbstractSlider,
    QApplication,
    QComboBox,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QToolButton,
    QWidget,
)
from shiboken6 import isValid

from penjing_gui import theme

_RINGED = (QComboBox, QAbstractSlider, QToolButton, QAbstractScrollArea)
_TAKING = (QSplitter, QStackedWidget, QTabWidget)
"""They would take a ring for one of their parts."""
_OUTSIDE = 2
"""Pixels."""


class FocusRing(QObject):
    """Of one window and its dialogs."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._ring: _Ring | None = None
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        app.focusChanged.connect(self._follow)

    def _follow(self, _: QWidget | None, now: QWidget | None) -> None:
        # A ring lies beside what it outlines, and goes with it.
        ring, self._ring = self._ring, None
        if ring is not None and isValid(ring):
            ring.hide()
            ring.deleteLater()
        if not isinstance(now, _RINGED) or self._window not in (now.window(), now.window().parentWidget()):
            return
        if now.window().testAttribute(Qt.WidgetAttribute.WA_KeyboardFocusChange):
            self._ring = _Ring(now)


class _Ring(QWidget):
    def __init__(self, around: QWidget) -> None:
        ground = around.parentWidget()
        while isinstance(ground, _TAKING):
            ground = ground.parentWidget()
        super().__init__(ground)
        self.setObjectName("focusRing")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._around = around
        around.installEventFilter(self)
        self._place()
        self.show()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """It has moved, or is gone."""
        if event.type() in (QEvent.Type.Move, QEvent.Type.Resize):
            self._place()
        elif event.type() == QEvent.Type.Hide:
            self.hide()
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        """The outline alone."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(theme.colors(self.palette()).accent), 2))
        painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), 4, 4)
        painter.end()

    def _place(self) -> None:
        ground, around = self.parentWidget(), self._around
        if ground is not None and isValid(around) and ground.isAncestorOf(around):
            area = QRect(around.mapTo(ground, QPoint(0, 0)), around.size())
            self.setGeometry(area.adjusted(-_OUTSIDE, -_OUTSIDE, _OUTSIDE, _OUTSIDE) & ground.rect())
            self.raise_()
