"""Starts, hears and ends the processes of the engine and of the jobs; for the window, without Qt and without torch.

The only place that starts or kills workers. A worker ends by itself when its stream ends, so a window that is killed
leaves none behind.

>>> with Exchange() as exchange, Worker.start("engine", exchange) as engine:   # doctest: +SKIP
...     engine.send(OpenSource(request=1, source="sample:digits"))
...     messages = engine.receive(timeout=5)
"""

import contextlib
import os
import select
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec

from penjing.worker.exchange import Exchange
from penjing.worker.frames import FrameBuffer, FrameError, frame
from penjing.worker.messages import (
    Cancel,
    FromWorker,
    RunJob,
    Shutdown,
    ToEngine,
    ToJob,
    decode_from_worker,
    encode,
)

Kind = Literal["engine", "job"]

_ENVIRONMENT = {
    # Threads that wait for each other sleep: spinning ones starve the window, and on a busy machine each other.
    "OMP_WAIT_POLICY": "PASSIVE",
    # A batch reuses the memory of the last one instead of going back to the kernel: a third of the time.
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "MALLOC_MMAP_THRESHOLD_": str(256 << 20),
}
"""What a worker's libraries are tuned by, unless the person's environment says otherwise."""

PATIENCE = 2.0
"""Seconds that a worker gets to end by itself."""
_CHUNK = 1 << 18
_MOST_AT_ONCE = 4 << 20
"""Bytes taken in one call of `receive`, so that a chatty worker cannot hold up the window."""
_WORDS = 16 << 10


class Worker:
    """One process and the stream to it; a context manager that ends it."""

    def __init__(self, kind: Kind, process: subprocess.Popen[bytes], stream: socket.socket, log: Path) -> None:
        self.kind = kind
        self._process, self._stream, self._log = process, stream, log
        self._buffer, self._unsent = FrameBuffer(), bytearray()
        self._output: Path | None = None
        self._ended = False

    @classmethod
    def start(cls, kind: Kind, exchange: Exchange) -> Self:
        """A new process; it says `Ready` when it has loaded its libraries, messages may be sent at once.

        Raises:
            OSError: The system gives no process or no memory.
        """
        ours, theirs = socket.socketpair()
        log = exchange.new_path(kind).with_suffix(".log")
        # -P: a module in the current folder must not take the place of one of ours.
        command = [sys.executable, "-P", "-m", "penjing.worker", "--stream", str(theirs.fileno())]
        command += ["--exchange", str(exchange.folder), *(["--job"] if kind == "job" else [])]
        try:
            with log.open("xb") as errors:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=errors,
                    stderr=errors,
                    pass_fds=(theirs.fileno(),),
                    env={**_ENVIRONMENT, **os.environ},
                )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        return cls(kind, process, ours, log)

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether the stream has ended: nothing comes any more, and a notifier on it must be switched off."""
        return self._ended

    def fileno(self) -> int:
        """The descriptor that is readable when `receive` has something to give; -1 when it is closed."""
        return self._stream.fileno()

    def alive(self) -> bool:
        """Whether the process runs and can be heard."""
        return not self._ended and self._process.poll() is None

    def send(self, message: ToEngine | ToJob) -> None:
        """Say something, without ever waiting; to a worker that has ended it is lost, and `receive` shows the end."""
        if isinstance(message, RunJob) and message.output is not None:
            self._output = Path(os.path.abspath(message.output)).resolve()
        self._unsent += frame(encode(message))
        self.flush()

    def flush(self) -> None:
        """Send what a full stream did not take; `send` and `receive` do so, too."""
        while self._unsent and not self._ended:
            try:
                del self._unsent[: self._stream.send(self._unsent)]
            except BlockingIOError:
                return
            except OSError:
                # What the worker said before it died is still to be read: the end shows itself there.
                self._unsent.clear()

    def receive(self, *, timeout: float = 0.0) -> list[FromWorker]:
        """What has come since, oldest first; waits for at most `timeout` seconds if nothing has.

        Read `ended` afterwards. A worker that does not speak our language is killed.
        """
        self.flush()
        if self._ended or (timeout > 0 and not self._readable(timeout)):
            return []
        found: list[FromWorker] = []
        taken = 0
        try:
            while taken < _MOST_AT_ONCE:
                received = self._stream.recv(_CHUNK)
                if not received:
                    self._ended = True
                    break
                taken += len(received)
                found.extend(decode_from_worker(content) for content in self._buffer.feed(received))
        except BlockingIOError:
            pass
        except (FrameError, msgspec.DecodeError):
            self.kill()
        except OSError:
            self._ended = True
        return found

    def last_words(self) -> str:
        """The end of what it wrote to its standard error, for example the place where it crashed."""
        try:
            with self._log.open("rb") as file:
                file.seek(max(0, self._log.stat().st_size - _WORDS))
                return file.read().decode(errors="replace")
        except OSError:
            return ""

    def stop(self, *, patience: float = PATIENCE) -> list[FromWorker]:
        """Ask it to end, wait, kill it if it does not; what it said meanwhile. Afterwards nothing of it is left.

        This waits: a window that cancels a job while it goes on sends `Cancel`, and calls `stop` when the stream ended.
        """
        self.send(Shutdown() if self.kind == "engine" else Cancel())
        deadline = time.monotonic() + patience
        found: list[FromWorker] = []
        while not self._ended and (left := deadline - time.monotonic()) > 0:
            found += self.receive(timeout=left)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, deadline - time.monotonic()))
        self.kill()
        return found

    def kill(self) -> None:
        """End it at once and take away what it left; harmless for one that has ended."""
        self._process.kill()
        self._process.wait()
        self._ended = True
        self._stream.close()
        self._log.unlink(missing_ok=True)
        if self._output is not None:
            # `exporting.folder` names unfinished folders by the process that writes them.
            for unfinished in self._output.parent.glob(f".penjing-{self.pid}-*"):
                shutil.rmtree(unfinished, ignore_errors=True)

    def _readable(self, timeout: float) -> bool:
        poll = select.poll()  # unlike `select`, it takes descriptors of any number
        poll.register(self._stream, select.POLLIN)
        return bool(poll.poll(timeout * 1000))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
