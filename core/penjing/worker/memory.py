"""A soft limit on memory while a user's file is read: a hostile one gives a message instead of a machine that swaps.

The limit is on data (RLIMIT_DATA: heap and private writable mappings). The address space is no measure here: torch
reserves far more of it than it uses. Who needs more gets `MemoryError`, or torch's own error for the same.
"""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penjing.errors import UserError, lacks_memory

_SHARE = 0.8
"""Of the memory that is free."""
_KIB = 1024


@contextmanager
def memory_limit(most: int | None, *, where: str) -> Iterator[None]:
    """Allow the block `most` bytes more than are in use, or four fifths of what is free.

    Raises:
        UserError: `worker.out_of_memory` where the block needs more.
    """
    used, free = _status("/proc/self/status", "VmData"), _status("/proc/meminfo", "MemAvailable")
    if used is None or free is None:
        yield  # no Linux: no limit
        return
    allowed = int(free * _SHARE) if most is None else most
    before, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = used + allowed if hard == resource.RLIM_INFINITY else min(used + allowed, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if lacks_memory(error):
            raise UserError("worker.out_of_memory", where=where, mib=allowed >> 20) from error
        raise
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, hard))


def _status(path: str, key: str) -> int | None:
    """Bytes behind a key of a file of the kernel that counts in KiB."""
    try:
        lines = Path(path).read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith(f"{key}:")), None)
    return None if found is None else int(found.split()[1]) * _KIB
