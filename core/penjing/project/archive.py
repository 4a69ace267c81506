"""The `.penjing` file: one zip with the documents and a folder for each run; written whole, read with suspicion."""

import os
import re
import secrets
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from penjing.errors import UserError
from penjing.project.documents import NAMES, decode, encode
from penjing.project.values import Project

SUFFIX = ".penjing"
RUN_FILES = ("run.json", "model.penjingnet")
"""All that a run's folder may hold."""
_CHECKPOINT = re.compile(r"[0-9]{1,3}-[a-z]{1,20}\.safetensors")
"""What the folder of a training that has not ended holds."""
MOST_BYTES = 4 << 30
"""Unpacked, of all members together."""
MOST_DOCUMENT_BYTES = 64 << 20
MOST_MEMBERS = 30_000
_CHUNK = 1 << 20


def write_archive(path: Path, project: Project, runs: Mapping[str, Path], checkpoints: Path | None = None) -> None:
    """Write the file as a whole or not at all.

    `runs` are the folders of runs that hold a network, `checkpoints` is that of the training that has not ended.

    Members carry no time of day, so that a clock before 1980, which zip cannot tell, costs nobody a project.

    Raises:
        UserError: `project.cannot_write`, for example on a full disk; an older file is unharmed.
    """
    try:
        with _replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in encode(project).items():
                with archive.open(name, "w") as file:
                    file.write(content)
            for id, folder in runs.items():
                for name in RUN_FILES:
                    if (folder / name).is_file():
                        _pack(archive, folder / name, id)
            if project.training is not None and checkpoints is not None:
                for state in sorted(checkpoints.glob("*")):
                    if _CHECKPOINT.fullmatch(state.name):
                        _pack(archive, state, checkpoints.name)
    except (OSError, zipfile.LargeZipFile) as error:
        raise UserError("project.cannot_write", path=path, detail=_reason(error)) from error


def read_archive(path: Path, runs_folder: Path) -> Project:
    """The project in a file; its runs' folders are unpacked into `runs_folder`, which may exist.

    Raises:
        UserError: `project.cannot_read`, `project.damaged`, `project.version`, `project.too_big`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_size(path, members)
            documents = {name: _document(archive, name, path) for name in NAMES if name in archive.namelist()}
            project = decode(documents, where=path.name)
            wanted = {(run.id, name) for run in project.runs if run.has_network for name in RUN_FILES}
            begun = None if project.training is None else f"{project.training.id}.checkpoint"
            for member in members:
                parts = PurePosixPath(member.filename).parts
                # Names are compared with those that are expected and never joined to a path unread.
                if len(parts) != 3 or parts[0] != "runs":
                    continue
                kept = parts[1] == begun and _CHECKPOINT.fullmatch(parts[2])
                if kept or (parts[1], parts[2]) in wanted:
                    _unpack(archive, member, runs_folder / parts[1] / parts[2])
            return project
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        # zipfile tells encrypted members by RuntimeError and unknown methods by NotImplementedError.
        raise UserError("project.damaged", where=path.name, detail=error) from error
    except OSError as error:
        raise UserError("project.cannot_read", path=path, detail=_reason(error)) from error


def checkpoints_of(run_folder: Path) -> Path:
    """Where a training keeps its state until it is the run of a folder."""
    return run_folder.with_name(f"{run_folder.name}.checkpoint")


def _pack(archive: zipfile.ZipFile, source: Path, folder: str) -> None:
    with source.open("rb") as read, archive.open(f"runs/{folder}/{source.name}", "w") as file:
        shutil.copyfileobj(read, file)


def _check_size(path: Path, members: list[zipfile.ZipInfo]) -> None:
    total = sum(member.file_size for member in members)
    if len(members) > MOST_MEMBERS or total > MOST_BYTES:
        raise UserError("project.too_big", path=path, gib=MOST_BYTES >> 30)


def _document(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    with archive.open(name) as file:
        content = file.read(MOST_DOCUMENT_BYTES + 1)
    if len(content) > MOST_DOCUMENT_BYTES:
        raise UserError("project.damaged", where=path.name, detail=f"{name}: more than {MOST_DOCUMENT_BYTES >> 20} MiB")
    return content


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    left = member.file_size
    with archive.open(member) as source, target.open("wb") as file:
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise zipfile.BadZipFile(f"{member.filename} is larger than it says")
            file.write(chunk)


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary neighbour that takes the file's place when all is well."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
