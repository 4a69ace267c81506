"""Bridges the processes of the engine and of jobs to Qt: a notifier hears them, a signal brings every message.

The only place of the window that starts, restarts and ends workers.
"""

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSocketNotifier, QTimer, Signal

from penjing.worker.client import PATIENCE, Kind, Worker
from penjing.worker.exchange import Exchange
from penjing.worker.messages import Cancel, FromWorker, Ready, RunJob, State, ToEngine, ToJob, Tune

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_RESTARTS = 3
"""Within `_RESTART_WINDOW`: a worker that dies more often than that is not started again by itself."""
_RESTART_WINDOW = 60.0


class Link(QObject):
    """One worker process and the notifier on its stream."""

    received = Signal(object)
    ended = Signal(str)
    """The process is gone; the end of what it wrote to its standard error."""

    def __init__(self, kind: Kind, exchange: Exchange, parent: QObject | None = None) -> None:
        """Start the process.

        Raises:
            OSError: The system gives no process.
        """
        super().__init__(parent)
        self.worker = Worker.start(kind, exchange)
        self._notifier = QSocketNotifier(self.worker.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._hear)

    def send(self, message: ToEngine | ToJob) -> None:
        """Say something; lost if the process is gone."""
        self.worker.send(message)

    def stop(self, *, patience: float = PATIENCE) -> list[FromWorker]:
        """Ask it to end, wait a little, kill it; no signal is sent any more."""
        self._notifier.setEnabled(False)
        return self.worker.stop(patience=patience)

    def kill(self) -> None:
        """End it at once; no signal is sent any more."""
        self._notifier.setEnabled(False)
        self.worker.kill()

    def _hear(self) -> None:
        messages: Sequence[FromWorker] = self.worker.receive()
        if self.worker.ended:
            # A notifier on a stream that has ended would fire for ever.
            self._notifier.setEnabled(False)
        for message in messages:
            self.received.emit(message)
        if self.worker.ended:
            words = self.worker.last_words()
            self.worker.kill()
            self.ended.emit(words)


class Engine(QObject):
    """The process that owns the network and the data; started again when it dies."""

    received = Signal(object)
    state_changed = Signal(str)
    """`starting`, `idle`, `opening`, `measuring`, `working` or `stopped`."""
    restarted = Signal(str)
    """It died and a new one is starting, which knows nothing yet; the words of the dead one."""
    gave_up = Signal(str)
    """It keeps dying."""

    def __init__(self, exchange: Exchange, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.exchange = exchange
        self.state = "stopped"
        self.kept = (0, 0)
        """Bytes of results of layers that it keeps so that a changed plan begins later, and the most that it may."""
        self._link: Link | None = None
        self._deaths: list[float] = []
        self._tuning: Tune | None = None

    @property
    def pid(self) -> int | None:
        """The id of the process, for tests and for people who look for it."""
        return None if self._link is None else self._link.worker.pid

    def start(self) -> None:
        """Start the process if it does not run; what is sent meanwhile reaches it."""
        if self._link is not None:
            return
        try:
            link = Link("engine", self.exchange, self)
        except OSError as error:
            self._say("stopped")
            self.gave_up.emit(str(error))
            return
        link.received.connect(self._hear)
        link.ended.connect(self._died)
        self._link = link
        if self._tuning is not None:
            link.send(self._tuning)
        self._say("starting")

    def send(self, message: ToEngine) -> None:
        """Say something; lost while no process runs."""
        if self._link is not None:
            self._link.send(message)

    def tune(self, tuning: Tune) -> None:
        """Say how much it may take; every engine that is started later is told, too."""
        if tuning != self._tuning:
            self._tuning = tuning
            self.send(tuning)

    def restart(self) -> None:
        """End it and start anew, for example because it is deep in a file that nobody waits for any more."""
        self.stop(patience=0.0)
        self._deaths.clear()
        self.start()

    def stop(self, *, patience: float = PATIENCE) -> None:
        """End it; nothing is left behind."""
        if self._link is not None:
            self._link.stop(patience=patience)
            self._forget()
        self._say("stopped")

    def _hear(self, message: FromWorker) -> None:
        if isinstance(message, State):
            self.kept = message.kept, message.most_kept
            self._say(message.state)
        elif not isinstance(message, Ready):
            self.received.emit(message)

    def _died(self, words: str) -> None:
        self._forget()
        now = time.monotonic()
        self._deaths = [*(at for at in self._deaths if now - at < _RESTART_WINDOW), now]
        if len(self._deaths) > MOST_RESTARTS:
            self._say("stopped")
            self.gave_up.emit(words)
            return
        self.start()
        self.restarted.emit(words)

    def _forget(self) -> None:
        if self._link is not None:
            self._link.deleteLater()
            self._link = None

    def _say(self, state: str) -> None:
        if state != self.state:
            self.state = state
            self.state_changed.emit(state)


class JobProcess(QObject):
    """One job: its process waits to be told what to do, is asked to cancel, and killed if it does not listen."""

    received = Signal(object)
    ended = Signal(str)

    def __init__(self, exchange: Exchange, parent: QObject | None = None) -> None:
        """Start the process.

        Raises:
            OSError: The system gives no process.
        """
        super().__init__(parent)
        self._link = Link("job", exchange, self)
        self._link.received.connect(self.received)
        self._link.ended.connect(self._over)
        self._patience = QTimer(self, singleShot=True, interval=int(PATIENCE * 1000))
        self._patience.timeout.connect(self._lose_patience)

    def begin(self, job: RunJob) -> None:
        """Send it the one job that it does."""
        self._link.send(job)

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._link.worker.pid

    def send(self, message: ToJob) -> None:
        """Pause, resume, stop and keep the best."""
        self._link.send(message)

    def cancel(self) -> None:
        """Ask it to end; two seconds later it is killed."""
        self._link.send(Cancel())
        self._patience.start()

    def stop(self) -> None:
        """End it now, waiting for it; for the end of the window."""
        self._patience.stop()
        self._link.stop()

    def _lose_patience(self) -> None:
        self._link.kill()
        self.ended.emit("")

    def _over(self, words: str) -> None:
        self._patience.stop()
        self.ended.emit(words)
