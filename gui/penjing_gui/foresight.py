"""What the engine has learned of the layers: the accuracy of any plan at once, and what gives it back."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from penjing.estimation.calibration import FEWEST
from penjing.estimation.predicted import Predictor
from penjing.estimation.sensitivity import methods_of
from penjing.plan import Plan
from penjing.results import Accuracy
from penjing.worker import messages as wire

if TYPE_CHECKING:
    from penjing_gui.session import Session

_PATIENCE = 1500
"""Milliseconds after which the engine is asked to learn: what a person wants first is a measured number."""


class Foresight(QObject):
    """Of the network that is open; asks the engine anew when a plan has other steps or methods."""

    changed = Signal()
    """More is known."""
    recovery_received = Signal(object)
    """`messages.Recovery` of the last `request_recovery`."""

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self._soon = QTimer(self, singleShot=True, interval=_PATIENCE)
        self._soon.timeout.connect(self._learn)
        session.engine.received.connect(self._hear)
        self.forget()

    def forget(self) -> None:
        """Another network."""
        self._soon.stop()
        self._request: int | None = None
        self._recovery: int | None = None
        self._methods: Plan | None = None
        self._predictor: Predictor | None = None
        self._seen: tuple[Plan, Accuracy | None] | None = None
        self.sensitivity: Mapping[str, float] = {}
        """By layer, 0..1: how much a strong change of it alone moves the answers, beside the most sensitive layer."""
        self.done, self.total = 0, 0
        """Probes, for telling how far it is."""
        self.tried = 0

    def consider(self) -> None:
        """The plan may have other methods, or there is something to learn from now."""
        session = self._session
        if session.data is None or not session.baseline_is_final or methods_of(session.plan) == self._methods:
            return
        self._soon.start()

    def request_recovery(self) -> None:
        """Ask for what gives the plan its accuracy back; `recovery_received` brings it bit by bit."""
        self._recovery = self._session.next_request()
        self._session.engine.send(wire.WantRecovery(request=self._recovery, plan=self._session.plan))

    def _hear(self, message: wire.FromWorker) -> None:
        match message:
            case wire.Learned():
                self._take(message)
            case wire.Recovery() if message.request == self._recovery:
                self.recovery_received.emit(message)
            case _:
                pass

    def _take(self, message: wire.Learned) -> None:
        session, baseline = self._session, self._session.baseline
        if message.request != self._request or session.graph is None or baseline is None or baseline.accuracy is None:
            return
        self.done, self.total, self.tried = message.done, message.total, message.predictions.tried
        self.sensitivity = message.predictions.sensitivity
        if self._predictor is None:
            self._predictor = Predictor(session.graph, message.predictions, baseline.accuracy)
        else:
            self._predictor = self._predictor.renewed(session.graph, message.predictions, baseline.accuracy)
        self._seen = None
        self.changed.emit()

    def measured(self, plan: Plan, accuracy: Accuracy) -> None:
        """A plan was really measured."""
        if self._predictor is not None:
            self._predictor = self._predictor.anchored(plan, accuracy, self._kept(plan))
            self._seen = None

    def accuracy(self, plan: Plan) -> Accuracy | None:
        """What the plan will give; None while nothing is known."""
        if self._predictor is None or self.tried < FEWEST:
            return None
        if self._seen is None or self._seen[0] is not plan:
            self._seen = plan, self._predictor.accuracy(plan, self._kept(plan))
        return self._seen[1]

    def _kept(self, plan: Plan) -> Mapping[str, float]:
        shares = self._session.layer_shares(plan)
        return {name: share.kept / share.weights for name, share in shares.items() if share.weights}

    def _learn(self) -> None:
        session = self._session
        self._methods = methods_of(session.plan)
        self._predictor, self._seen = None, None
        self._request = session.next_request()
        session.engine.send(wire.Learn(request=self._request, plan=session.plan))
