"""Runs what may never end, a loop of somebody's file: no longer, and with no more memory, than it is allowed."""

import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]

MOST_BYTES = 4 << 30
"""How much more memory a run may take than was taken before it."""

_EVERY = 0.02
"""Seconds between two looks at the clock and at the memory."""


def run(session: Any, results: Sequence[str], feeds: Mapping[str, Array], *, seconds: float) -> list[Any]:
    """What an onnxruntime session gives.

    Raises:
        TimeoutError: It was stopped after `seconds`.
        MemoryError: It was stopped because it took more than `MOST_BYTES`.
        Exception: Whatever onnxruntime raises.
    """
    from penjing.model.onnx_runtime import onnxruntime

    options = onnxruntime.RunOptions()
    options.log_severity_level = 4
    watch = _Watch(options, seconds)
    thread = threading.Thread(target=watch.look, daemon=True)
    thread.start()
    try:
        return list(session.run(list(results), dict(feeds), options))
    except Exception:
        if watch.why is not None:
            raise watch.why from None
        raise
    finally:
        watch.done.set()
        thread.join()


class _Watch:
    def __init__(self, options: Any, seconds: float) -> None:
        self.done = threading.Event()
        self.why: Exception | None = None
        self._options, self._until, self._seconds = options, time.monotonic() + seconds, seconds
        self._most = resident() + MOST_BYTES

    def look(self) -> None:
        while not self.done.wait(_EVERY):
            if time.monotonic() > self._until:
                self.why = TimeoutError(f"it runs for more than {self._seconds:g} s")
            elif resident() > self._most:
                self.why = MemoryError(f"it takes more than {MOST_BYTES >> 30} GiB")
            if self.why is not None:
                self._options.terminate = True
                return


def resident() -> int:
    """Bytes of this process that are in memory; 0 where the system does not tell."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
