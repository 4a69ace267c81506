"""A training that stops with its window goes on in the next one, from its last whole epoch."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtWidgets import QApplication, QPushButton, QSpinBox
from pytestqt.qtbot import QtBot

from penjing.worker.exchange import Exchange
from penjing_gui.main_window import MainWindow
from penjing_gui.pages.train import TrainPage
from penjing_gui.session import Session
from penjing_gui.settings import SettingsFile
from tests.gui.conftest import Recorder
from tests.support.hands import click, find, press, type_over


@pytest.fixture
def later(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> Iterator[Callable[[], MainWindow]]:
    """Makes the window that a person opens the next day."""
    made: list[MainWindow] = []
    with Exchange() as exchange:

        def make() -> MainWindow:
            window = MainWindow(Session(exchange), SettingsFile(tmp_path / "settings"))
            made.append(window)
            with qtbot.waitExposed(window):
                window.show()
            window.begin(None)
            return window

        yield make
        for window in made:
            window.session.undo_stack.setClean()
            window.session.projects.dirty = False
            window.close()
            window.deleteLater()
            window.session.close()
            window.session.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def test_that_a_training_goes_on_in_the_next_window_from_where_the_project_was_saved(
    qtbot: QtBot,
    window: MainWindow,
    later: Callable[[], MainWindow],
    record: Callable[..., Recorder],
    tmp_path: Path,
    patience: int,
) -> None:
    session = window.session
    with qtbot.waitSignal(session.opened, timeout=patience):
        click(find(window, "start.sample.digits"))
    press(window, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    page = window.findChild(TrainPage)
    type_over(find(window, "train.epochs", QSpinBox), "6")
    assert not find(page, "train.goOn").isEnabled()
    click(find(page, "train.start", QPushButton))
    qtbot.waitUntil(lambda: sum(map(len, window.record.trainings)) >= 3, timeout=patience)
    click(find(page, "train.cancel", QPushButton))
    qtbot.waitUntil(lambda: session.job is not None and not session.job.active, timeout=patience)
    before = window.record.trainings[0]
    assert session.runs == () and len(before) < 7
    assert find(page, "train.goOn").isEnabled()
    assert f"stopped after {len(before) - 1}" in page.status.text()
    assert session.save_project(tmp_path / "a.penjing")
    session.close()

    again = later()
    heard = record(again.session)
    with qtbot.waitSignal(again.session.opened, timeout=patience):
        again.session.open_project(tmp_path / "a.penjing")
    press(again, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    page = again.findChild(TrainPage)
    assert f"A training of 6 epochs stopped after {len(before) - 1}" in page.status.text()
    with qtbot.waitSignal(again.session.runs_changed, timeout=patience):
        click(find(page, "train.goOn", QPushButton))
    (run,) = again.session.runs
    assert [epoch.number for epoch in run.history] == list(range(7))
    # What was learnt before is not learnt again: the very same epochs, to the last bit.
    known = [(epoch.number, epoch.loss, epoch.val_accuracy) for epoch in run.history[: len(before)]]
    assert known == [(epoch.number, epoch.loss, epoch.val_accuracy) for epoch in before]
    assert again.session.projects.training is None and not find(page, "train.goOn").isEnabled()
    assert not list(again.session.projects.run_folder(run.id).parent.glob("*.checkpoint"))
    heard.no_errors()
