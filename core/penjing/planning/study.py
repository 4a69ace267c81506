"""The trials of a sweep in an embedded database (Optuna, SQLite): each is in the file as soon as it is known."""

import contextlib
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from penjing.errors import UserError
from penjing.plan import Plan, plan_from_json
from penjing.planning.space import Space, Values
from penjing.project.locks import FolderLock
from penjing.results import Figures

if TYPE_CHECKING:
    from optuna.trial import Trial

DATABASE = "sweep.db"
_STUDY = "sweep"
_FIRST = 10
"""Trials before the estimators choose."""


class SweepRun(msgspec.Struct, frozen=True, kw_only=True):
    """One plan that was tried."""

    plan_hash: str
    plan: Plan
    compressed: Figures
    pareto: bool = False
    """Whether no other run has both fewer bytes and a higher accuracy, or one of them at the same other."""


class Trials:
    """What is known, and what may be tried next."""

    def __init__(self, study: Any, space: Space) -> None:
        self._study, self._space = study, space
        self.runs: list[SweepRun] = []
        """Those of before, in the order in which they were begun."""
        self.seen: set[str] = set()
        """Hashes of all plans that were tried, hopeless ones included."""
        for trial in study.get_trials(deepcopy=False):
            if "hash" in trial.user_attrs:
                self.seen.add(trial.user_attrs["hash"])
            if "figures" in trial.user_attrs and trial.values:
                plan = plan_from_json(trial.user_attrs["plan"])
                found = msgspec.convert(trial.user_attrs["figures"], Figures)
                self.runs.append(SweepRun(plan_hash=plan.hash, plan=plan, compressed=found))

    @property
    def goal(self) -> int:
        """Runs that the last call was to come to."""
        return int(self._study.user_attrs.get("goal", 0))

    @goal.setter
    def goal(self, runs: int) -> None:
        self._study.set_user_attr("goal", runs)

    def seed(self, plan: Plan) -> None:
        """Try the position nearest to a plan before anything else."""
        self._study.enqueue_trial(_as_suggested(self._space, self._space.values(plan)))

    def ask(self) -> "tuple[Trial, Plan]":
        """A proposal."""
        trial = self._study.ask()
        values = {
            knob.name: trial.suggest_categorical(knob.name, knob.choices)
            if _is_category(knob.name)
            else knob.choices[trial.suggest_int(knob.name, 0, len(knob.choices) - 1)]
            for knob in self._space.knobs
        }
        return trial, self._space.plan(values)

    def keep(self, trial: "Trial", plan: Plan, found: Figures) -> SweepRun:
        """A run."""
        run = SweepRun(plan_hash=plan.hash, plan=plan, compressed=found)
        trial.set_user_attr("hash", run.plan_hash)
        trial.set_user_attr("plan", plan.as_json())
        trial.set_user_attr("figures", msgspec.to_builtins(found))
        self._study.tell(trial, goals(found))
        self.runs.append(run)
        return run

    def learn(self, trial: "Trial", plan: Plan, accuracy: float, size: int) -> None:
        """No run, but the estimators know better from now on."""
        trial.set_user_attr("hash", plan.hash)
        self._study.tell(trial, (accuracy, float(size)))

    def forget(self, trial: "Trial") -> None:
        """It came to nothing."""
        from optuna.trial import TrialState

        self._study.tell(trial, state=TrialState.FAIL)


def goals(found: Figures) -> tuple[float, float]:
    """Goodness by the metric, more is better; bytes of weights and biases as stored, fewer are better."""
    return (-math.inf if found.accuracy is None else found.accuracy.goodness), float(found.size_bytes)


@contextlib.contextmanager
def open_trials(folder: Path, space: Space, fingerprint: str) -> Iterator[Trials]:
    """The trials of a folder, new or gone on with; nobody else has them meanwhile.

    Raises:
        UserError: `sweep.needs_optuna`, `sweep.cannot_write`, `sweep.in_use`, `sweep.other_network`, `sweep.damaged`.
    """
    try:
        import optuna
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError as error:
        raise UserError("sweep.needs_optuna") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with _locked(folder), contextlib.ExitStack() as stack:
        try:
            study = _study(folder / DATABASE, stack)
            trials = Trials(study, space)
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError, RuntimeError, ValueError, UserError) as error:
            # A database that is none, of another version, or with plans and figures that are none.
            raise UserError("sweep.damaged", path=folder / DATABASE, detail=type(error).__name__) from error
        if study.user_attrs.get("fingerprint", fingerprint) != fingerprint:
            raise UserError("sweep.other_network", folder=folder)
        try:
            study.set_user_attr("fingerprint", fingerprint)
            for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
                study.tell(trial.number, state=optuna.trial.TrialState.FAIL)  # it ran when the process was ended
            yield trials
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            raise UserError("sweep.cannot_write", path=folder / DATABASE, detail=type(error).__name__) from error


def _study(path: Path, stack: contextlib.ExitStack) -> Any:
    import optuna
    from sqlalchemy import event

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = optuna.storages.RDBStorage(f"sqlite:///{path.absolute()}")
        stack.callback(storage.engine.dispose)
        event.listen(storage.engine, "connect", _not_in_doubt)
        storage.engine.dispose()
        study = optuna.create_study(
            storage=storage, study_name=_STUDY, directions=("maximize", "minimize"), load_if_exists=True
        )
        known = len(study.get_trials(deepcopy=False))
        study.sampler = optuna.samplers.TPESampler(n_startup_trials=_FIRST, multivariate=True, seed=known)
    return study


def _not_in_doubt(connection: Any, record: object) -> None:
    """Written is what outlives the process; to wait until it outlives the machine took half a second a trial."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=OFF")


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError("sweep.cannot_write", path=folder, detail=error.strerror or error) from error
    lock = FolderLock.take(folder)
    if lock is None:
        raise UserError("sweep.in_use", folder=folder)
    try:
        yield
    finally:
        lock.release()


def _is_category(knob: str) -> bool:
    return knob.startswith("bits ")


def _as_suggested(space: Space, values: Values) -> dict[str, Any]:
    """Values as `ask` suggests them: bits by value, everything else by its place."""
    return {
        knob.name: values[knob.name] if _is_category(knob.name) else knob.choices.index(values[knob.name])
        for knob in space.knobs
    }
