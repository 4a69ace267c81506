"""Asks the engine for what a lesson's example needs of the network that is open, and says when it is there."""

from collections.abc import Callable
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Signal

from penjing.worker.messages import Logits, Look, Saliency, Samples
from penjing_gui.learn.worked import NINE, Array, Material, Needs
from penjing_gui.session import Session

_EXAMPLES = tuple(range(32))


class Gatherer(QObject):
    """Holds the newest answers to the newest wishes."""

    arrived = Signal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._needs = Needs(weights=False)
        self._requests: dict[int, str] = {}
        self._found: dict[str, Any] = {}
        session.saliency_received.connect(self._take_picture)
        session.samples_received.connect(self._take_samples)
        session.logits_received.connect(self._take_logits)
        session.look_received.connect(self._take_look)

    def ask(self, needs: Needs) -> None:
        """Forget what was wanted before and ask for this."""
        session = self._session
        self._needs, self._requests, self._found = needs, {}, {}
        layer = session.layer
        if not session.is_open or layer is None:
            return
        if needs.weights:
            self._requests[session.request_saliency(layer, None)] = "weights"
        if needs.folded:
            self._requests[session.request_saliency(layer, None, folded=True)] = "folded"
        if needs.scores is not None and (session.data is not None or not needs_data(needs.scores)):
            self._requests[session.request_saliency(layer, needs.scores)] = "scores"
        if session.data is None:
            return
        count = session.data.sizes.get("val", 0)
        if needs.inputs and count:
            self._requests[session.request_samples(_EXAMPLES[:count])] = "inputs"
        if needs.logits and count:
            self._requests[session.request_logits((0,))] = "logits"
        if needs.look is not None and count:
            self._requests[session.request_look(0, needs.look)] = "look"

    def material(self) -> Material | None:
        """What is here by now; None while the weights are not."""
        session = self._session
        if session.graph is None or session.layer is None:
            return None
        weights = self._found.get("weights")
        if weights is None and self._needs.weights:
            return None
        return Material(
            layer=session.layer,
            weights=NINE if weights is None else weights,
            graph=session.graph,
            plan=session.plan,
            tables=session.tables,
            device=session.device,
            figures=session.figures,
            baseline=session.baseline,
            scores=self._found.get("scores"),
            folded=self._found.get("folded"),
            inputs=self._found.get("inputs"),
            logits=self._found.get("logits"),
            look=self._found.get("look"),
        )

    def _take_picture(self, message: Saliency, values: Array) -> None:
        self._take(message.request, lambda: np.asarray(values, dtype=np.float64))

    def _take_samples(self, message: Samples, values: list[Array]) -> None:
        self._take(message.request, lambda: np.asarray(values[0], dtype=np.float64))

    def _take_logits(self, message: Logits) -> None:
        original = np.array(message.original[0], dtype=np.float64)
        plan = original if message.plan is None else np.array(message.plan[0], dtype=np.float64)
        label = int(original.argmax()) if message.labels is None else message.labels[0]
        if len(original) > 1:
            self._take(message.request, lambda: (original, plan, label))

    def _take_look(self, message: Look, values: dict[str, Array]) -> None:
        if "example" in values and "before" in values:
            self._take(message.request, lambda: (_matrix(values["example"]), _matrix(values["before"])))

    def _take(self, request: int, value: Callable[[], object]) -> None:
        """What is for others is not made: of a large layer that alone would be felt."""
        name = self._requests.pop(request, None)
        if name is not None:
            self._found[name] = value()
            self.arrived.emit()


def needs_data(criterion: str) -> bool:
    """Whether a criterion looks at samples."""
    from penjing.catalogue.methods import methods

    found = methods("criterion").get(criterion) or methods("filter_criterion").get(criterion)
    return found is not None and bool(found.needs)


def _matrix(values: Array) -> Array:
    """The first channel of an example, or a map, as rows and columns."""
    found = np.asarray(values, dtype=np.float64)
    while found.ndim > 2:
        found = found[0]
    return found[None, :] if found.ndim == 1 else found
