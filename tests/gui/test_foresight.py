"""Under the finger the window shows what a plan will give, until it is measured; and how far each layer can go."""

import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from penjing.estimation.fitting import fitted
from penjing.plan import Plan
from penjing.results import Accuracy
from penjing.worker import messages as wire
from penjing_gui.item_models.layers import SORT_ROLE, Column, LayersModel
from penjing_gui.main_window import MainWindow
from tests.support.answers import of_layers


def told(kind: str, value: float) -> Accuracy:
    return Accuracy(
        value=value,
        low=value - 0.01,
        high=value + 0.01,
        n=1000,
        kind=kind,
        metric="top1",
        split="val",  # type: ignore[arg-type]
    )


@pytest.fixture
def asked(bench: MainWindow, monkeypatch: pytest.MonkeyPatch) -> list[wire.Message]:
    """What the window asks of the engine, the network as loaded being measured."""
    sent: list[wire.Message] = []
    session = bench.session
    monkeypatch.setattr(session.engine, "send", sent.append)
    session.foresight._soon.setInterval(0)
    session.engine.received.emit(wire.Baseline(request=0, accuracy=told("measured", 0.95), final=True))
    return sent


def learn(window: MainWindow, asked: list[wire.Message], *, done: int = 60) -> None:
    (request,) = [message for message in asked if isinstance(message, wire.Learn)][-1:]
    graph = window.session.graph
    assert graph is not None
    predictions = fitted(graph, of_layers(graph, noise=12.0))
    window.session.engine.received.emit(
        wire.Learned(request=request.request, done=done, total=100, predictions=predictions)
    )


def test_that_a_plan_shows_its_predicted_accuracy_at_once_and_then_the_measured_one(
    bench: MainWindow, asked: list[wire.Message], qtbot: QtBot
) -> None:
    session = bench.session
    readout = next(one for one in bench.findChildren(QLabel) if one.accessibleIdentifier() == "estimate.accuracy")
    seen = next(one for one in bench.findChildren(QLabel) if one.accessibleIdentifier() == "estimate.accuracy.seen")
    qtbot.waitUntil(lambda: any(isinstance(message, wire.Learn) for message in asked))
    learn(bench, asked)
    session.set_defaults("", sparsity=0.5)
    expected = session.foresight.accuracy(session.plan)
    assert expected is not None
    assert f"{100 * expected.value:.1f} %" in readout.text()
    assert "…" not in readout.text()
    assert "predicted" in seen.text()
    session.engine.received.emit(
        wire.Measured(generation=session._generation, accuracy=told("measured", 0.71), final=True)
    )
    assert "71.0 %" in readout.text()
    assert "measured" in seen.text()
    # The next move starts from what was measured.
    session.set_defaults("", sparsity=0.51)
    after = session.shown_accuracy
    assert after is not None
    assert after.kind == "predicted"
    assert abs(after.value - 0.71) < 0.02 < abs(after.value - expected.value)


def test_that_the_table_shows_how_far_each_layer_can_go(
    bench: MainWindow, asked: list[wire.Message], qtbot: QtBot
) -> None:
    session = bench.session
    model = LayersModel(session, bench)
    before = [model.index(row, Column.SENSITIVITY).data(SORT_ROLE) for row in range(model.rowCount())]
    qtbot.waitUntil(lambda: any(isinstance(message, wire.Learn) for message in asked))
    learn(bench, asked)
    after = {
        model.layer(row).name: model.index(row, Column.SENSITIVITY).data(SORT_ROLE) for row in range(model.rowCount())
    }
    assert list(after.values()) != before
    assert after == pytest.approx(dict(session.foresight.sensitivity))
    state = next(one for one in bench.findChildren(QLabel) if one.accessibleIdentifier() == "engine.state")
    assert "60 %" in state.text()


def test_that_other_methods_are_learned_anew_and_other_strengths_are_not(
    bench: MainWindow, asked: list[wire.Message], qtbot: QtBot
) -> None:
    session = bench.session

    def requests() -> list[Plan]:
        return [message.plan for message in asked if isinstance(message, wire.Learn)]

    qtbot.waitUntil(lambda: len(requests()) == 1)
    session.set_defaults("", sparsity=0.7)
    session.set_defaults("", criterion="lamp")
    qtbot.waitUntil(lambda: len(requests()) == 2)
    assert requests()[-1].defaults.criterion == "lamp"
    assert session.foresight.accuracy(session.plan) is None
