"""Gives memory back that was freed but stays with the process: glibc's heap keeps what lies between what is in use.

Trying hundreds of networks leaves it full of such holes: 340 of 830 MiB after a hundred probes of the watch sample.
"""

import contextlib
import ctypes
from collections.abc import Callable

from penjing.model.guarded import resident

LOOSE = 192 << 20
"""Bytes that may gather before they are given back: what is used again soon has to be cleared by the system first."""


def _trim() -> None:
    with contextlib.suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL(None).malloc_trim(0)


class Heap:
    """How much was in use when memory was last given back."""

    def __init__(self, *, used: Callable[[], int] = resident, trim: Callable[[], None] = _trim) -> None:
        self._used, self._trim = used, trim
        self._least: int | None = None

    def tidy(self) -> None:
        """Give back what has gathered, if it may be much."""
        used = self._used()
        if self._least is None or used < self._least:
            self._least = used
        if used - self._least > LOOSE:
            self._trim()
            self._least = self._used()
