"""Projects on disk: save, open, lock, and files that have moved."""

import functools
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject, Signal

from penjing.errors import UserError
from penjing.project.archive import checkpoints_of, read_archive, write_archive
from penjing.project.identity import exists, original, same
from penjing.project.locks import ProjectLock
from penjing.project.values import Original, Project, Unfinished
from penjing.project.workspace import Workspace
from penjing_gui.autosave import Autosave
from penjing_gui.notices import Action, Notice

if TYPE_CHECKING:
    from penjing.worker.messages import Failed
    from penjing_gui.opening import Pending
    from penjing_gui.session import Session


class _Incoming(msgspec.Struct, kw_only=True):
    """A project that is on its way."""

    project: Project
    workspace: Workspace
    path: Path | None
    lock: ProjectLock | None
    recovered: bool = False
    altered: bool = False
    """Whether what will be open differs from what is saved."""

    def give_up(self) -> None:
        """What it held is free again; recovered work is kept for another time."""
        if self.recovered:
            self.workspace.release()
        else:
            self.workspace.remove()
        if self.lock is not None:
            self.lock.release()


class Projects(QObject):
    """The project file of the session, if it has one, and the folder of its unsaved work."""

    locate_wanted = Signal(str, object)
    """Ask the person for a file: a title, and what to do with its path."""

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self.path: Path | None = None
        self.read_only = False
        self.dirty = False
        """Something beside the plan is not saved: runs, budgets, work that was recovered."""
        self.training: Unfinished | None = None
        """What was begun and can go on, also after the window was gone."""
        self._session = session
        self._lock: ProjectLock | None = None
        self._incoming: _Incoming | None = None
        self.autosave = Autosave(session, self)

    def run_folder(self, id: str) -> Path:
        """Where a run's network lies or will lie."""
        workspace = self.autosave.workspace
        if workspace is None:
            return self._session.exchange.folder / "runs" / id
        return workspace.run_folder(id)

    def checkpoints(self, id: str) -> Path:
        """Where a training keeps its state until it is a run."""
        return checkpoints_of(self.run_folder(id))

    def keep_training(self, training: Unfinished | None) -> None:
        """A training began, went on or ended; the state of one that it takes the place of is taken away."""
        before, self.training = self.training, training
        if before is not None and (training is None or training.id != before.id):
            shutil.rmtree(self.checkpoints(before.id), ignore_errors=True)
        self.dirty = True
        self.touch()

    def current(self, *, hashed: bool = False) -> Project:
        """The session as a project; with the hashes of the original files if they are asked for.

        Raises:
            OSError: An original file is to be hashed and cannot be read.
        """
        session = self._session
        name = original if hashed else _by_path
        device, source = session.device, session.source or ""
        given = session.data_source
        return Project(
            source=name(source),
            data=None if given is None else name(given),
            architecture=session.architecture,
            metric=session.chosen_metric,
            title=session.title,
            device=None if device is None else device.name,
            budgets={key: value for key, value in msgspec.structs.asdict(session.budgets).items() if value is not None},
            plan=session.plan,
            runs=session.runs,
            applied=None if session.run is None else session.run.id,
            training=self.training,
        )

    def touch(self) -> None:
        """Something changed that autosave keeps."""
        self.autosave.soon()
        self._session.project_changed.emit()

    def save(self, path: Path) -> bool:
        """Write the project; whether it could be written (a notice says why not)."""
        session = self._session
        lock = self._lock
        if path != self.path or lock is None:
            lock = ProjectLock.take(path)
            if lock is None:
                text = self.tr("“{name}” is open in another window, or its folder cannot be written.")
                hint = self.tr("Save it under another name.")
                session.noticed.emit(Notice(level="error", text=text.format(name=path.name), hint=hint, key="save"))
                return False
        runs = {run.id: self.run_folder(run.id) for run in session.runs if run.has_network}
        try:
            checkpoints = None if self.training is None else self.checkpoints(self.training.id)
            write_archive(path, self._hashed(), runs, checkpoints)
        except UserError as error:
            if lock is not self._lock:
                lock.release()
            session.noticed.emit(session.texts.error(error, key="save"))
            return False
        if lock is not self._lock:
            self._take_lock(lock)
        if self.read_only:
            session.noticed.emit(Notice(text="", key="read-only"))
        self.path, self.read_only, self.dirty = path, False, False
        session.undo_stack.setClean()
        self.autosave.now()
        session.noticed.emit(Notice(text=self.tr("Saved {name}").format(name=path.name), key="save"))
        session.project_changed.emit()
        return True

    def open(self, path: Path) -> None:
        """Read a project and open what it is about."""
        session = self._session
        if path == self.path:
            return
        path = path.absolute()
        lock = ProjectLock.take(path) if path.is_file() else None
        workspace = None
        try:
            workspace = self.autosave.new_workspace()
            project = read_archive(path, workspace.run_folder("any").parent)
        except (UserError, OSError) as error:
            if workspace is not None:
                workspace.remove()
            if lock is not None:
                lock.release()
            if isinstance(error, OSError):
                error = UserError("project.cannot_read", path=path, detail=error)
            session.noticed.emit(session.texts.error(error, key="open"))
            return
        self._open(_Incoming(project=project, workspace=workspace, path=path, lock=lock))

    def restore(self, workspace: Workspace) -> None:
        """Go on with what a dead window left."""
        try:
            project, path = workspace.read()
        except UserError as error:
            workspace.remove()
            self._session.noticed.emit(self._session.texts.error(error, key="recovery"))
            return
        lock = None if path is None else ProjectLock.take(path)
        self._open(_Incoming(project=project, workspace=workspace, path=path, lock=lock, recovered=True))

    def opened(self, project: Project | None) -> None:
        """The engine has opened something: a project that was on its way, other data, or something new."""
        if self._incoming is not None and self._incoming.project is not project:
            self._forget_incoming()  # something else was opened while a person was asked about it
        incoming = self._incoming
        if incoming is None and project is not None:
            self.dirty = True  # other data for the same project
            return
        self._incoming = None
        self.training = None if project is None else project.training
        self._take_lock(None if incoming is None else incoming.lock)
        self.autosave.use(None if incoming is None else incoming.workspace)
        self.path = None if incoming is None else incoming.path
        self.dirty = incoming is not None and (incoming.recovered or incoming.altered)
        self.read_only = incoming is not None and incoming.path is not None and incoming.lock is None
        if self.read_only and self.path is not None:
            text = self.tr("“{name}” is open in another window, or its folder cannot be written: it is read-only here.")
            hint = self.tr("Save it under another name to keep changes.")
            notice = Notice(level="warning", text=text.format(name=self.path.name), hint=hint, key="read-only")
            self._session.noticed.emit(notice)

    def offer_recovery(self) -> None:
        """Say what a window that died left."""
        self.autosave.offer()

    def close(self) -> None:
        """Give back the lock and the folder; the person has been asked by then."""
        self._forget_incoming()
        self._take_lock(None)
        self.autosave.close()

    def failure_to_open(self, pending: "Pending", message: "Failed") -> Notice:
        """What to say when a source cannot be opened."""
        actions: tuple[Action, ...] = ()
        if pending.architecture is not None and pending.project is None:
            again = functools.partial(self._session.open_source, pending.source, pending.data)
            actions = (Action(self.tr("Another architecture…"), again, "architecture.again"),)
        if pending.project is not None and self._incoming is not None:
            incoming, self._incoming = self._incoming, None
            actions = self._ways_on(incoming)
        return self._session.texts.failure(message.code, message.values, key="open", actions=actions)

    def _open(self, incoming: _Incoming) -> None:
        self._forget_incoming()
        project = incoming.project
        for known in (project.source, project.data):
            if known is not None and not exists(known):
                text = self.tr("“{path}”, which the project is about, is not there any more.").format(path=known.path)
                notice = Notice(level="error", text=text, key="open", actions=self._ways_on(incoming))
                self._session.noticed.emit(notice)
                return
        self._incoming = incoming
        data = None if project.data is None else project.data.path
        self._session.open_source(project.source.path, data, project=project)
        changed = [known.path for known in (project.source, project.data) if known is not None and not same(known)]
        if changed:
            text = self.tr("“{path}” has changed since the project was saved: figures may differ.")
            self._session.noticed.emit(Notice(level="warning", text=text.format(path=changed[0]), key="moved"))

    def _ways_on(self, incoming: _Incoming) -> tuple[Action, ...]:
        """What a person can do where something of a project is gone: without its data a network still opens."""
        project = incoming.project
        if project.data is None or not exists(project.source):
            return (self._locate(incoming),)

        def open_alone() -> None:
            incoming.project = msgspec.structs.replace(project, data=None, metric=None)
            incoming.altered = True
            self._open(incoming)

        return self._locate(incoming), Action(self.tr("Open without data"), open_alone, "project.withoutData")

    def _locate(self, incoming: _Incoming) -> Action:
        project = incoming.project
        lost = project.data if project.data is not None and exists(project.source) else project.source

        def chosen(path: str) -> None:
            # The hash stays: what was chosen is compared with what the project was made with.
            found = msgspec.structs.replace(lost, path=str(Path(path).absolute()))
            field = "data" if lost is project.data else "source"
            incoming.project = msgspec.structs.replace(project, **{field: found})
            incoming.recovered = incoming.recovered or incoming.path is None
            self._open(incoming)

        def ask() -> None:
            self.locate_wanted.emit(self.tr("Locate {name}").format(name=Path(lost.path).name), chosen)

        return Action(self.tr("Locate file…"), ask, "project.locate")

    def _hashed(self) -> Project:
        try:
            return self.current(hashed=True)
        except OSError:
            return self.current()  # an original that is gone must not keep anybody from saving

    def _take_lock(self, lock: ProjectLock | None) -> None:
        if self._lock is not None:
            self._lock.release()
        self._lock = lock

    def _forget_incoming(self) -> None:
        if self._incoming is not None:
            self._incoming.give_up()
            self._incoming = None


def _by_path(source: str) -> Original:
    return Original(path=source)
