"""Runs the plans of a sweep on the workers of a Dask cluster whose scheduler somebody else has started.

Dask sends Python objects between its processes and runs what it is sent: use it only on a network whose machines are
trusted. Every worker needs Penjing installed.
"""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from penjing.errors import UserError
from penjing.plan import Plan
from penjing.planning.runner import Outcome, Tried, TryPlan

ADDRESS = re.compile(r"(tcp|tls)://[^\s/:]+:[0-9]{1,5}|(tcp|tls)://\[[0-9a-fA-F:]+\]:[0-9]{1,5}")
"""What the address of a scheduler looks like; Dask would look for anything else in its own ways, and for long."""
_PATIENCE = 10
"""Seconds in which a scheduler answers and has a worker."""
_GLANCE = 0.5
"""Seconds after which a person's wish to stop is looked up."""


class ClusterRunner:
    """As many plans at a time as the cluster has threads."""

    def __init__(self, client: Any, run: TryPlan) -> None:  # a `distributed.Client`, which ships no types
        self._client = client
        # Sent once; the network and its data may be large.
        self._sent = client.scatter(run, broadcast=True)
        self._running: dict[Any, int] = {}

    @property
    def capacity(self) -> int:
        """Threads of the workers that there are now."""
        threads: dict[str, int] = self._client.nthreads()
        return max(1, sum(threads.values()))

    def start(self, ticket: int, plan: Plan, floor: float) -> None:
        """Send a plan."""
        self._running[self._client.submit(_call, self._sent, plan, floor, pure=False)] = ticket

    def wait(self) -> Outcome | None:
        """The next that ends, None after half a second in which none has."""
        import distributed

        wait: Any = distributed.wait  # untyped
        try:
            with self._client.as_current():
                wait(list(self._running), timeout=_GLANCE, return_when="FIRST_COMPLETED")
        except TimeoutError:
            return None
        future = next(one for one in self._running if one.done())
        ticket, failure = self._running.pop(future), future.exception()
        if failure is not None:
            detail = f"{type(failure).__name__}: {failure}".splitlines()[0]
            return Outcome(ticket, None, UserError("sweep.worker_failed", detail=detail))
        said = future.result()
        if isinstance(said, _Refused):
            return Outcome(ticket, None, UserError(said.code, **said.values))
        return Outcome(ticket, said, None)

    def stop(self) -> None:
        """Nobody waits for what still runs."""
        self._client.cancel(list(self._running))


@contextlib.contextmanager
def cluster(address: str, run: TryPlan) -> Iterator[ClusterRunner]:
    """The workers of the scheduler at an address.

    Raises:
        UserError: `sweep.wrong_address`, `sweep.needs_dask`, `sweep.no_scheduler`, `sweep.no_workers`.
    """
    if not ADDRESS.fullmatch(address):
        raise UserError("sweep.wrong_address", address=address)
    try:
        import distributed
    except ImportError as error:
        raise UserError("sweep.needs_dask") from error
    connect: Any = distributed.Client  # untyped
    try:
        client = connect(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise UserError("sweep.no_scheduler", address=address) from error
    try:
        try:
            client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError as error:
            raise UserError("sweep.no_workers", address=address, seconds=_PATIENCE) from error
        runner = ClusterRunner(client, run)
        try:
            yield runner
        finally:
            runner.stop()
    finally:
        client.close()


class _Refused:
    """A `UserError` on its way: exceptions with named values do not survive it."""

    def __init__(self, error: UserError) -> None:
        self.code, self.values = error.code, {key: str(value) for key, value in error.values.items()}


def _call(run: TryPlan, plan: Plan, floor: float) -> Tried | _Refused | None:
    """On a worker."""
    try:
        return run(plan, floor)
    except UserError as error:
        return _Refused(error)
