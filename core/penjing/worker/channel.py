"""The worker's end of the stream: a thread that hears, and a voice that any thread may use."""

import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from penjing.worker.exchange import remove_if_abandoned
from penjing.worker.frames import FrameError, frame, frames
from penjing.worker.messages import Message, encode


class Channel:
    """The stream of one worker and the exchange folder that goes with it."""

    def __init__(self, stream: socket.socket, exchange: Path) -> None:
        self.exchange = exchange
        self._stream = stream
        self._voice = threading.Lock()

    def send(self, message: Message) -> None:
        """Say something; where nobody listens any more, the hearing thread will find out."""
        content = frame(encode(message))
        with self._voice:
            try:
                self._stream.sendall(content)
            except OSError:
                return

    def listen(
        self, decode: Callable[[bytes], Message], *, hear: Callable[[Message], None], ended: Callable[[], None]
    ) -> None:
        """Start the thread: `hear` takes every message, `ended` is called once when the stream ends."""

        def run() -> None:
            try:
                for content in frames(self._stream):
                    hear(decode(content))
            except (FrameError, msgspec.DecodeError):
                pass  # a window that speaks another language is none
            ended()

        threading.Thread(target=run, name="hearing", daemon=True).start()

    def leave(self) -> None:
        """End this process at once."""
        os._exit(0)

    def abandon(self) -> None:
        """End this process because the stream has ended; takes the exchange folder along if its owner is gone."""
        for _ in range(_TRIES):
            if not self.exchange.is_dir() or remove_if_abandoned(self.exchange):
                break
            # The kernel closes what a dead process had open one by one: its lock may come after its stream.
            time.sleep(_INTERVAL)
        self.leave()


_TRIES, _INTERVAL = 10, 0.02
