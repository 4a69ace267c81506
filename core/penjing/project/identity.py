"""Knows an original file again: by its path, and by what it holds when it has moved.

>>> same(Original(path="sample:watch"))
True
"""

import hashlib
from pathlib import Path

from penjing.project.values import Original

SAMPLE = "sample:"
_CHUNK = 1 << 20


def original(source: str) -> Original:
    """A network or data as a project names it.

    Raises:
        OSError: The file cannot be read.
    """
    if source.startswith(SAMPLE):
        return Original(path=source)
    path = Path(source).absolute()
    return Original(path=str(path), sha256=sha256(path) if path.is_file() else None)


def same(known: Original, path: Path | None = None) -> bool:
    """Whether the file is still what it was; at its own path, or at another one."""
    if known.path.startswith(SAMPLE):
        return True
    place = Path(known.path) if path is None else path
    if known.sha256 is None:
        return place.exists()
    try:
        return sha256(place) == known.sha256
    except OSError:
        return False


def exists(known: Original) -> bool:
    """Whether there is anything at its path."""
    return known.path.startswith(SAMPLE) or Path(known.path).exists()


def sha256(path: Path) -> str:
    """Of a file's bytes, in hexadecimal.

    Raises:
        OSError: It cannot be read.
    """
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()
