"""The Train page: steps by buttons, keys and the mouse, soft labels; one real training that is held and stopped."""

from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QLabel,
    QListWidget,
    QPushButton,
    QScrollArea,
    QSlider,
    QSpinBox,
    QTabWidget,
    QToolButton,
)
from pytestqt.qtbot import QtBot

from penjing.plan import DEFAULT_PIPELINE
from penjing_gui.main_window import MainWindow
from penjing_gui.pages.soft_labels import softened
from penjing_gui.pages.train import TrainPage
from penjing_gui.plots.pairs import PairPlot, box, tiles
from tests.gui.conftest import Recorder
from tests.support.hands import choose, choose_tab, click, drag_slider, find, press, type_over


@pytest.fixture
def page(bench: MainWindow) -> TrainPage:
    bench.resize(1280, 800)
    press(bench, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    found = bench.workbench.tabs.currentWidget()
    assert isinstance(found, TrainPage)
    QApplication.processEvents()
    return found


def names(page: TrainPage) -> list[str]:
    return [step.step for step in page._session.plan.steps]


def test_that_steps_are_moved_removed_and_restored_each_as_one_undo_step(page: TrainPage) -> None:
    session, steps = page._session, find(page, "train.steps", QListWidget)
    click(steps.viewport(), steps.visualItemRect(steps.item(2)).center())
    press(page, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert names(page) == ["prune", "quantize", "bn_reestimate", "distill"]
    click(find(page, "train.steps.down", QToolButton))
    assert names(page) == list(DEFAULT_PIPELINE)
    click(steps.viewport(), steps.visualItemRect(steps.item(2)).center())
    press(page, Qt.Key.Key_Delete)
    assert names(page) == ["prune", "bn_reestimate", "distill"]
    assert session.undo_stack.count() == 3
    click(find(page, "train.steps.reset", QToolButton))
    assert names(page) == list(DEFAULT_PIPELINE)
    while session.undo_stack.canUndo():
        press(page, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert session.plan == session.original_plan


def test_that_a_step_is_added_from_the_menu_and_done_another_way(page: TrainPage) -> None:
    add = find(page, "train.steps.add", QToolButton)
    entry = next(action for action in add.menu().actions() if "uantization-aware" in action.text())
    add.menu().popup(add.mapToGlobal(add.rect().bottomLeft()))
    QApplication.processEvents()
    click(add.menu(), add.menu().actionGeometry(entry).center())
    assert names(page).count("qat") == 1
    way = find(page, "train.steps.way", QComboBox)
    assert way.isVisible() and way.count() > 1
    choose(way, way.itemData(1))
    assert way.itemData(1) in [step.method for step in page._session.plan.steps]
    # Its entries are longer than the room beside the buttons, and nothing of the form is cut for them.
    form = find(page, "train.form", QScrollArea)
    page.window().resize(1060, 640)
    QApplication.processEvents()
    assert form.verticalScrollBar().isVisible()
    assert form.widget().width() <= form.viewport().width()
    assert form.widget().minimumSizeHint().width() <= form.viewport().width()


def test_that_without_a_step_that_trains_nothing_can_be_started(page: TrainPage) -> None:
    steps, start = find(page, "train.steps", QListWidget), find(page, "train.start", QPushButton)
    assert start.isEnabled()
    click(steps.viewport(), steps.visualItemRect(steps.item(3)).center())
    press(page, Qt.Key.Key_Delete)
    assert "distill" not in names(page) and not start.isEnabled()
    assert "No step of the plan trains" in page.status.text()


def test_that_the_temperature_of_the_slider_is_the_plans_and_one_step_a_drag(page: TrainPage) -> None:
    session, slider = page._session, find(page, "train.softTemperature", QSlider)
    steps = session.undo_stack.count()
    drag_slider(slider, 0.8)
    heat = session.plan.distillation.temperature
    # The slider is logarithmic from 0.5 to 50; a handle's width aside.
    assert 0.5 * 100**0.7 < heat < 0.5 * 100**0.9
    assert session.undo_stack.count() == steps + 1
    assert find(page, "train.temperature").value() == pytest.approx(heat)  # type: ignore[attr-defined]


def test_that_soft_labels_are_the_softmax_of_the_logits_over_the_temperature() -> None:
    logits = np.array([2.0, 1.0, -3.0])
    for heat in (0.5, 1.0, 4.0, 50.0):
        by_hand = np.exp(logits / heat) / np.exp(logits / heat).sum()
        np.testing.assert_allclose(softened(logits, heat), by_hand, rtol=1e-12)
    assert softened(np.array([1e4, 0.0]), 0.5).tolist() == [1.0, 0.0]  # no overflow


def test_that_a_training_is_held_goes_on_and_keeps_its_best(
    qtbot: QtBot, window: MainWindow, record: Callable[..., Recorder], patience: int
) -> None:
    session = window.session
    heard = record(session)
    with qtbot.waitSignal(session.opened, timeout=patience):
        click(find(window, "start.sample.digits"))
    press(window, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    type_over(find(window, "train.epochs", QSpinBox), "400")
    click(find(window, "train.start", QPushButton))
    pause = find(window, "train.pause", QPushButton)
    record_ = window.record
    qtbot.waitUntil(lambda: any(len(epochs) > 1 for epochs in record_.trainings), timeout=patience)
    click(pause)
    qtbot.waitUntil(lambda: session.job is not None and session.job.state == "paused", timeout=patience)
    assert pause.text() == "Resume"
    seen = session.job.done if session.job is not None else 0
    qtbot.wait(400)
    assert session.job is not None and session.job.done == seen
    click(pause)
    qtbot.waitUntil(lambda: session.job is not None and session.job.done > seen, timeout=patience)
    with qtbot.waitSignal(session.runs_changed, timeout=patience):
        click(find(window, "train.stopKeepBest", QPushButton))
    (run,) = session.runs
    accuracies = [epoch.val_accuracy for epoch in run.history if epoch.val_accuracy is not None]
    assert run.has_network and run.accuracy is not None and 1 < len(accuracies) < 400
    assert session.plan.distillation == msgspec.structs.replace(run.plan.distillation)
    qtbot.waitUntil(lambda: find(window, "train.apply", QPushButton).isEnabled(), timeout=patience)
    click(find(window, "train.apply", QPushButton))
    assert session.run == run and session.accuracy == run.accuracy

    click(find(window, "train.start", QPushButton))
    qtbot.waitUntil(lambda: session.job is not None and session.job.done > 0, timeout=patience)
    with qtbot.waitSignal(session.job_changed, timeout=patience, check_params_cb=lambda job: job.state == "cancelled"):
        click(find(window, "train.cancel", QPushButton))
    assert session.runs == (run,)
    heard.no_errors()


def test_that_teacher_and_student_are_shown_beside_each_other_and_a_trained_run_in_its_place(
    qtbot: QtBot, window: MainWindow, record: Callable[..., Recorder], patience: int
) -> None:
    session = window.session
    heard = record(session)
    with qtbot.waitSignal(session.opened, timeout=patience):
        click(find(window, "start.sample.digits"))
    qtbot.waitUntil(lambda: session.accuracy_is_current, timeout=patience)
    press(window, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    choose_tab(find(window, "train.example", QTabWidget), "Attention and features")
    said, plot = find(window, "train.featureSaid", QLabel), find(window, "plot.features", PairPlot)
    qtbot.waitUntil(lambda: said.text().startswith("attention apart by"), timeout=patience)
    assert [name for name, _ in plot._shown] == [
        "teacher looks", "student looks", "teacher's features", "student's features",
    ]  # fmt: skip
    untaught, teacher = said.text(), plot._shown[0][1]
    pair = find(window, "train.featurePair", QComboBox)
    pair.setFocus()
    press(pair, Qt.Key.Key_Home)
    assert pair.currentIndex() == 0 and plot._shown[0][1].shape != teacher.shape
    press(pair, Qt.Key.Key_End)
    type_over(find(window, "train.featureSample", QSpinBox), "7")
    assert find(window, "train.sample", QSpinBox).value() == 7
    qtbot.waitUntil(lambda: said.text() != untaught, timeout=patience)
    untaught = said.text()

    type_over(find(window, "train.epochs", QSpinBox), "1")
    with qtbot.waitSignal(session.runs_changed, timeout=patience):
        click(find(window, "train.start", QPushButton))
    apply = find(window, "train.apply", QPushButton)
    qtbot.waitUntil(apply.isEnabled, timeout=patience)
    with qtbot.waitSignal(session.features_received, timeout=patience) as told:
        click(apply)
    assert told.args is not None
    features, _ = told.args
    distance = features.pairs[-1].distance
    qtbot.waitUntil(lambda: said.text().startswith(f"attention apart by {distance:.3f}"), timeout=patience)
    assert said.text() != untaught
    heard.no_errors()


def test_that_pictures_keep_their_shape_and_channels_become_tiles() -> None:
    features = np.arange(3 * 2 * 4, dtype=np.float32).reshape(3, 2, 4)
    found = tiles(features)
    assert found.shape == (2 * 2 + 1, 2 * 4 + 1)
    np.testing.assert_array_equal(found[3:, :4], features[2])
    assert np.isnan(found[2]).all() and np.isnan(found[:, 4]).all() and np.isnan(found[3:, 5:]).all()
    assert tiles(features[0]).shape == (2, 4) and tiles(features[0, 0]).shape == (1, 4)
    assert (box((14, 28), 2.0).width(), box((14, 28), 2.0).height()) == (1, 0.5)
    assert box((1, 100), 0.0).height() == 1
