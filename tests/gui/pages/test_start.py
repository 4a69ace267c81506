"""The Start page by mouse and keys: samples, recent files, the first steps."""

from pathlib import Path

import pytest
from PySide6.QtCore import QLocale, Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QMenu, QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from penjing_gui.main_window import MainWindow
from penjing_gui.settings import Recent
from tests.support.hands import click, find, press


def test_that_enter_tries_the_sample_that_has_the_keyboard(shell: MainWindow) -> None:
    wanted: list[str] = []
    shell.start.open_wanted.connect(lambda source, data: wanted.append(source))
    assert shell.start.first is not None and shell.start.first.hasFocus()
    press(shell, Qt.Key.Key_Return)
    press(shell, Qt.Key.Key_Tab)
    press(shell, Qt.Key.Key_Space)
    assert wanted == ["sample:watch", "sample:digits"]
    assert shell.session.opening == "sample:digits"


def test_that_recent_files_are_shown_with_size_and_accuracy_and_open_again(shell: MainWindow) -> None:
    wanted: list[tuple[str, object]] = []
    shell.start.open_wanted.connect(lambda source, data: wanted.append((source, data)))
    recents = tuple(
        Recent(path=f"/nets/{name}.onnx", data=None, title="", size_bytes=2048, accuracy=0.9)
        for name in ("a", "b & c", "d", "e", "f", "g")
    )
    shell.settings.update(recents=recents)
    buttons = [one for one in shell.start.findChildren(QPushButton) if one.objectName().startswith("start.recent.")]
    assert [one.text() for one in buttons] == ["a.onnx", "b && c.onnx", "d.onnx", "e.onnx", "f.onnx"]
    texts = [label.text() for label in shell.start.findChildren(QLabel)]
    assert texts.count("2 KiB") == 5 and texts.count("90.0 %") == 5
    QApplication.processEvents()
    click(buttons[1])
    assert wanted == [("/nets/b & c.onnx", None)]


def test_that_first_steps_go_for_good_with_one_click(shell: MainWindow) -> None:
    assert find(shell, "start.coach").isVisible()
    click(find(shell, "start.coach.dismiss", QToolButton))
    assert not find(shell, "start.coach").isVisible() and shell.settings.value.coach_dismissed


def test_that_open_model_asks_for_a_file_without_blocking(qtbot: QtBot, shell: MainWindow, tmp_path: Path) -> None:
    QLocale.setDefault(QLocale("en"))
    for identifier in ("start.openModel", "start.openProject"):
        click(find(shell, identifier, QPushButton))
        dialog = next(one for one in shell.findChildren(QFileDialog) if one.isVisible())
        assert dialog.nameFilters()[0].startswith("Networks" if identifier.endswith("Model") else "Penjing projects")
        press(dialog, Qt.Key.Key_Escape)
        qtbot.waitUntil(lambda: not any(one.isVisible() for one in shell.findChildren(QFileDialog)))


def test_that_recent_files_of_the_menu_have_their_numbers_and_open_again(
    shell: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    monkeypatch.setattr(shell.session, "open_source", lambda source, data=None: opened.append((source, data)))
    known = Recent(path="/somewhere/a&b.onnx", data="/own.npz", title="a&b.onnx", size_bytes=2048, accuracy=0.984)
    shell.settings.update(recents=(known, Recent(path="/somewhere/new.onnx", title="new.onnx")))
    file = next(action.menu() for action in shell.menuBar().actions() if action.text() == "&File")
    assert isinstance(file, QMenu)
    recent = next(inner for one in file.actions() if isinstance(inner := one.menu(), QMenu))
    recent.aboutToShow.emit()
    first, second = recent.actions()
    assert first.text() == "a&&b.onnx\t2 KiB  98.4 %" and second.text() == "new.onnx"
    first.trigger()
    assert opened == [("/somewhere/a&b.onnx", "/own.npz")]
