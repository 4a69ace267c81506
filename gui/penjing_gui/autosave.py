"""Keeps unsaved work every few seconds, and offers what a window that died left."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from penjing.errors import UserError
from penjing.project.workspace import Workspace, abandoned, state_of
from penjing_gui import folders
from penjing_gui.language import title_of
from penjing_gui.notices import Action, Notice
from penjing_gui.settings import write_whole

if TYPE_CHECKING:
    from penjing_gui.projects import Projects
    from penjing_gui.session import Session

INTERVAL = 1500
"""Milliseconds from a change to its autosave: with the time that writing takes, a kill costs less than two seconds."""


class Autosave(QObject):
    """The folder of unsaved work and when it is written."""

    def __init__(self, session: "Session", projects: "Projects") -> None:
        super().__init__(projects)
        self.workspace: Workspace | None = None
        self._session, self._projects = session, projects
        self._offered: Workspace | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(INTERVAL)
        self._timer.timeout.connect(self.now)

    def wait(self, seconds: float) -> None:
        """Keep unsaved work this long after a change."""
        self._timer.setInterval(round(1000 * seconds))

    def soon(self) -> None:
        """Write within a few seconds."""
        if self.workspace is not None and not self._timer.isActive():
            self._timer.start()

    def now(self) -> None:
        """Write what is not saved; where all is saved, take an earlier autosave away."""
        self._timer.stop()
        workspace, session = self.workspace, self._session
        if workspace is None or not session.is_open:
            return
        try:
            if not session.unsaved:
                workspace.state_file.unlink(missing_ok=True)
                return
            saved = datetime.now(UTC).isoformat(timespec="seconds")
            content = state_of(self._projects.current(), path=self._projects.path, saved=saved)
            write_whole(workspace.state_file, content)
        except OSError as error:
            text = self.tr("Unsaved work cannot be kept: {error}.").format(error=session.texts.refusal(error))
            hint = self.tr("Make room on the disk; save the project somewhere else.")
            session.noticed.emit(Notice(level="warning", text=text, hint=hint, key="autosave"))

    def new_workspace(self) -> Workspace:
        """A folder of unsaved work for something that is to be opened.

        Raises:
            OSError: The place cannot be written.
        """
        return Workspace.new(folders.work_folder())

    def use(self, workspace: Workspace | None) -> None:
        """Keep work in this folder from now on, or in a new one; the one of before goes."""
        before, self.workspace = self.workspace, workspace
        if before is not None:
            before.remove()
        if workspace is None:
            try:
                self.workspace = self.new_workspace()
            except OSError as error:
                text = self.tr("Unsaved work cannot be kept: {error}.").format(error=self._session.texts.refusal(error))
                self._session.noticed.emit(Notice(level="warning", text=text, key="autosave"))

    def offer(self) -> None:
        """Say what a dead window left; only the newest at once."""
        for found in abandoned(folders.work_folder()):
            if self._offered is None:
                self._offered = found
            else:
                found.release()
        if self._offered is None:
            return
        actions = (
            Action(self.tr("Restore"), self._restore, "recovery.restore"),
            Action(self.tr("Discard"), self._discard, "recovery.discard"),
        )
        text = self.tr("Penjing ended before your work was saved{name}.").format(name=self._name(self._offered))
        self._session.noticed.emit(Notice(level="warning", text=text, actions=actions, key="recovery"))

    def close(self) -> None:
        """Nothing is unsaved any more, but what was offered stays for another time."""
        self._timer.stop()
        if self.workspace is not None:
            self.workspace.remove()
            self.workspace = None
        if self._offered is not None:
            self._offered.release()
            self._offered = None

    def _name(self, workspace: Workspace) -> str:
        try:
            project, path = workspace.read()
        except UserError:
            return ""
        title = title_of(project.source.path, project.title)
        name = title or Path(project.source.path).name if path is None else path.name
        return f": {name}" if name else ""

    def _restore(self) -> None:
        workspace, self._offered = self._offered, None
        if workspace is not None:
            self._projects.restore(workspace)

    def _discard(self) -> None:
        workspace, self._offered = self._offered, None
        if workspace is not None:
            workspace.remove()
