"""Where a plan cannot be measured, or a number is not what it seems, the window says so in words that stay."""

import os
from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDoubleSpinBox
from pytestqt.qtbot import QtBot

from penjing.planning.fit import Budgets
from penjing.results import Accuracy
from penjing.worker import messages as wire
from penjing_gui.controls.readout import Readout
from penjing_gui.main_window import MainWindow
from penjing_gui.own_memory import own_memory
from penjing_gui.pages.class_panel import ClassPanel, most_changed
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
    assert seen.text() == "n=1000, measured"
    assert find(measured, "estimate.accuracy", Readout).accessibleName().startswith("Agreement: 75.0 %")
    assert "now Agreement 75.0 %" in find(measured, "status.now", Readout).text()
    assert "the data has no labels" in seen.toolTip()


def test_that_the_status_bar_leaves_room_at_its_end(measured: MainWindow, qtbot: QtBot) -> None:
    state = find(measured, "engine.state", Readout)
    qtbot.waitUntil(state.isVisible)
    for words in ("engine idle", "engine measuring · trying layers 50 %", "engine idle"):
        state.say(words, words)
        measured.statusBar().layout().activate()
        text = state.fontMetrics().horizontalAdvance(words)
        assert state.width() >= text + 16
        assert state.geometry().right() <= measured.statusBar().width()


def test_that_what_penjing_takes_of_this_machines_memory_is_shown(measured: MainWindow) -> None:
    # The kernel's own figure for this process, in KiB; there is no engine here.
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS")]
    found = own_memory()
    assert found[os.getpid()] == pytest.approx(1024 * int(line.split()[1]), rel=0.05)
    shown = find(measured, "status.memory", Readout)
    assert shown.text().startswith("memory ") and shown.text().endswith("iB")
    assert "the window" in shown.toolTip()


def test_that_a_network_of_many_classes_shows_those_that_change_most(measured: MainWindow) -> None:
    before = [1.0 if at % 2 else None for at in range(1000)]
    now = [None if share is None else 1.0 - (at % 100) / 1000 for at, share in enumerate(before)]
    chosen = most_changed(before, now, most=10)
    # Of the classes with examples, the ten that lost most: 99, 199, … lost 0.099 each.
    assert list(chosen) == list(range(99, 1000, 100))
    assert list(most_changed([0.5, None], [0.4, None], most=10)) == [0, 1]


def test_that_classes_say_what_to_do_while_no_data_is_open(shell: MainWindow) -> None:
    panel = ClassPanel(shell.session)
    panel.show_now()
    assert not panel.plot.isVisibleTo(panel)
    assert "drop a data file" in panel.empty.text.text()
    panel.deleteLater()


def test_that_a_large_budget_is_shown_and_typed_in_a_unit_that_fits(measured: MainWindow) -> None:
    session, box = measured.session, find(measured, "fit.ramBudget", QDoubleSpinBox)
    session.set_budgets(Budgets(ram_bytes=1 << 30))
    assert box.text() == "1024.0 MiB"
    assert box.fontMetrics().horizontalAdvance(box.text()) < box.lineEdit().width()
    box.selectAll()
    QTest.keyClicks(box, "512")
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert session.budgets.ram_bytes == 512 << 20
    session.set_budgets(Budgets(ram_bytes=96 << 10))
    assert box.text() == "96.0 KiB"
