"""The engine's order of work, turn by turn: requests first, only the newest plan, and stopping at the next batch."""

from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from penjing.loading.dataset import Dataset
from penjing.plan import Plan
from penjing.worker.engine import Engine
from penjing.worker.inbox import Inbox
from penjing.worker.messages import (
    Baseline,
    CancelOpen,
    Failed,
    Measure,
    Measured,
    Message,
    OpenSource,
    Saliency,
    State,
    WantSaliency,
)
from penjing.worker.watched import WatchedDataset

PLAN = Plan().with_defaults(sparsity=0.5, weight_bits=4, activation_bits=8)


class Recorder:
    """Stands for the stream to the window."""

    def __init__(self, exchange: Path) -> None:
        self.exchange = exchange
        self.sent: list[Message] = []

    def send(self, message: Message) -> None:
        self.sent.append(message)

    def take(self) -> list[Message]:
        sent, self.sent = self.sent, []
        return [message for message in sent if not isinstance(message, State)]


@pytest.fixture
def window(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def engine(window: Recorder, inbox: Inbox) -> Engine:
    """An engine with `digits` open and its baseline measured."""
    engine = Engine(window, inbox)  # type: ignore[arg-type]
    inbox.put(OpenSource(request=1, source="sample:digits"))
    engine.turn()
    while not any(isinstance(message, Baseline) and message.final for message in window.sent):
        engine.turn()
    engine.turn()  # the baseline's last
    window.take()
    return engine


def measure(generation: int, **options: Any) -> Measure:
    return Measure(generation=generation, plan=PLAN.with_defaults(sparsity=generation / 100), **options)


def test_that_of_waiting_plans_only_the_newest_is_measured(engine: Engine, inbox: Inbox, window: Recorder) -> None:
    for generation in (3, 9, 4):
        inbox.put(measure(generation))
    while not _done(window):
        engine.turn()
    found = [message for message in window.take() if isinstance(message, Measured)]
    assert {message.generation for message in found} == {9}
    assert [message.final for message in found] == [False] * (len(found) - 1) + [True]


def test_that_a_newer_plan_takes_over_after_the_batch_that_runs(engine: Engine, inbox: Inbox, window: Recorder) -> None:
    inbox.put(measure(1))
    for _ in range(3):
        engine.turn()
    inbox.put(measure(2))
    while not _done(window):
        engine.turn()
    generations = [message.generation for message in window.take() if isinstance(message, Measured)]
    assert generations[:2] == [1, 1]
    assert set(generations[2:]) == {2}


def test_that_a_superseded_plan_stops_inside_its_steps_before_the_next_batch(
    engine: Engine, inbox: Inbox, window: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    # `activation` looks at samples while pruning; the newer plan arrives during that look.
    looks: list[str] = []
    batch = Dataset.batch

    def look(data: Dataset, *given: Any) -> Tensor:
        assert isinstance(data, WatchedDataset)
        looks.append("look")
        inbox.put(measure(8))
        return batch(data, *given)

    plan = Plan().with_defaults(filters=0.25, filter_criterion="activation", activation_bits=8)
    inbox.put(Measure(generation=7, plan=plan))
    engine.turn()
    monkeypatch.setattr(Dataset, "batch", look)
    engine.turn()
    monkeypatch.undo()
    assert looks == ["look"]
    assert window.take() == []
    while not _done(window):
        engine.turn()
    assert {message.generation for message in window.take() if isinstance(message, Measured)} == {8}


def test_that_requests_are_answered_between_two_batches(engine: Engine, inbox: Inbox, window: Recorder) -> None:
    inbox.put(measure(1))
    engine.turn()
    engine.turn()
    inbox.put(WantSaliency(request=5, layer="conv1"))
    engine.turn()
    engine.turn()
    first, answer, second = window.take()
    assert isinstance(answer, Saliency)
    assert isinstance(first, Measured)
    assert isinstance(second, Measured)
    assert second.accuracy.n > first.accuracy.n


def test_that_a_plan_of_what_was_open_does_not_outlive_a_new_opening(inbox: Inbox) -> None:
    running = measure(1)
    inbox.put(measure(2))
    inbox.put(OpenSource(request=2, source="sample:digits"))
    assert inbox.is_superseded(running)
    assert inbox.take(wait=False) == OpenSource(request=2, source="sample:digits")
    assert inbox.take(wait=False) is None


def test_that_only_the_newest_of_several_openings_goes_through(inbox: Inbox) -> None:
    old, new = OpenSource(request=1, source="a"), OpenSource(request=2, source="b")
    inbox.put(old)
    inbox.put(new)
    assert inbox.is_cancelled(old)
    assert not inbox.is_cancelled(new)


def test_that_a_cancelled_opening_keeps_what_was_open(engine: Engine, inbox: Inbox, window: Recorder) -> None:
    inbox.put(OpenSource(request=2, source="sample:watch"))
    inbox.put(CancelOpen(request=2))
    engine.turn()
    assert window.take() == [Failed(code="worker.cancelled", values={}, request=2)]
    inbox.put(WantSaliency(request=3, layer="conv1", criterion="magnitude"))
    engine.turn()
    (answer,) = window.take()
    assert isinstance(answer, Saliency)


def _done(window: Recorder) -> bool:
    return any(isinstance(message, Measured) and message.final for message in window.sent)


def test_that_a_lack_of_memory_is_told_as_such_and_the_next_plan_is_measured(
    engine: Engine, inbox: Inbox, window: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory")

    with monkeypatch.context() as patched:
        patched.setattr("penjing.worker.engine.run_plan", full)
        patched.setattr("penjing.worker.engine.saliency_picture", full)
        inbox.put(measure(1))
        inbox.put(WantSaliency(request=5, layer="conv1"))
        for _ in range(4):
            engine.turn() if inbox.waits or engine._measuring else None
    failed = [message for message in window.take() if isinstance(message, Failed)]
    assert {(one.code, one.generation, one.request) for one in failed} == {
        ("measure.too_little_memory", 1, None),
        ("memory.too_little", None, 5),
    }
    inbox.put(measure(2))
    while not _done(window):
        engine.turn()
    assert any(isinstance(message, Measured) and message.final for message in window.take())
