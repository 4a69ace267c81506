"""Tries in small steps what gives a plan its accuracy back; whatever is asked comes first."""

from collections.abc import Callable

from penjing.errors import UserError
from penjing.pipeline.probing import Listener
from penjing.pipeline.recovering import Recovering
from penjing.worker.engine_messages import Recovery, WantRecovery
from penjing.worker.opening import Open
from penjing.worker.watched import watched, watched_modules


class Recover:
    """One answer, as `learning.Learning` is one."""

    def __init__(self, message: WantRecovery, opened: Open, on_part: Callable[[], None]) -> None:
        if opened.data is None or not len(opened.data.val):
            raise UserError("worker.no_data")
        self.plan = message.plan
        self._message, self._opened, self._on_part = message, opened, on_part
        self._work: Recovering | None = None

    def step(self) -> Recovery:
        """One network more, and what is known then. After `errors.Cancelled` nothing has happened."""
        opened = self._opened
        with watched_modules(self._on_part, weights=opened.weights):
            if self._work is None:
                data = watched(opened.data, self._on_part)
                assert data is not None
                listener = Listener(opened.model, data, opened.graph, self._on_part)
                self._work = Recovering(opened.model, opened.graph, self.plan, listener)
            self._work.step()
        work = self._work
        return Recovery(
            request=self._message.request, layer=work.layer, done=work.done, total=work.total, found=work.found
        )

    @property
    def over(self) -> bool:
        """Whether everything was tried."""
        return self._work is not None and self._work.over
