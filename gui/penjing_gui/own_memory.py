"""How much memory Penjing itself takes on this machine: the window and each process that it started; no Qt.

>>> sorted(own_memory()) != []
True
"""

import os
from pathlib import Path

_PROCESSES = Path("/proc")
_RESIDENT = 1
"""Its place in `statm`, in pages."""


def own_memory() -> dict[int, int]:
    """By process id, the window's own first, bytes that are in memory; empty where the system does not tell (no Linux).

    Pages that several processes share (libraries, tables) count for each of them.
    """
    own = os.getpid()
    found: dict[int, int] = {}
    for pid in (own, *_children(own)):
        try:
            pages = int((_PROCESSES / str(pid) / "statm").read_text().split()[_RESIDENT])
        except (OSError, ValueError, IndexError):
            continue  # it has just ended
        found[pid] = pages * os.sysconf("SC_PAGE_SIZE")
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for told in (_PROCESSES / str(pid) / "task").glob("*/children"):
        try:
            found += [int(child) for child in told.read_text().split()]
        except OSError:
            continue
    return found
