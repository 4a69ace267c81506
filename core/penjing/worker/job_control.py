"""What the window wants of a running job: heard by one thread, looked up by the working one at every batch."""

import threading
import time

import msgspec

from penjing.errors import Cancelled
from penjing.results import Progress
from penjing.worker.channel import Channel
from penjing.worker.messages import (
    Cancel,
    JobEpoch,
    JobPaused,
    JobProgress,
    Message,
    Pause,
    Resume,
    RunJob,
    StopAndKeepBest,
)

PATIENCE = 2.0
"""Seconds that the work gets to clean up when the window is gone."""
INTERVAL = 0.1
"""Seconds between two reports of progress, if nothing special happened."""
_EARLIEST = 0.5
"""Seconds after which the time left is worth telling."""


class JobControl:
    """Wishes on one side, reports on the other."""

    def __init__(self, channel: Channel) -> None:
        self.abandoned = False
        """Whether the window is gone."""
        self._channel = channel
        self._changed = threading.Condition()
        self._job: RunJob | None = None
        self._cancelled = self._paused = self._stopped = False
        self._stage = ""
        self._since = self._told = self._waited = 0.0

    def hear(self, message: Message) -> None:
        """Take a wish; of the hearing thread."""
        with self._changed:
            match message:
                case RunJob():
                    self._job = message
                case Pause():
                    self._paused = True
                case Resume():
                    self._paused = False
                case StopAndKeepBest():
                    self._stopped, self._paused = True, False
                case Cancel():
                    self._cancelled = True
            self._changed.notify_all()

    def abandon(self) -> None:
        """The window is gone: give the work time to take its half-written files away, then end the process."""
        self.abandoned = True
        self.hear(Cancel())
        time.sleep(PATIENCE)
        self._channel.abandon()

    def job(self) -> RunJob:
        """The work, when it has come.

        Raises:
            Cancelled: It is not wanted any more.
        """
        with self._changed:
            while self._job is None and not self._cancelled:
                self._changed.wait()
            if self._job is None:
                raise Cancelled
            return self._job

    def look_up(self) -> None:
        """Wait while the work is paused.

        Raises:
            Cancelled: It is not wanted any more.
        """
        with self._changed:
            if self._paused and not self._cancelled:
                began = time.monotonic()
                self._channel.send(JobPaused(paused=True))
                self._changed.wait_for(lambda: self._cancelled or not self._paused)
                self._waited += time.monotonic() - began
                self._channel.send(JobPaused(paused=False))
            if self._cancelled:
                raise Cancelled

    @property
    def stops_training(self) -> bool:
        """Whether a training is to end with its best epoch."""
        with self._changed:
            return self._stopped

    def tell(self, message: Message) -> None:
        """Send the window something that is no progress."""
        self._channel.send(message)

    def report(self, progress: Progress) -> None:
        """Tell the window; reports that come too fast are left out, but never an epoch and never an end.

        Raises:
            Cancelled: As `look_up`.
        """
        self.look_up()
        now = time.monotonic() - self._waited
        is_new = progress.stage != self._stage
        if is_new:
            self._stage, self._since = progress.stage, now
        epoch = progress.epoch
        if is_new or epoch is not None or progress.done >= progress.total or now - self._told >= INTERVAL:
            self._told, seconds = now, now - self._since
            left = None
            if progress.done > 0 and seconds >= _EARLIEST:
                left = seconds / progress.done * (progress.total - progress.done)
            told = msgspec.structs.replace(progress, epoch=None)
            self._channel.send(JobProgress(progress=told, seconds=seconds, left=left))
        if epoch is not None:
            self._channel.send(JobEpoch(step=progress.stage, epoch=epoch))
