"""Locks that the kernel drops when their owner dies, however it dies: on project files and folders of unsaved work."""

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Self


class ProjectLock:
    """Holds a project for one window, by a neighbour of its file that every save leaves alone."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path, self._descriptor = path, descriptor

    @classmethod
    def take(cls, project: Path) -> Self | None:
        """The lock, or None where another window holds it or where the folder cannot be written."""
        path = project.with_name(f".{project.name}.lock")
        while True:
            descriptor = _locked(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
            if descriptor is None:
                return None
            # Whoever had it before may have removed it in between; then this is the lock of nothing.
            with contextlib.suppress(OSError):
                if os.fstat(descriptor).st_ino == path.stat().st_ino:
                    return cls(path, descriptor)
            os.close(descriptor)

    def release(self) -> None:
        """Give it back; harmless the second time."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                self.path.unlink()
            os.close(self._descriptor)
            self._descriptor = -1


class FolderLock:
    """Holds a folder that exists."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, folder: Path) -> Self | None:
        """The lock, or None where somebody holds it or where it is no folder."""
        descriptor = _locked(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        return None if descriptor is None else cls(descriptor)

    def release(self) -> None:
        """Give it back; harmless the second time."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _locked(path: Path, flags: int) -> int | None:
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
