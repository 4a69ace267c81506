"""While a hand drags a budget, the plan that meets it at the least predicted loss: sliders of all layers follow."""

import itertools
import time

import msgspec
from PySide6.QtCore import QObject

from penjing.errors import UserError
from penjing.planning.fit import fit
from penjing.planning.presets import preset
from penjing_gui.session import Session

SLOW = 0.06
"""Seconds: a fit that takes longer is felt in the hand; then the plan follows when the hand lets go, as a job."""


class Frontier(QObject):
    """Of one session; a whole drag is one step of the history."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._gestures = itertools.count(1)
        self._gesture: str | None = None
        self._slow = False
        session.opened.connect(self._forget)

    def drag(self, field: str, limit: float, over: bool) -> None:
        """A budget is now `limit` (bytes or milliseconds); `over` when the hand lets go."""
        session = self._session
        if session.graph is None:
            return
        wanted = limit if field == "latency_ms" else max(1, round(limit))
        session.set_budgets(msgspec.structs.replace(session.budgets, **{field: wanted}))
        if self._gesture is None:
            self._gesture = f"frontier.{next(self._gestures)}"
        if not self._slow:
            self._follow(self._gesture)
        if over:
            self._gesture = None
            if self._slow and session.device is not None:
                session.fit()

    def _follow(self, gesture: str) -> None:
        session = self._session
        graph, device = session.graph, session.device
        if graph is None or device is None:
            return
        budgets = msgspec.structs.replace(session.budgets, max_drop=None)  # a drop is known only once it is measured
        started = time.thread_time()
        try:
            plan = fit(graph, session.tables, device, budgets, start=preset("gentle", graph, device=device)).plan
        except (KeyError, UserError):  # a score on its way, a figure that the device has no source for
            return
        self._slow = time.thread_time() - started > SLOW
        plan = msgspec.structs.replace(plan, distillation=session.plan.distillation)
        session.edit(plan, self.tr("Fit within a budget"), gesture)

    def _forget(self) -> None:
        self._gesture, self._slow = None, False
