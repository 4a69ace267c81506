"""Projects on disk: save, open, lock, autosave and recovery, and files that have moved."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from penjing.project.values import Original, Project
from penjing.worker.messages import Failed
from penjing_gui.notices import Notice

if TYPE_CHECKING:
    from penjing_gui.opening import Pending
    from penjing_gui.session import Session


class Projects(QObject):
    """The project file of the session, if it has one, and the folder where runs are kept until they are saved."""

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self.path: Path | None = None
        self.read_only = False
        self.runs_unsaved = False
        self._session = session

    def run_folder(self, id: str) -> Path:
        """Where a run's network lies or will lie."""
        return self._session.exchange.folder / "runs" / id

    def current(self) -> Project:
        """The session as a project."""
        session = self._session
        return Project(source=Original(path=session.source or ""), plan=session.plan, runs=session.runs)

    def opened(self, project: Project | None) -> None:
        """Another network is open."""

    def touch(self) -> None:
        """Something changed that autosave keeps."""

    def save(self, path: Path) -> bool:
        """Write the project."""
        return False

    def open(self, path: Path) -> None:
        """Open a project."""

    def offer_recovery(self) -> None:
        """Say what a window that died left."""

    def close(self) -> None:
        """Give the lock back."""

    def failure_to_open(self, pending: "Pending", message: Failed) -> Notice:
        """What to say when a source cannot be opened."""
        return self._session.texts.failure(message.code, message.values, key="open")
