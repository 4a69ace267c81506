"""How plans that were measured in full judge the samples: by class, which flipped, what is taken for what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from penjing.plan import Plan
from penjing.worker.change import Change
from penjing.worker.messages import FromWorker, Measured

if TYPE_CHECKING:
    from penjing_gui.session import Session

_MOST = 256
"""Plans that are remembered; the oldest go first."""


@dataclass(frozen=True)
class Judgement:
    """Of one plan, without training."""

    per_class: tuple[float | None, ...]
    change: Change


class Judgements(QObject):
    """Remembers what the engine said of each plan, as long as the same network and data are open."""

    changed = Signal()

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self._known: dict[str, Judgement] = {}
        session.engine.received.connect(self._hear)
        session.opened.connect(self._forget)
        session.closed.connect(self._forget)

    def of(self, plan: Plan) -> Judgement | None:
        """None where nobody has measured it in full."""
        return self._known.get(plan.hash)

    @property
    def known(self) -> Mapping[str, Judgement]:
        """By plan hash."""
        return self._known

    def _forget(self) -> None:
        self._known = {}
        self.changed.emit()

    def _hear(self, message: FromWorker) -> None:
        session = self._session
        if not isinstance(message, Measured) or not message.final or message.change is None or not message.per_class:
            return
        trained = session.run is not None and session.run.has_network
        if message.generation == session.measured_generation and session.accuracy_is_current and not trained:
            self._known[session.plan.hash] = Judgement(message.per_class, message.change)
            while len(self._known) > _MOST:
                del self._known[next(iter(self._known))]
            self.changed.emit()
