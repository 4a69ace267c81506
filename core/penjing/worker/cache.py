"""What was found out about a network once and need not be found out again; all of it can be recomputed.

>>> key_of(b"weights", "plan") == key_of(b"weights", "plan")
True
"""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import TypeVar

import msgspec
from platformdirs import user_cache_path

Found = TypeVar("Found")

MOST_BYTES = 256 << 20
"""Above it the files that were used longest ago go, unless `limit` says otherwise."""
_most = MOST_BYTES


def cache_folder() -> Path:
    """`PENJING_HOME/cache`, else the platform's cache folder."""
    home = os.environ.get("PENJING_HOME")
    return Path(home) / "cache" if home else user_cache_path("penjing", appauthor=False)


def key_of(*facts: bytes | str) -> str:
    """A name for everything that these facts decide."""
    state = hashlib.blake2b(digest_size=20)
    for fact in facts:
        content = fact.encode() if isinstance(fact, str) else fact
        state.update(len(content).to_bytes(8, "little"))
        state.update(content)
    return state.hexdigest()


def limit(most: int) -> None:
    """Keep at most so many bytes from now on, in this process; what is too much goes at once."""
    global _most
    _most = most
    with contextlib.suppress(OSError):
        _sweep(cache_folder())


def used() -> int:
    """The bytes that are kept."""
    try:
        return sum(path.stat().st_size for path in cache_folder().iterdir())
    except OSError:
        return 0


def empty() -> None:
    """Keep nothing of what is kept; what is found out from now on is kept again."""
    with contextlib.suppress(OSError):
        for path in cache_folder().iterdir():
            path.unlink(missing_ok=True)


def recall(key: str, kind: type[Found]) -> Found | None:
    """What was kept under a key; None if there is nothing that can be read."""
    path = cache_folder() / f"{key}.msgpack"
    try:
        found = msgspec.msgpack.decode(path.read_bytes(), type=kind)
        os.utime(path)
    except (OSError, msgspec.DecodeError):
        return None
    return found


def keep(key: str, value: object) -> None:
    """Keep a value under a key; where nothing can be written nothing is kept."""
    folder = cache_folder()
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.msgpack.encode(value))
            os.replace(name, folder / f"{key}.msgpack")
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        _sweep(folder)


def _sweep(folder: Path) -> None:
    files = sorted(((path.stat().st_mtime, path.stat().st_size, path) for path in folder.iterdir()), reverse=True)
    total = 0
    for _, size, path in files:
        total += size
        if total > _most:
            path.unlink(missing_ok=True)
