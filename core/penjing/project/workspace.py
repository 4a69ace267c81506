"""Unsaved work: a folder for each window with its newest state and the networks of its runs; what a dead window left.

A folder whose lock nobody holds belongs to nobody: it is offered to the next window, or removed where it holds nothing.
"""

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from penjing.errors import UserError
from penjing.project.documents import decode, encode
from penjing.project.locks import FolderLock
from penjing.project.values import Project

STATE = "autosave.json"
RUNS = "runs"
_PREFIX = "window-"
_MOST_BYTES = 256 << 20


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What autosave keeps."""

    documents: dict[str, str]
    path: str | None = None
    """The project file that it belongs to, if it was ever saved."""
    saved: str = ""
    """When, ISO 8601."""


class Workspace:
    """The folder of one window."""

    def __init__(self, folder: Path, lock: FolderLock) -> None:
        self.folder, self._lock = folder, lock

    @classmethod
    def new(cls, parent: Path) -> "Workspace":
        """A new folder in `parent`.

        Raises:
            OSError: The place cannot be written.
        """
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            folder = parent / f"{_PREFIX}{secrets.token_hex(6)}"
            folder.mkdir(mode=0o700)
            lock = FolderLock.take(folder)
            if lock is not None and folder.is_dir():
                return cls(folder, lock)

    @property
    def state_file(self) -> Path:
        """Where autosave writes."""
        return self.folder / STATE

    def run_folder(self, id: str) -> Path:
        """Where a run's network lies or will lie."""
        return self.folder / RUNS / id

    def read(self) -> tuple[Project, Path | None]:
        """What autosave kept, and the project file that it belongs to.

        Raises:
            UserError: `project.damaged`.
        """
        try:
            with self.state_file.open("rb") as file:
                state = msgspec.json.decode(file.read(_MOST_BYTES), type=State)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UserError("project.damaged", where=STATE, detail=error) from error
        documents = {name: text.encode() for name, text in state.documents.items()}
        return decode(documents, where=STATE), None if state.path is None else Path(state.path)

    def remove(self) -> None:
        """Give the folder up with everything in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.release()

    def release(self) -> None:
        """Leave the folder for another window."""
        self._lock.release()


def state_of(project: Project, *, path: Path | None, saved: str) -> bytes:
    """The content of the autosave file."""
    documents = {name: content.decode() for name, content in encode(project).items()}
    return msgspec.json.encode(State(documents=documents, path=None if path is None else str(path), saved=saved))


def abandoned(parent: Path) -> Iterator[Workspace]:
    """What dead windows left, newest first, each locked for whoever asks; empty folders are removed."""
    folders = [folder for folder in parent.glob(f"{_PREFIX}*") if folder.is_dir()]
    for folder in sorted(folders, key=_time, reverse=True):
        lock = FolderLock.take(folder)
        if lock is None:
            continue
        workspace = Workspace(folder, lock)
        if workspace.state_file.is_file():
            yield workspace
        else:
            workspace.remove()


def _time(folder: Path) -> float:
    with contextlib.suppress(OSError):
        return (folder / STATE).stat().st_mtime
    return 0.0
