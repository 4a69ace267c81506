"""Tries many plans and tells which of them no other beats in both size and accuracy.

What is tried follows what was found: tree-structured Parzen estimators for several goals (Bergstra 2011; Ozaki 2020),
begun with the seeds that the caller gives. A plan that is no smaller than a run that lost nothing is not tried at all,
and one that is tried is measured no longer than it takes to see that a smaller run is better. The function that tries a
plan is the caller's; with a scheduler's address it runs on the workers of a Dask cluster, else here.
"""

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from penjing.errors import UserError
from penjing.plan import Plan
from penjing.planning.runner import Here, Outcome, Runner, TryPlan
from penjing.planning.space import Space
from penjing.planning.study import SweepRun, Trials, goals, open_trials
from penjing.results import OnProgress, Progress, unheard

if TYPE_CHECKING:
    from optuna.trial import Trial

MOST_TRIALS = 100_000
"""Runs that one call may add."""
_MOST_REPEATS = 40
"""Proposals that are known or hopeless, one after the other, until nothing new is expected."""
_MOST_FAILURES = 10
"""Trials that fail one after the other, until the reason of the last is told."""

OnRun = Callable[[SweepRun], None]


def _nobody(found: SweepRun) -> None:
    """For callers that wait for the end."""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What to do."""

    space: Space
    folder: Path
    """Holds the database."""
    trials: int
    """Runs to add; a sweep that was interrupted first comes to what it was to come to."""
    fingerprint: str
    """Of the network, the data and the device: a folder goes on only with the same."""
    size: Callable[[Plan], int]
    """Exact bytes of weights and biases that a plan leaves."""
    enough: float = 1.0
    """Goodness of the network as loaded: a larger plan than one that has it is of no use."""
    seeds: Sequence[Plan] = ()
    """Tried first."""
    scheduler: str | None = None
    """Address of a Dask scheduler, for example `tcp://127.0.0.1:8786`."""


def sweep(
    what: Sweep, run: TryPlan, *, on_run: OnRun = _nobody, on_progress: OnProgress = unheard
) -> tuple[SweepRun, ...]:
    """Every run of the folder, those of before first, with the Pareto front marked; `on_run` hears of each at once.

    Raises:
        UserError: `sweep.trials`, what `study.open_trials` says; with a scheduler `sweep.needs_dask`,
            `sweep.no_scheduler`, `sweep.no_workers`; what plans say, when many fail in a row.
    """
    if not 1 <= what.trials <= MOST_TRIALS:
        raise UserError("sweep.trials", trials=what.trials, most=MOST_TRIALS)
    with open_trials(what.folder, what.space, what.fingerprint) as trials, _runner(what, run) as runner:
        done = len(trials.runs)
        trials.goal = max(trials.goal, what.trials) if done < trials.goal else done + what.trials
        if not trials.seen:
            for seed in what.seeds:
                trials.seed(seed)
        for known in trials.runs:
            on_run(known)
        _Loop(what, trials, runner, on_run, on_progress).go()
        return with_front(trials.runs)


def with_front(runs: Iterable[SweepRun]) -> tuple[SweepRun, ...]:
    """The same runs, those marked that no other beats."""
    known = tuple(runs)
    return tuple(msgspec.structs.replace(one, pareto=not any(beats(other, one) for other in known)) for one in known)


def beats(one: SweepRun, other: SweepRun) -> bool:
    """Whether a run is at least as good in bytes and accuracy as another, and better in one of them."""
    first, second = goals(one.compressed), goals(other.compressed)
    return first != second and first[0] >= second[0] and first[1] <= second[1]


class _Loop:
    """Asks, runs, tells, until there are enough runs."""

    def __init__(self, what: Sweep, trials: Trials, runner: Runner, on_run: OnRun, on_progress: OnProgress) -> None:
        self._what, self._trials, self._runner = what, trials, runner
        self._on_run, self._on_progress = on_run, on_progress
        self._pending: dict[int, tuple[Trial, Plan]] = {}
        self._failures, self._exhausted = 0, False

    def go(self) -> None:
        """All of it; whatever ends it early, what is known is in the file."""
        self._tell()
        try:
            while len(self._trials.runs) < self._trials.goal:
                self._fill()
                if not self._pending:
                    return
                outcome = self._runner.wait()
                if outcome is not None:
                    self._take(outcome)
                self._tell()
        finally:
            for trial, _ in self._pending.values():
                with contextlib.suppress(Exception):  # what ended the sweep is what is told
                    self._trials.forget(trial)

    def _fill(self) -> None:
        while not self._exhausted and len(self._pending) < min(
            self._runner.capacity, self._trials.goal - len(self._trials.runs)
        ):
            asked = self._ask()
            if asked is None:
                self._exhausted = True
                return
            trial, plan = asked
            self._pending[trial.number] = trial, plan
            self._runner.start(trial.number, plan, self._floor(self._what.size(plan)))

    def _ask(self) -> "tuple[Trial, Plan] | None":
        """The next plan that may be worth it, or None where there seems to be none left."""
        for _ in range(_MOST_REPEATS):
            trial, plan = self._trials.ask()
            if plan.hash in self._trials.seen:
                self._trials.forget(trial)
                continue
            self._trials.seen.add(plan.hash)
            size = self._what.size(plan)
            if self._floor(size) < self._what.enough:
                return trial, plan
            self._trials.learn(trial, plan, self._what.enough, size)
        return None

    def _floor(self, size: int) -> float:
        """The best goodness of what is no larger; nothing is as bad as can be."""
        known = (goals(run.compressed) for run in self._trials.runs)
        return max((accuracy for accuracy, bytes_ in known if bytes_ <= size), default=-math.inf)

    def _take(self, outcome: Outcome) -> None:
        trial, plan = self._pending.pop(outcome.ticket)
        if outcome.tried is None or outcome.tried.figures.accuracy is None:
            self._trials.forget(trial)
            self._failures += 1
            if outcome.error is not None and self._failures >= _MOST_FAILURES:
                raise outcome.error
            return
        self._failures = 0
        found = outcome.tried.figures
        if outcome.tried.hopeless:
            self._trials.learn(trial, plan, goals(found)[0], found.size_bytes)
        else:
            self._on_run(self._trials.keep(trial, plan, found))

    def _tell(self) -> None:
        heard = [run.compressed.accuracy for run in self._trials.runs if run.compressed.accuracy is not None]
        best = max(heard, key=lambda one: one.goodness, default=None)
        values = {} if best is None else {"val_accuracy": best.value}
        done = len(self._trials.runs)
        self._on_progress(Progress(stage="sweep", done=done, total=self._trials.goal, values=values))


@contextlib.contextmanager
def _runner(what: Sweep, run: TryPlan) -> Iterator[Runner]:
    if what.scheduler is None:
        yield Here(run)
        return
    from penjing.planning.cluster import cluster

    with cluster(what.scheduler, run) as runner:
        yield runner
