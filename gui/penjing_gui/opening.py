"""Opening a network in the engine: what is on its way, what arrives, and what happens when the engine dies."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from penjing.project.values import Project
from penjing.worker import messages as wire
from penjing_gui.notices import Action, Notice

if TYPE_CHECKING:
    from penjing_gui.session import Session


@dataclass(frozen=True, kw_only=True)
class Pending:
    """A source that is being opened."""

    request: int
    source: str
    data: str | None
    metric: str | None = None
    """By what the person wants the data to be measured."""
    project: Project | None = None
    architecture: str | None = None
    """What a file of tensors belongs to, as the command line names it."""
    allow_code: bool = False
    """Whether the person lets the code of that architecture run."""
    again: bool = False
    """The engine died: what is open is opened in the new one, and nothing of the plan changes."""


class Opening(QObject):
    """The source that is being opened, if one is."""

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self.pending: Pending | None = None
        self._arriving: wire.Opened | None = None
        self.metric: str | None = None
        """By what the person chose to measure what is open."""
        self.architecture: str | None = None
        """What the file that is open belongs to, if it holds tensors alone."""
        self._allowed = False
        """Whether the person let the code of that architecture run, in this window."""
        self._session = session
        session.engine.received.connect(self._hear)
        session.engine.restarted.connect(self._restarted)
        session.engine.gave_up.connect(self._gave_up)

    def open(
        self,
        source: str,
        data: str | None,
        *,
        project: Project | None = None,
        architecture: str | None = None,
        allow_code: bool = False,
        again: bool = False,
    ) -> None:
        """Ask the engine; a source that is still being opened is forgotten.

        Code that a project names is not run before the person is asked, unless it runs in this window already.
        """
        session = self._session
        self.cancel()
        self._arriving = None
        metric = self.metric if again else None
        if project is not None and data == (None if project.data is None else project.data.path):
            metric = project.metric
        if architecture is None:
            architecture = self.architecture if again else None if project is None else project.architecture
            allow_code = self._allowed and architecture == self.architecture and source == session.source
            if architecture is not None and ":" in architecture and not allow_code:
                architecture = None  # then the engine says that it needs one, and the person is asked
        self.pending = Pending(
            request=session.next_request(),
            source=source,
            data=data,
            metric=metric,
            project=project,
            architecture=architecture,
            allow_code=allow_code,
            again=again,
        )
        # At once, while the engine may still be loading its libraries: who opened something sees that it is heard.
        session.open_progressed.emit(wire.OpenProgress(request=self.pending.request, stage="model", done=0, total=3))
        session.engine.start()
        session.engine.send(
            wire.OpenSource(
                request=self.pending.request,
                source=source,
                data=data,
                metric=metric,
                architecture=architecture,
                allow_code=allow_code,
            )
        )
        # The engine may still be loading its libraries, for seconds: until then nobody else says that it was heard.
        request = self.pending.request
        session.open_progressed.emit(wire.OpenProgress(request=request, stage="model", done=0, total=1))

    def cancel(self) -> None:
        """Forget it."""
        if self.pending is not None:
            self._session.engine.send(wire.CancelOpen(request=self.pending.request))

    def _hear(self, message: wire.FromWorker) -> None:
        pending, session = self.pending, self._session
        if pending is None or getattr(message, "request", None) != pending.request:
            return
        match message:
            case wire.OpenProgress():
                session.open_progressed.emit(message)
            case wire.Opened():
                self._arriving = message
            case wire.Tables() if self._arriving is not None:
                # Only now can figures be told, so only now is it open.
                arriving, self.metric = self._arriving, pending.metric
                self.architecture, self._allowed = pending.architecture, pending.allow_code
                self._over()
                session.adopt(pending, arriving, message)
            case wire.Failed() if message.code == "load.needs_architecture":
                self._over()
                session.architecture_wanted.emit(pending, message)
            case wire.Failed():
                self._over()
                if message.code != "worker.cancelled":
                    session.noticed.emit(session.projects.failure_to_open(pending, message))
            case wire.Crashed():
                self._over()
            case _:
                pass

    def _over(self) -> None:
        self.pending = self._arriving = None
        self._session.open_progressed.emit(None)

    def _restarted(self, words: str) -> None:
        pending, session = self.pending, self._session
        self._over()
        if pending is not None and not pending.again:
            text = self.tr("{source} made the engine crash and was not opened.").format(source=pending.source)
            hint = self.tr("Convert it again, or report it with the details.")
            session.noticed.emit(Notice(level="error", text=text, hint=hint, details=words, key="engine"))
        else:
            text = self.tr("The engine ended unexpectedly and was started again; your plan is as it was.")
            session.noticed.emit(Notice(level="warning", text=text, details=words, key="engine"))
        self._open_again()

    def _gave_up(self, words: str) -> None:
        self._over()
        text = self.tr("The engine cannot run. Your plan is safe; exact numbers still follow the sliders.")
        again = Action(self.tr("Start it again"), self._start_again, "notice.startEngine")
        notice = Notice(level="error", text=text, details=words, key="engine", actions=(again,))
        self._session.noticed.emit(notice)

    def _start_again(self) -> None:
        self._session.engine.restart()
        self._open_again()

    def _open_again(self) -> None:
        session = self._session
        if session.source is not None:
            self.open(session.source, session.data_source, again=True)
