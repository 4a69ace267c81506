"""Who runs the plans of a sweep: this process, one plan at a time; `planning.cluster` is the other.

>>> here = Here(lambda plan, floor: None)
>>> here.start(1, Plan(), 0.0)
>>> here.wait()
Outcome(ticket=1, tried=None, error=None)
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from penjing.errors import UserError
from penjing.plan import Plan
from penjing.results import Figures


class Tried(NamedTuple):
    """What a plan makes."""

    figures: Figures
    """With the accuracy."""
    hopeless: bool = False
    """The accuracy is of a part of the data only: it left no hope to reach the floor."""


TryPlan = Callable[[Plan, float], Tried | None]
"""A plan, and the goodness below which it is of no use → what it makes; None where that cannot be told.

Sent to workers, it must be picklable.
"""


class Outcome(NamedTuple):
    """How a plan that was started ended."""

    ticket: int
    tried: Tried | None
    error: UserError | None


class Runner(Protocol):
    """Takes plans and gives outcomes, in any order."""

    @property
    def capacity(self) -> int:
        """Plans at a time."""

    def start(self, ticket: int, plan: Plan, floor: float) -> None:
        """Begin with a plan."""

    def wait(self) -> Outcome | None:
        """The next that ends; None where none has ended for a while."""


class Here:
    """Runs plans in this process."""

    def __init__(self, run: TryPlan) -> None:
        self._run = run
        self._waiting: list[tuple[int, Plan, float]] = []

    @property
    def capacity(self) -> int:
        """One."""
        return 1

    def start(self, ticket: int, plan: Plan, floor: float) -> None:
        """Begin with a plan."""
        self._waiting.append((ticket, plan, floor))

    def wait(self) -> Outcome | None:
        """Run the plan that was started first."""
        ticket, plan, floor = self._waiting.pop(0)
        try:
            return Outcome(ticket, self._run(plan, floor), None)
        except UserError as error:
            return Outcome(ticket, None, error)
