"""What the last training told, number by number: it outlives the page that draws it."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QObject

from penjing.results import Epoch, traced
from penjing_gui.jobs import Job
from penjing_gui.session import Session

MOST_POINTS = 2000
_NO_LOSSES = ("epoch", "lr", "val_accuracy")
"""What is told along with the losses."""

_Point = tuple[float, Mapping[str, float]]
"""Batches since the training began, and the losses of the last of them."""


class TrainingRecord(QObject):
    """Hears the jobs of a session; a new training, and another network, begin a new record.

    Epochs that are done bring the losses of their own batches, so that a training that was interrupted has the curve
    of one that was not; batches that are told in between, as often as there is time, stand in for the epoch that runs.
    """

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._job: Job | None = None
        self._known = 0
        """Epochs whose losses are in `_done`."""
        self._done: list[_Point] = []
        self._running: list[_Point] = []
        self._before, self._ended = 0.0, 0.0
        """Batches of the steps before this one; of all epochs that are done."""
        self._lines: tuple[list[float], dict[str, list[float]]] | None = None
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
        return self._drawn()[0]

    @property
    def losses(self) -> Mapping[str, Sequence[float]]:
        """The loss and its terms by name, as long as `steps`."""
        return self._drawn()[1]

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
        self._job, self._known = None, 0
        self._done, self._running = [], []
        self._before = self._ended = 0.0
        self._lines = None

    def _hear(self, job: Job) -> None:
        if job.kind != "train":
            return
        if job.state == "starting":
            self.clear()
        self._job = job
        for epoch in job.history[self._known :]:
            self._take(epoch)
        self._known = len(job.history)
        values = job.values or {}
        if "lr" not in values:
            return
        at = self._before + job.done
        if at > (self._running[-1][0] if self._running else self._ended):
            self._running.append((at, {name: value for name, value in values.items() if name not in _NO_LOSSES}))
            self._lines = None

    def _take(self, epoch: Epoch) -> None:
        """What an epoch told in the end takes the place of what was told meanwhile."""
        if epoch.number == 0:
            self._before = self._ended
        if epoch.trace:
            for place, batch in enumerate(traced(epoch.batches)):
                self._done.append((self._ended + batch, {name: told[place] for name, told in epoch.trace.items()}))
        self._ended += epoch.batches
        self._running, self._lines = [], None

    def _drawn(self) -> tuple[list[float], dict[str, list[float]]]:
        if self._lines is None:
            points = [*self._done, *self._running]
            # Fewer points of a long training show as much.
            every = -(-len(points) // MOST_POINTS) or 1
            points = [
                point for place, point in enumerate(points, start=1) if place % every == 0 or place == len(points)
            ]
            names = dict.fromkeys(name for _, losses in points for name in losses)
            # A term that one step has and another has not.
            told = {name: [losses.get(name, float("nan")) for _, losses in points] for name in names}
            self._lines = [at for at, _ in points], told
        return self._lines
