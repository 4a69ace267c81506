"""Learns in the background how the layers of what is open answer to compression; whatever is asked comes first."""

import time
from collections.abc import Callable

from penjing.errors import UserError
from penjing.estimation.fitting import fitted
from penjing.estimation.sensitivity import Sensitivity, methods_of
from penjing.model.penjingnet_format import encode
from penjing.pipeline.probing import Prober
from penjing.worker.cache import keep, key_of, recall
from penjing.worker.engine_messages import Learn, Learned
from penjing.worker.opening import Open
from penjing.worker.watched import watched, watched_modules

PACE = 1.0
"""Seconds between two messages, of which each replaces the one before."""
VERSION = "3"
"""Of what is kept: another one if probes or readings mean something else."""


class Learning:
    """One answer in many small steps, each of which can be interrupted and repeated."""

    def __init__(self, message: Learn, opened: Open, on_part: Callable[[], None]) -> None:
        if opened.data is None or not len(opened.data.val):
            raise UserError("worker.no_data")
        self._message, self._opened, self._on_part = message, opened, on_part
        self._data = opened.data
        self._prober: Prober | None = None
        self._key = ""
        self._known: Sensitivity | None = None
        self._told = 0.0

    def step(self) -> Learned | None:
        """One probe more; what the window should hear of it. After `errors.Cancelled` nothing has happened."""
        if self._known is None:
            self._key = _key(self._opened, self._message)
            self._known = recall(self._key, Sensitivity)
            if self._known is not None:
                return self._tell()
        with watched_modules(self._on_part, weights=self._opened.weights):
            if self._prober is None:
                data = watched(self._data, self._on_part)
                assert data is not None
                self._prober = Prober(
                    self._opened.model, data, self._message.plan, graph=self._opened.graph, on_part=self._on_part
                )
            if self._known is None:
                self._known = self._prober.nothing()
            self._known = self._prober.step(self._known)
        over = self._known.done >= self._known.total
        if over or self._known.done % KEPT_EVERY == 0:
            keep(self._key, self._known)
        return self._tell() if over or time.monotonic() - self._told >= PACE else None

    @property
    def over(self) -> bool:
        """Whether everything is known."""
        return self._known is not None and self._known.done >= self._known.total

    def _tell(self) -> Learned:
        assert self._known is not None
        self._told = time.monotonic()
        return Learned(
            request=self._message.request,
            done=self._known.done,
            total=self._known.total,
            predictions=fitted(self._opened.graph, self._known),
        )


KEPT_EVERY = 20
"""Probes between two writings of what is known."""


def _key(opened: Open, message: Learn) -> str:
    """Of the network, the samples and the methods."""
    assert opened.data is not None
    data, methods = opened.data, methods_of(message.plan)
    val = data.val
    arrays = (data.train.x, *data.train.others, val.x, *val.others, val.y, val.targets)
    facts = [b"" if array is None else array.tobytes() for array in arrays]
    how = repr((data.form, data.others, data.metric, data.reconstructs))
    return key_of(VERSION, encode(opened.model), *facts, how, methods.hash)
