"""Watches a window while values change: what moves, and which text or picture is empty for a moment."""

from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QEvent, QObject, QPoint
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QLabel, QScrollBar, QWidget

from penjing_gui.plots.canvas import Canvas
from tests.support import said

_FEW = 3
"""A picture of fewer colours shows nothing: its ground, and perhaps a frame."""
_STEP = 3


class Watcher(QObject):
    """An event filter of the whole application: whatever is painted elsewhere or in another size than at first.

    What layouts try and take back before anything is painted, nobody sees.
    """

    def __init__(self, window: QWidget, may_go: frozenset[str]) -> None:
        super().__init__()
        self._window = window
        self._may_go = may_go
        self.moved: list[str] = []
        self._places = {id(one): (one, _place(one, window)) for one in _seen(window)}
        self._texts = {id(one): one for one in _seen(window) if isinstance(one, QLabel) and one.text()}
        self._pictures = {id(one): one for one in _seen(window) if isinstance(one, Canvas) and _colours(one) >= _FEW}
        self.empty: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's own name)
        """What is painted; nothing is stopped."""
        if event.type() == QEvent.Type.Paint and isinstance(watched, QWidget) and id(watched) in self._places:
            now, before = _place(watched, self._window), self._places[id(watched)][1]
            if now != before:
                self.moved.append(f"{said.place(watched)}: {before} → {now}")
        return False

    def look(self) -> None:
        """What is empty now that was not at first: call it after every step."""
        QApplication.processEvents()
        for one, _ in self._places.values():
            if not one.isVisible() and one.accessibleIdentifier() not in self._may_go:
                self.empty.append(f"{said.place(one)} is gone")
        for label in self._texts.values():
            if label.isVisible() and not label.text() and label.accessibleIdentifier() not in self._may_go:
                self.empty.append(f"{said.place(label)} says nothing")
        for plot in self._pictures.values():
            if plot.isVisible() and _colours(plot) < _FEW:
                self.empty.append(f"{said.place(plot)} shows nothing")

    def told(self) -> list[str]:
        """What was wrong, each thing once."""
        now = [
            f"{said.place(one)}: {before} → {_place(one, self._window)} at the end"
            for one, before in self._places.values()
            if one.isVisible() and _place(one, self._window) != before
        ]
        return list(dict.fromkeys([*self.moved, *now, *self.empty]))


@contextmanager
def watching(window: QWidget, *, may_go: frozenset[str] = frozenset()) -> Iterator[Watcher]:
    """Watch a window during a block; `told` says what was wrong, but for what may become empty by its identifier."""
    for _ in range(5):
        QApplication.processEvents()
    watcher = Watcher(window, may_go)
    application = QApplication.instance()
    assert application is not None
    application.installEventFilter(watcher)
    try:
        yield watcher
    finally:
        application.removeEventFilter(watcher)


def _seen(window: QWidget) -> list[QWidget]:
    """All that can be seen in it, but scroll bars and what scrolls."""
    found = [one for one in window.findChildren(QWidget) if one.isVisible() and one.window() is window]
    return [one for one in found if not isinstance(one, QScrollBar) and not _scrolls(one)]


def _scrolls(widget: QWidget) -> bool:
    parent = widget.parentWidget()
    area = None if parent is None else parent.parentWidget()
    return isinstance(area, QAbstractScrollArea) and parent is area.viewport()


def _place(widget: QWidget, window: QWidget) -> tuple[int, int, int, int]:
    at = widget.mapTo(window, QPoint(0, 0))
    return at.x(), at.y(), widget.width(), widget.height()


def _colours(plot: QWidget) -> int:
    image = plot.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    found = {image.pixel(x, y) for x in range(0, image.width(), _STEP) for y in range(0, image.height(), _STEP)}
    return len(found)
