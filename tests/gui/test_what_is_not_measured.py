"""Where a plan cannot be measured, or a number is not what it seems, the window says so in words that stay."""

import msgspec
import pytest
from pytestqt.qtbot import QtBot

from penjing.results import Accuracy
from penjing.worker import messages as wire
from penjing_gui.controls.readout import Readout
from penjing_gui.main_window import MainWindow
from tests.support.hands import find

FULL = Accuracy(value=0.75, low=0.7, high=0.8, n=1000)


@pytest.fixture
def measured(bench: MainWindow, monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    """The digits, whose plan was measured."""
    monkeypatch.setattr(bench.session.engine, "send", lambda message: None)
    say(bench, FULL)
    return bench


def say(bench: MainWindow, accuracy: Accuracy) -> None:
    session = bench.session
    session.engine.received.emit(wire.Baseline(request=0, accuracy=FULL, final=True))
    session.engine.received.emit(wire.Measured(generation=session._generation, accuracy=accuracy, final=True))


def test_that_a_lack_of_memory_says_what_is_not_measured_and_what_still_holds(measured: MainWindow) -> None:
    session, shown = measured.session, find(measured, "estimate.accuracy", Readout)
    seen, now = find(measured, "estimate.accuracy.seen", Readout), find(measured, "status.now", Readout)
    session.set_defaults("", sparsity=0.5)
    assert "…" in shown.text()
    size = find(measured, "estimate.size", Readout).text()
    failed = wire.Failed(code="measure.too_little_memory", values={}, generation=session._generation)
    session.engine.received.emit(failed)
    assert shown.text() == "–"
    assert seen.text().startswith("not measured: There is not enough memory")
    assert "Sizes, MACs, RAM, latency and energy need no data" in seen.toolTip()
    assert "now –" in now.text()
    assert find(measured, "estimate.size", Readout).text() == size
    session.set_defaults("", sparsity=0.4)  # another plan may well be measured
    assert "…" in shown.text()
    say(measured, FULL)
    assert "75.0 %" in shown.text() and seen.text() == "n=1000, measured"


def test_that_answers_that_are_no_numbers_are_counted_beside_the_accuracy(measured: MainWindow) -> None:
    say(measured, msgspec.structs.replace(FULL, blank=12))
    seen = find(measured, "estimate.accuracy.seen", Readout)
    assert seen.text() == "n=1000, 12 no numbers, measured" and seen.tone == "alarming"
    assert "12 of 1000 answers are no numbers" in seen.toolTip()


def test_that_an_agreement_does_not_pass_for_an_accuracy(measured: MainWindow) -> None:
    say(measured, msgspec.structs.replace(FULL, metric="agreement"))
    seen = find(measured, "estimate.accuracy.seen", Readout)
    assert seen.text() == "n=1000, measured, agreement"
    assert "the data has no labels" in seen.toolTip()


def test_that_the_status_bar_leaves_room_at_its_end(measured: MainWindow, qtbot: QtBot) -> None:
    state = find(measured, "engine.state", Readout)
    qtbot.waitUntil(state.isVisible)
    for words in ("engine idle", "engine measuring · trying layers 50 %", "engine idle"):
        state.say(words, words)
        measured.statusBar().layout().activate()
        text = state.fontMetrics().horizontalAdvance(words)
        assert state.contentsRect().width() >= text
        assert state.geometry().right() <= measured.statusBar().width() and state.contentsMargins().right() == 8
