"""Questions to the engine about one layer or a few examples, and their answers; what nobody asked for is dropped."""

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from penjing.worker import messages as wire

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from penjing.estimation.tables import Wanted
    from penjing_gui.session import Session

Question = (
    type[wire.WantTables]
    | type[wire.WantSaliency]
    | type[wire.WantSamples]
    | type[wire.WantLogits]
    | type[wire.WantLook]
    | type[wire.WantRanges]
    | type[wire.WantJudgement]
    | type[wire.WantFeatures]
)


class Inquiries(QObject):
    """Numbers of the questions that are open; every answer carries that of its question."""

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self._open: set[int] = set()
        self._asked: set[tuple[str, str, str]] = set()
        """Scores: (filter or weight, layer, criterion)."""
        session.engine.received.connect(self._hear)

    def ask(self, question: Question, **fields: Any) -> int:
        """Send a question; its number."""
        request = self._session.next_request()
        self._open.add(request)
        self._session.engine.send(question(request=request, **fields))
        return request

    def ask_scores(self, missing: "Wanted") -> None:
        """Ask for scores, each but once."""
        filters, weights = (
            tuple(pair for pair in sorted(pairs) if (what, *pair) not in self._asked)
            for what, pairs in (("filter", missing.filters), ("weight", missing.weights))
        )
        self._asked |= {("filter", *pair) for pair in filters} | {("weight", *pair) for pair in weights}
        if filters or weights:
            self.ask(wire.WantTables, filters=filters, weights=weights)

    def forget(self) -> None:
        """The engine that was asked is gone, or another network is open."""
        self._open.clear()
        self._asked.clear()

    def _hear(self, message: wire.FromWorker) -> None:
        request = getattr(message, "request", None)
        if request not in self._open:
            return
        self._open.discard(request)
        session, exchange = self._session, self._session.exchange
        match message:
            case wire.Tables():
                session.take_scores(message)
            case wire.Saliency():
                session.saliency_received.emit(message, exchange.map(message.file)(message.block))
            case wire.Ranges():
                session.ranges_received.emit(message)
            case wire.Samples():
                mapped = exchange.map(message.file)
                session.samples_received.emit(message, [mapped(one) for one in (message.values, *message.others)])
            case wire.Logits():
                session.logits_received.emit(message)
            case wire.Look():
                session.look_received.emit(message, self._arrays(message))
            case wire.Features():
                session.features_received.emit(message, exchange.map(message.file) if message.file else None)
            case wire.Failed():
                session.noticed.emit(session.texts.failure(message.code, message.values, key="engine"))
            case _:
                pass

    def _arrays(self, message: wire.Look) -> "dict[str, NDArray[Any]]":
        if message.example is None:
            return {}
        mapped = self._session.exchange.map(message.file)
        looks = {"before": message.before, "after": message.after}
        return {"example": mapped(message.example)} | {
            name: mapped(look.values) for name, look in looks.items() if look is not None
        }
