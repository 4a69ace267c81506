"""The engine learns in the background how layers answer: what is asked comes first, and nothing is learned twice."""

import os
from pathlib import Path

import pytest

from penjing.errors import Cancelled
from penjing.estimation.predicted import Predictor
from penjing.plan import Plan
from penjing.results import Accuracy
from penjing.worker import learning as module
from penjing.worker.cache import MOST_BYTES, cache_folder, empty, keep, key_of, limit, recall, used
from penjing.worker.engine import Engine
from penjing.worker.inbox import Inbox
from penjing.worker.learning import Learning
from penjing.worker.messages import (
    Learn,
    Learned,
    Measure,
    Measured,
    Message,
    OpenSource,
    Recovery,
    WantRecovery,
    decode_from_worker,
    encode,
)
from penjing.worker.opening import Open, open_source


class Recorder:
    """Stands for the stream to the window."""

    def __init__(self, exchange: Path) -> None:
        self.exchange = exchange
        self.sent: list[Message] = []

    def send(self, message: Message) -> None:
        self.sent.append(message)

    def of(self, kind: type) -> list[Message]:
        return [message for message in self.sent if isinstance(message, kind)]


@pytest.fixture(scope="module")
def opened() -> Open:
    return open_source(OpenSource(request=1, source="sample:digits"), lambda progress: None)[0]


def test_that_a_plan_comes_before_learning_and_learning_goes_on_after_it(tmp_path: Path) -> None:
    window, inbox = Recorder(tmp_path), Inbox()
    engine = Engine(window, inbox)  # type: ignore[arg-type]
    inbox.put(OpenSource(request=1, source="sample:digits"))
    inbox.put(Learn(request=2, plan=Plan()))
    while not window.of(Learned):
        engine.turn()
    (first,) = window.of(Learned)
    assert isinstance(first, Learned)
    assert 0 < first.done < first.total
    assert decode_from_worker(encode(first)) == first
    inbox.put(Measure(generation=1, plan=Plan().with_defaults(sparsity=0.5), full=False))
    engine.turn()
    before = len(window.of(Learned))
    while not any(message.final for message in window.of(Measured)):  # type: ignore[attr-defined]
        engine.turn()
    assert len(window.of(Learned)) == before
    while len(window.of(Learned)) == before:
        engine.turn()
    assert window.of(Learned)[-1].done > first.done  # type: ignore[attr-defined]


def test_that_remedies_are_told_one_by_one_until_another_plan_is_wanted(tmp_path: Path) -> None:
    window, inbox = Recorder(tmp_path), Inbox()
    engine = Engine(window, inbox)  # type: ignore[arg-type]
    inbox.put(OpenSource(request=1, source="sample:digits"))
    plan = Plan(pipeline=("quantize",)).with_layer("conv2", weight_bits=2)
    inbox.put(WantRecovery(request=2, plan=plan))
    while not any(message.found for message in window.of(Recovery)):  # type: ignore[attr-defined]
        engine.turn()
    told = window.of(Recovery)
    assert [message.done for message in told] == list(range(1, len(told) + 1))  # type: ignore[attr-defined]
    last = told[-1]
    assert isinstance(last, Recovery)
    assert (last.layer, last.found[0].candidate.remedy) == ("conv2", "keep")
    assert last.found[0].gained > 0.3
    assert decode_from_worker(encode(last)) == last
    inbox.put(Measure(generation=1, plan=Plan(), full=False))
    while not window.of(Measured):
        engine.turn()
    assert len(window.of(Recovery)) == len(told)
    assert engine._recover is None


def test_that_a_probe_which_was_interrupted_is_repeated(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, stop = 0, 10**9

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks > stop:
            raise Cancelled

    learning = Learning(Learn(request=1, plan=Plan()), opened, look)
    first = learning.step()
    assert first is not None
    stop = looks + 2
    with pytest.raises(Cancelled):
        learning.step()
    stop = 10**9
    monkeypatch.setattr(module, "PACE", 0.0)
    second = learning.step()
    assert second is not None
    assert second.done == first.done + 1


def test_that_what_was_learned_is_kept_for_the_next_time(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_EVERY", 1)
    before = Learning(Learn(request=1, plan=Plan().with_defaults(sparsity=0.3)), opened, lambda: None)
    for _ in range(3):
        before.step()
    again = Learning(Learn(request=2, plan=Plan().with_defaults(sparsity=0.6)), opened, lambda: None).step()
    assert again is not None
    assert again.done == 3
    other = Learning(Learn(request=3, plan=Plan().with_defaults(criterion="lamp")), opened, lambda: None).step()
    assert other is not None
    assert other.done == 1


def test_that_values_come_back_and_what_cannot_be_read_is_nothing() -> None:
    key = key_of("a", b"b")
    assert key != key_of("ab", b"")
    assert recall(key, int) is None
    keep(key, 7)
    assert recall(key, int) == 7
    assert recall(key, Plan) is None


def test_that_the_cache_holds_what_was_used_last_up_to_its_limit() -> None:
    keys = [key_of(name) for name in "abc"]
    try:
        for number, key in enumerate(keys):
            keep(key, b"x" * 100_000)
            os.utime(cache_folder() / f"{key}.msgpack", (number, number))
        assert 300_000 < used() < 300_100
        assert recall(keys[0], bytes) is not None  # which is a use
        limit(250_000)
        assert [recall(key, bytes) is not None for key in keys] == [True, False, True]
        empty()
        assert used() == 0
    finally:
        limit(MOST_BYTES)


def test_that_learning_tells_the_window_enough_to_predict(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACE", 0.0)
    learning = Learning(Learn(request=1, plan=Plan(pipeline=("prune", "quantize"))), opened, lambda: None)
    told = None
    for _ in range(8):
        told = learning.step() or told
    assert told is not None
    assert set(told.predictions.sensitivity) <= {layer.name for layer in opened.graph.compressible}
    assert max(told.predictions.sensitivity.values()) == 1.0
    baseline = Accuracy(value=0.9, low=0.88, high=0.92, n=500, kind="measured", metric="top1", split="val")
    name = told.predictions.answers[0].layer
    found = Predictor(opened.graph, told.predictions, baseline).accuracy(Plan().with_layer(name, sparsity=0.9))
    assert found is not None
    assert found.value < 0.9
