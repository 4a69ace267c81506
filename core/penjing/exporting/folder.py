"""An export folder that is whole or not there: written beside its place and renamed at the end."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from penjing.errors import UserError

UNFINISHED = ".penjing-{pid}-"
"""How the name of a folder begins that a process is writing: if it was killed, that is what it left behind."""
RECORD = "verdict.json"
"""The file by which an earlier export is known; its `manifest` names the files that belong to it."""


@contextmanager
def new_folder(destination: Path) -> Iterator[Path]:
    """Yields a temporary folder that becomes `destination` when the block ends well.

    If the block raises (cancelled, disk full, …) the temporary folder is removed and an earlier export stays as it was.

    Raises:
        UserError: `export.not_a_folder`, `export.folder_not_empty`, `export.cannot_write`.
    """
    target = Path(os.path.abspath(destination)).resolve()
    check_destination(target)
    temporary = target.parent / f"{UNFINISHED.format(pid=os.getpid())}{secrets.token_hex(6)}"
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
    except UserError as error:
        if error.values.get("folder") == temporary:  # a person knows the folder that was asked for
            raise UserError(error.code, **{**error.values, "folder": destination}) from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_destination(destination: Path) -> None:
    """Refuse a place that holds anything but an export of Penjing: replacing it would take that away.

    Raises:
        UserError: `export.not_a_folder`, `export.folder_not_empty`, `export.cannot_write`.
    """
    try:
        if not destination.exists():
            return
        if not destination.is_dir():
            raise UserError("export.not_a_folder", folder=destination)
        held = {path.relative_to(destination).as_posix() for path in destination.rglob("*") if not path.is_dir()}
    except OSError as error:
        raise _cannot_write(destination, error) from error
    foreign = held - _own_files(destination)
    if foreign:
        raise UserError("export.folder_not_empty", folder=destination, found=min(foreign))


class _Manifest(msgspec.Struct):
    manifest: dict[str, str]


def _own_files(folder: Path) -> set[str]:
    """What an earlier export wrote, as its record says."""
    try:
        return {RECORD, *msgspec.json.decode((folder / RECORD).read_bytes(), type=_Manifest).manifest}
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return set()


def _put_in_place(temporary: Path, target: Path) -> None:
    if not target.exists():
        temporary.rename(target)
        return
    old = target.parent / f".penjing-{secrets.token_hex(6)}"
    try:
        target.rename(old)
        temporary.rename(target)
    except BaseException:  # Ctrl+C between the two must not cost the earlier export either
        if old.exists() and not target.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _cannot_write(folder: Path, error: OSError) -> UserError:
    return UserError("export.cannot_write", folder=folder, detail=error.strerror or error)
