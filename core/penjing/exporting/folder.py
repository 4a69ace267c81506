"""An export folder that is whole or not there: written beside its place and renamed at the end."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penjing.errors import UserError

MARKS = ("plan.json", "verdict.json")
"""Files by which an earlier export is known: only such a folder may be replaced."""


@contextmanager
def new_folder(destination: Path) -> Iterator[Path]:
    """Yields a temporary folder that becomes `destination` when the block ends well.

    If the block raises (cancelled, disk full, …) the temporary folder is removed and an earlier export stays as it was.

    Raises:
        UserError: `export.not_a_folder`, `export.folder_not_empty`, `export.cannot_write`.
    """
    target = Path(os.path.abspath(destination)).resolve()
    check_destination(target)
    temporary = target.parent / f".penjing-{secrets.token_hex(6)}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
    except OSError as error:
        raise _cannot_write(destination, error) from error
    try:
        yield temporary
        check_destination(target)
        _put_in_place(temporary, target)
    except OSError as error:
        raise _cannot_write(destination, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_destination(destination: Path) -> None:
    """Refuse a place that holds something other than an export of Penjing.

    Raises:
        UserError: `export.not_a_folder`, `export.folder_not_empty`, `export.cannot_write`.
    """
    try:
        if not destination.exists():
            return
        if not destination.is_dir():
            raise UserError("export.not_a_folder", folder=destination)
        held = {entry.name for entry in os.scandir(destination)}
    except OSError as error:
        raise _cannot_write(destination, error) from error
    if held and not held.issuperset(MARKS):
        raise UserError("export.folder_not_empty", folder=destination, found=min(held))


def _put_in_place(temporary: Path, target: Path) -> None:
    if not target.exists():
        temporary.rename(target)
        return
    old = target.parent / f".penjing-{secrets.token_hex(6)}"
    target.rename(old)
    try:
        temporary.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _cannot_write(folder: Path, error: OSError) -> UserError:
    return UserError("export.cannot_write", folder=folder, detail=error.strerror or error)
