"""The curve of a training: that of an interrupted one is the one it would have had."""

import dataclasses
from collections.abc import Iterator, Sequence

import pytest
from PySide6.QtWidgets import QApplication

from penjing.results import Epoch, traced
from penjing.worker.exchange import Exchange
from penjing_gui.jobs import Job
from penjing_gui.session import Session
from penjing_gui.training_record import MOST_POINTS, TrainingRecord

BATCHES = 5


@pytest.fixture
def session(qapp: QApplication) -> Iterator[Session]:
    with Exchange() as exchange:
        made = Session(exchange)
        yield made
        made.deleteLater()


def epochs(count: int, *, batches: int = BATCHES) -> list[Epoch]:
    """As a training tells them: the loss falls from batch to batch, 1 / its number."""
    made = [Epoch(number=0, val_accuracy=0.1)]
    for number in range(1, count + 1):
        before = (number - 1) * batches
        trace = tuple(1.0 / (before + batch) for batch in traced(batches))
        made.append(Epoch(number=number, val_accuracy=0.5, loss=trace[0], batches=batches, trace={"loss": trace}))
    return made


class Trainer:
    """Says what the job runner says."""

    def __init__(self, session: Session) -> None:
        self._session, self._job = session, Job(kind="train", title="Distil", stage="distill", total=1e6)
        self._history: tuple[Epoch, ...] = ()
        self.say(state="starting")

    def say(self, **changes: object) -> None:
        self._job = dataclasses.replace(self._job, **changes)  # type: ignore[arg-type]
        self._session.job_changed.emit(self._job)

    def batch(self, done: int, loss: float) -> None:
        self.say(state="running", done=float(done), values={"loss": loss, "lr": 0.01, "epoch": 1.0})

    def epoch(self, epoch: Epoch, done: int) -> None:
        """Its numbers first, with the mean loss, then itself; a resumed training tells all at its present batch."""
        mean = {} if epoch.loss is None else {"loss": epoch.loss}
        self.say(state="running", done=float(done), values={**mean, "epoch": float(epoch.number), "val_accuracy": 0.5})
        self._history = (*self._history, epoch)
        self.say(history=self._history)


def drawn(record: TrainingRecord) -> tuple[Sequence[float], Sequence[float]]:
    return list(record.steps), list(record.losses.get("loss", ()))


def test_that_a_resumed_training_has_the_curve_of_an_uninterrupted_one(session: Session) -> None:
    told = epochs(4)
    record = TrainingRecord(session)
    whole = Trainer(session)
    for epoch in told:
        for batch in range(1, epoch.batches, 2):  # not all: there is no time for each
            whole.batch((epoch.number - 1) * BATCHES + batch, 7.0)
        whole.epoch(epoch, epoch.number * BATCHES)
    expected = drawn(record)
    assert expected[0] == list(range(1, 4 * BATCHES + 1))
    assert expected[1] == [1.0 / batch for batch in expected[0]]

    resumed = Trainer(session)
    for epoch in told[:3]:
        resumed.epoch(epoch, 2 * BATCHES)
    assert drawn(record) == tuple(part[: 2 * BATCHES] for part in expected)
    resumed.batch(2 * BATCHES + 3, 0.5)
    assert drawn(record)[0][-1] == 2 * BATCHES + 3 and drawn(record)[1][-1] == 0.5
    for epoch in told[3:]:
        resumed.epoch(epoch, epoch.number * BATCHES)
    assert drawn(record)[0] == [*range(1, 2 * BATCHES + 1), *range(2 * BATCHES + 1, 4 * BATCHES + 1)]
    assert drawn(record) == expected


def test_that_the_steps_of_a_pipeline_follow_each_other_also_where_one_was_stopped(session: Session) -> None:
    record = TrainingRecord(session)
    training = Trainer(session)
    first, second = epochs(1), epochs(2)
    for epoch in first:
        training.epoch(epoch, epoch.number * BATCHES)
    training.batch(BATCHES + 2, 9.0)  # the second epoch of the first step is never whole
    assert drawn(record)[0] == [1, 2, 3, 4, 5, 7]
    training.say(stage="qat", done=0.0)
    training.epoch(second[0], 0)
    training.batch(1, 0.25)
    assert drawn(record)[0] == [1, 2, 3, 4, 5, 6]
    assert drawn(record)[1][-1] == 0.25
    training.epoch(second[1], BATCHES)
    assert drawn(record)[0] == list(range(1, 2 * BATCHES + 1))


def test_that_a_long_training_keeps_its_end_and_no_more_points_than_can_be_seen(session: Session) -> None:
    record = TrainingRecord(session)
    training = Trainer(session)
    for epoch in epochs(150, batches=1000):
        training.epoch(epoch, epoch.number * 1000)
    steps, losses = drawn(record)
    assert MOST_POINTS / 2 < len(steps) <= MOST_POINTS + 1
    assert steps[-1] == 150_000 and losses[-1] == pytest.approx(1 / 150_000)
    assert steps == sorted(steps)
