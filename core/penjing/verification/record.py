"""`verdict.json`: the verdict, and what it takes to reach it again later: files with hashes, estimates, data."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import msgspec
import numpy as np
from numpy.typing import NDArray

from penjing.errors import UserError
from penjing.exporting.folder import RECORD as FILE
from penjing.results import ExportedFile, Verdict

SAMPLE_PREFIX = "sample:"
LARGEST = 16 * 1024 * 1024
_CHUNK = 1024 * 1024


class Record(Verdict, frozen=True, kw_only=True):
    """The verdict with its circumstances."""

    files: tuple[ExportedFile, ...] = ()
    manifest: Mapping[str, str] = msgspec.field(default_factory=dict)
    """SHA-256 by path, relative to the folder, of every file but this one."""
    predicted: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Bytes that the estimate said, by format; of C also `flash:CORE` and `ram`."""
    data: str | None = None
    """`sample:NAME`, or a path relative to the folder."""
    metric: str | None = None
    """Id of what the data is measured by; None: what opening it finds out."""
    original: bytes = b""
    """Without labels: the class that the original chose on each test example, as <u4."""

    @property
    def before(self) -> NDArray[np.int64] | None:
        """The same as numbers."""
        return np.frombuffer(self.original, "<u4").astype(np.int64) if self.original else None


def write_record(
    folder: Path,
    verdict: Verdict,
    files: tuple[ExportedFile, ...],
    *,
    predicted: Mapping[str, int],
    data_source: str | None,
    metric: str | None = None,
    original: NDArray[np.int64] | None = None,
) -> None:
    """Write `verdict.json`, after everything else in the folder is there."""
    record = Record(
        **msgspec.structs.asdict(verdict),
        files=files,
        manifest=manifest(folder),
        predicted=dict(predicted),
        data=_portable(data_source, folder),
        metric=metric,
        original=b"" if original is None else original.astype("<u4").tobytes(),
    )
    content = msgspec.json.format(msgspec.json.encode(record), indent=1)
    (folder / FILE).write_bytes(content + b"\n")


def read_record(folder: Path) -> Record:
    """The record of an export.

    Raises:
        UserError: `verify.not_an_export`, `verify.damaged_record`.
    """
    path = folder / FILE
    try:
        if path.stat().st_size > LARGEST:
            raise UserError("verify.damaged_record", path=path, detail="too large")
        record = msgspec.json.decode(path.read_bytes(), type=Record)
        if len(record.original) % 4:
            raise UserError("verify.damaged_record", path=path, detail="original")
    except OSError as error:
        raise UserError("verify.not_an_export", folder=folder) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError("verify.damaged_record", path=path, detail=error) from error
    for name in (*record.manifest, *(file.path for file in record.files)):
        if not _stays_inside(name):
            raise UserError("verify.damaged_record", path=path, detail=f'"{name}"')
    return record


def manifest(folder: Path) -> dict[str, str]:
    """The hash of every file in a folder but the record itself."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / FILE)
    return {path.relative_to(folder).as_posix(): sha256(path) or "" for path in found}


def changed_files(folder: Path, record: Record) -> tuple[str, ...]:
    """The files of the record that are missing or no longer what they were; a file nobody vouches for, too."""
    unknown = [file.path for file in record.files if file.path not in record.manifest]
    return tuple(
        sorted({*unknown, *(name for name, known in record.manifest.items() if sha256(folder / name) != known)})
    )


def sha256(path: Path) -> str | None:
    """The hash of a file's content; None if there is no file that can be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()


def _portable(source: str | None, folder: Path) -> str | None:
    # The folder is renamed at the end, but stays where it is: a relative path survives that, and moving both.
    if source is None or source.startswith(SAMPLE_PREFIX):
        return source
    return Path(os.path.relpath(Path(source).resolve(), folder.resolve())).as_posix()


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(name) and "\x00" not in name and "\\" not in name and not path.is_absolute() and ".." not in path.parts
