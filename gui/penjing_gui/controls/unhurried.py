"""What is counted beside a slider that moves: a little in every turn of the event loop, so that no hand feels it."""

import time
from collections.abc import Callable, Iterator

from PySide6.QtCore import QObject, QTimer

_SOONEST = 40
"""Milliseconds between two beginnings at most: the eye reads no faster."""
_SHARE = 4
"""At most one part in this many of the time goes into counting."""


class Unhurried(QObject):
    """Runs a generator piece by piece, and again from its beginning if it was asked for meanwhile."""

    def __init__(self, begin: Callable[[], Iterator[None]], parent: QObject) -> None:
        super().__init__(parent)
        self._begin = begin
        self._pieces: Iterator[None] | None = None
        self._again = False
        self._spent = 0.0
        self._soon = QTimer(self, singleShot=True, interval=_SOONEST)
        self._soon.timeout.connect(self._start)
        self._piece = QTimer(self, interval=0)
        self._piece.timeout.connect(self._go_on)

    def ask(self, *_: object) -> None:
        """Something changed: count soon."""
        if self._pieces is not None:
            self._again = True
        elif not self._soon.isActive():
            self._soon.start()

    def _start(self) -> None:
        self._pieces, self._again, self._spent = self._begin(), False, 0.0
        self._piece.start()

    def _go_on(self) -> None:
        assert self._pieces is not None
        started = time.perf_counter()
        over = next(self._pieces, self) is self
        self._spent += 1e3 * (time.perf_counter() - started)
        if not over:
            return
        self._pieces = None
        self._piece.stop()
        self._soon.setInterval(max(_SOONEST, round(_SHARE * self._spent)))
        if self._again:
            self._soon.start()
