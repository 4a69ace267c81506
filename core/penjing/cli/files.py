"""Writes single files so that the old one stays whole until the new one is."""

import os
import tempfile
from pathlib import Path

from penjing.errors import UserError


def write_text(path: Path, content: str) -> None:
    """Replace a text file atomically.

    Raises:
        UserError: `file.unwritable`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            temporary = Path(file.name)
        try:
            temporary.write_text(content, encoding="utf-8")
            temporary.chmod(0o666 & ~_umask())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UserError("file.unwritable", path=path, detail=error.strerror or error) from error


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
