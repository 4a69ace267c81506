"""The jobs of this window, each with how it ended and how long it took; it outlives the panel that lists them."""

import time
from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Signal

from penjing_gui.jobs import Job
from penjing_gui.session import Session


@dataclass(frozen=True)
class Entry:
    """A job as it was last told."""

    job: Job
    ended: float | None = None
    """Seconds since the epoch; None while it is active."""

    @property
    def took(self) -> float:
        """Seconds until its end, or until now."""
        return (time.time() if self.ended is None else self.ended) - self.job.began


class JobRecord(QObject):
    """Hears the session; a job is a new one when it began at another time."""

    changed = Signal(int)
    """The place of an entry that is new or another one."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._entries: list[Entry] = []
        session.job_changed.connect(self._hear)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Oldest first."""
        return tuple(self._entries)

    def _hear(self, job: Job) -> None:
        if not self._entries or self._entries[-1].job.began != job.began:
            self._entries.append(Entry(job))
        last = self._entries[-1]
        ended = None if job.active else last.ended or time.time()
        # What came out belongs to others, and may be large.
        self._entries[-1] = Entry(replace(job, history=(), values=None, result=None), ended)
        self.changed.emit(len(self._entries) - 1)
