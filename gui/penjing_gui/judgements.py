"""How plans and runs judge the samples: by class, which flipped, what is taken for what, and their weights."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from penjing.worker.messages import FromWorker, Judged

if TYPE_CHECKING:
    from penjing.plan import Plan
    from penjing.project.values import Run
    from penjing_gui.session import Session

_MOST = 256
"""Judgements that are remembered; the oldest go first."""


class Judgements(QObject):
    """Asks the engine, each but once, and remembers as long as the same network and data are open."""

    changed = Signal()

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self._known: dict[str, Judged] = {}
        self._asked: dict[int, str] = {}
        session.engine.received.connect(self._hear)
        session.engine.restarted.connect(self._ask_again)
        session.opened.connect(self._forget)
        session.closed.connect(self._forget)

    def of(self, plan: "Plan", run: "Run | None" = None) -> Judged | None:
        """None where it has not been judged yet; a run that was trained is more than its plan."""
        return self._known.get(_key(plan, run))

    def want(self, plan: "Plan", run: "Run | None" = None) -> None:
        """Have it judged if it is not; `changed` says when."""
        key = _key(plan, run)
        if key in self._known or key in self._asked.values():
            return
        self._asked[self._session.request_judgement(plan, run)] = key

    @property
    def known(self) -> Mapping[str, Judged]:
        """By hash of a plan, or id of a trained run."""
        return self._known

    def _ask_again(self, _: object = None) -> None:
        """What the engine was asked went with it."""
        self._asked = {}
        self.changed.emit()

    def _forget(self) -> None:
        self._known, self._asked = {}, {}
        self.changed.emit()

    def _hear(self, message: FromWorker) -> None:
        if not isinstance(message, Judged):
            return
        key = self._asked.pop(message.request, None)
        if key is not None:
            self._known[key] = message
            while len(self._known) > _MOST:
                del self._known[next(iter(self._known))]
            self.changed.emit()


def _key(plan: "Plan", run: "Run | None") -> str:
    return run.id if run is not None and run.has_network else plan.hash
