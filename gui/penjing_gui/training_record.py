"""What the last training told, number by number: it outlives the page that draws it."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QObject

from penjing.results import Epoch
from penjing_gui.jobs import Job
from penjing_gui.session import Session

TRAINING = ("finetune", "qat", "distill", "train")
"""Stages in which something is learnt."""
MOST_POINTS = 2000
_NO_LOSSES = ("epoch", "lr", "val_accuracy")
"""What is told along with the losses."""


class TrainingRecord(QObject):
    """Hears the jobs of a session; a new training, and another network, begin a new record."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._job: Job | None = None
        self._stage = ""
        self._before = 0.0
        """Batches of the training steps before this one."""
        self._steps: list[float] = []
        self._losses: dict[str, list[float]] = {}
        session.job_changed.connect(self._hear)
        session.opened.connect(self.clear)
        session.closed.connect(self.clear)

    @property
    def job(self) -> Job | None:
        """The last training, as it was last told."""
        return self._job

    @property
    def steps(self) -> Sequence[float]:
        """Batches at which a loss was told."""
        return self._steps

    @property
    def losses(self) -> Mapping[str, Sequence[float]]:
        """The loss and its terms by name, as long as `steps`."""
        return self._losses

    @property
    def trainings(self) -> tuple[tuple[Epoch, ...], ...]:
        """Epochs that are done, of each training step in turn; epoch 0 is the network before the step."""
        found: list[list[Epoch]] = []
        for epoch in () if self._job is None else self._job.history:
            if epoch.number == 0 or not found:
                found.append([])
            found[-1].append(epoch)
        return tuple(tuple(one) for one in found)

    def clear(self) -> None:
        """Nothing has been trained yet."""
        self._job, self._stage, self._before = None, "", 0.0
        self._steps, self._losses = [], {}

    def _hear(self, job: Job) -> None:
        if job.kind != "train":
            return
        if job.state == "starting":
            self.clear()
        self._job = job
        values = job.values or {}
        if job.stage not in TRAINING or "loss" not in values:
            return
        if job.stage != self._stage:
            self._stage, self._before = job.stage, self._steps[-1] if self._steps else 0.0
        at = self._before + job.done
        if not self._steps or at > self._steps[-1]:
            self._write(at, {name: value for name, value in values.items() if name not in _NO_LOSSES})

    def _write(self, at: float, losses: Mapping[str, float]) -> None:
        self._steps.append(at)
        for name in (*self._losses, *losses):
            told = self._losses.setdefault(name, [])
            if len(told) < len(self._steps):
                # A term that the step before did not have, or this one has not any more.
                missing = len(self._steps) - len(told) - 1
                told += [float("nan")] * missing + [losses.get(name, float("nan"))]
        if len(self._steps) > MOST_POINTS:
            # Every second point of a long training shows as much.
            self._steps = self._steps[::2]
            self._losses = {name: told[::2] for name, told in self._losses.items()}
