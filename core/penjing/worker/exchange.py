"""The folder through which big arrays go from the workers to the window: made, owned and removed by the window.

A worker writes one file a message; the window maps it and unlinks it at once, so the memory is freed with the last
array that looks into it. The folder lies in memory where the system has a place for that. Its owner holds a lock on it
which the kernel drops when the owner dies, however it dies: whoever finds a folder without an owner removes it.
Workers do so when their stream ends, and the next window for what even they left.
"""

import fcntl
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from penjing.worker.messages import Array

PREFIX = "penjing-exchange-"
_MEMORY = Path("/dev/shm")
_ENOUGH = 1 << 30
"""Free bytes below which the memory file system is left alone."""
_ALIGNMENT = 64


class Exchange:
    """The window's side: a private folder that goes with its owner; a context manager."""

    def __init__(self, parent: Path | None = None) -> None:
        """Sweep what dead owners left, then make a folder in `parent`, or in memory, or among temporary files."""
        parent = _place() if parent is None else parent
        sweep(parent)
        self.folder, self._lock = _owned_folder(parent)

    def map(self, file: str) -> "Mapped":
        """The arrays in a file that a message names; the file is gone afterwards, the arrays stay as long as used."""
        return Mapped(self.folder / Path(file).name)

    def new_path(self, stem: str) -> Path:
        """A path in the folder where nothing is yet, for example for a snapshot."""
        return self.folder / f"{stem}-{secrets.token_hex(4)}"

    def close(self) -> None:
        """Remove the folder with everything in it; harmless the second time."""
        if self._lock >= 0:
            shutil.rmtree(self.folder, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class Mapped:
    """A mapped file; `mapped(array)` is a read-only view of one array."""

    def __init__(self, path: Path) -> None:
        self._bytes = np.memmap(path, mode="r")
        path.unlink()

    def __call__(self, place: Array) -> NDArray[Any]:
        """The array at a place; it keeps the memory alive."""
        dtype = np.dtype(place.dtype)
        count = int(np.prod(place.shape, dtype=np.int64))
        return np.frombuffer(self._bytes, dtype, count=count, offset=place.offset).reshape(place.shape)


class Outgoing:
    """The worker's side: arrays on their way into one file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._arrays: list[NDArray[Any]] = []
        self._size = 0

    def add(self, array: NDArray[Any]) -> Array:
        """Put an array behind the others; its place in the file."""
        values = np.ascontiguousarray(array).reshape(array.shape)  # ascontiguousarray gives a number an axis
        place = Array(shape=values.shape, dtype=values.dtype.str, offset=self._size)
        self._arrays.append(values)
        self._size += values.nbytes + -values.nbytes % _ALIGNMENT
        return place

    def write(self) -> str:
        """Write the file; its name for the message.

        Raises:
            OSError: The place is full, or the window is gone.
        """
        name = f"{os.getpid()}-{secrets.token_hex(4)}.bin"
        path = self._folder / name
        try:
            with path.open("xb") as file:
                for values in self._arrays:
                    file.write(values.data.cast("B") if values.size else b"")
                    file.write(b"\0" * (-values.nbytes % _ALIGNMENT))
                if self._size == 0:
                    file.write(b"\0")  # nothing cannot be mapped
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return name


def sweep(parent: Path) -> None:
    """Remove the folders in `parent` whose owners are dead."""
    for folder in parent.glob(f"{PREFIX}*"):
        remove_if_abandoned(folder)


def remove_if_abandoned(folder: Path) -> bool:
    """Remove an exchange folder that nobody owns any more; whether it was removed."""
    lock = _try_lock(folder)
    if lock is None:
        return False
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)
    return True


def _owned_folder(parent: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        lock = _try_lock(folder)
        # A sweep may have come in between; then there is another name.
        if lock is not None and folder.is_dir():
            return folder, lock
        if lock is not None:
            os.close(lock)


def _try_lock(folder: Path) -> int | None:
    """A descriptor that holds the folder's lock, or None where someone else holds it or the folder is not ours."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        if os.fstat(lock).st_uid != os.getuid():
            raise PermissionError
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def _place() -> Path:
    usable = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ENOUGH
    return _MEMORY if usable else Path(tempfile.gettempdir())
