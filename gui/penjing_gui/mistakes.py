"""Mistakes of Penjing's own: written to a log and told in a notice whose text can be copied; never a silent death."""

import contextlib
import sys
import threading
import traceback
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QObject, Signal

from penjing_gui.notices import Notice

_LARGEST_LOG = 1 << 20


class Mistakes(QObject):
    """Hears what nobody caught, in the window's thread and in others."""

    noticed = Signal(object)

    def __init__(self, log: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._log = log
        self._before = sys.excepthook, threading.excepthook
        sys.excepthook = self._hear
        threading.excepthook = self._hear_thread

    def close(self) -> None:
        """Hear no longer."""
        sys.excepthook, threading.excepthook = self._before

    def _hear(self, kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self._before[0](kind, error, at)
            return
        text = "".join(traceback.format_exception(kind, error, at))
        sys.stderr.write(text)
        self._write(text)
        # From another thread, Qt hands this over to the window's own.
        self.noticed.emit(
            Notice(
                level="error",
                text=self.tr("Penjing made a mistake; what you have open is unharmed."),
                hint=self.tr("It is written in {log}.").format(log=self._log),
                details=text,
                key="mistake",
            )
        )

    def _hear_thread(self, heard: threading.ExceptHookArgs) -> None:
        if heard.exc_value is not None:
            self._hear(heard.exc_type, heard.exc_value, heard.exc_traceback)

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._log.parent.mkdir(parents=True, exist_ok=True)
            full = self._log.exists() and self._log.stat().st_size > _LARGEST_LOG
            with self._log.open("w" if full else "a", encoding="utf-8") as file:
                file.write(f"--- {datetime.now(UTC).isoformat(timespec='seconds')}\n{text}")
