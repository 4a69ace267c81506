"""What goes wrong on other machines, by real keys and clicks: nothing is lost, and the window says what happened."""

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QLineEdit, QPushButton, QSlider
from pytestqt.qtbot import QtBot

from penjing.assets import resources
from penjing_gui.main_window import MainWindow
from penjing_gui.notice_bar import NoticeRow
from penjing_gui.session import Session
from tests.support.hands import click, find, press, type_over

CONTROL = Qt.KeyboardModifier.ControlModifier


def keys(window: MainWindow, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Press a key in the window; without a window manager it does not get the keyboard back from a dialog by itself."""
    window.activateWindow()
    press(window, key, modifiers)


def weight_bits(window: MainWindow, key: Qt.Key) -> None:
    """Move the slider of weight bits by a key."""
    window.activateWindow()
    find(window, "compress.weightBits", QSlider).setFocus()
    press(window, key)


def said(window: MainWindow) -> list[str]:
    """What the notices say that can be seen, the newest first."""
    return [row.notice.text for row in window.notices.findChildren(NoticeRow) if row.isVisible()]


def choose_in_dialog(qtbot: QtBot, window: MainWindow, path: Path) -> None:
    """Type a path into the file dialog that is open, and confirm."""
    qtbot.waitUntil(lambda: dialog_of(window) is not None)
    dialog = dialog_of(window)
    assert dialog is not None
    field = dialog.findChild(QLineEdit, "fileNameEdit")
    type_over(field, str(path))
    qtbot.waitUntil(lambda: dialog_of(window) is None)


def dialog_of(window: MainWindow) -> QFileDialog | None:
    return next((one for one in window.findChildren(QFileDialog) if one.isVisible()), None)


@contextmanager
def full_disk(room: int = 64) -> Iterator[None]:
    """No file of this process grows beyond `room` bytes, as if there were no more on the disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_that_a_full_disk_costs_a_notice_and_saving_again_works(
    qtbot: QtBot, bench: MainWindow, tmp_path: Path
) -> None:
    session, path = bench.session, tmp_path / "a.penjing"
    keys(bench, Qt.Key.Key_S, CONTROL)
    choose_in_dialog(qtbot, bench, path)
    assert path.is_file() and not session.unsaved
    before = path.read_bytes()
    weight_bits(bench, Qt.Key.Key_Home)
    plan = session.plan
    assert session.unsaved and bench.isWindowModified()
    with full_disk():
        keys(bench, Qt.Key.Key_S, CONTROL)
    assert "a.penjing" in said(bench)[0] and "unharmed" in said(bench)[0]
    assert path.read_bytes() == before and session.plan == plan and session.unsaved
    assert sorted(one.name for one in tmp_path.glob("*a.penjing*")) == [".a.penjing.lock", "a.penjing"]
    keys(bench, Qt.Key.Key_S, CONTROL)
    assert not session.unsaved and path.read_bytes() != before and said(bench) == []


def test_that_closing_on_a_full_disk_closes_nothing(qtbot: QtBot, bench: MainWindow, tmp_path: Path) -> None:
    session = bench.session
    session.set_defaults("Bits", weight_bits=5)
    bench.close()
    qtbot.waitUntil(lambda: any(one.isVisible() for one in bench.findChildren(QPushButton, "unsaved.save")))
    click(find(bench, "unsaved.save", QPushButton))
    qtbot.waitUntil(lambda: dialog_of(bench) is not None)
    with full_disk():
        choose_in_dialog(qtbot, bench, tmp_path / "a.penjing")
    assert bench.isVisible() and session.unsaved and "a.penjing" in said(bench)[0]
    assert not list(tmp_path.glob("*.penjing*"))


def test_that_the_second_window_on_a_project_says_so_and_saves_elsewhere(
    qtbot: QtBot, session: Session, window: MainWindow, tmp_path: Path, patience: int
) -> None:
    first, other = tmp_path / "a.penjing", tmp_path / "b.penjing"
    assert session.save_project(first)  # another window, which keeps it open
    before = first.read_bytes()
    keys(window, Qt.Key.Key_O, CONTROL)
    with qtbot.waitSignal(window.session.opened, timeout=patience):
        choose_in_dialog(qtbot, window, first)
    assert "read-only" in said(window)[0] and "(read-only)" in window.windowTitle()
    weight_bits(window, Qt.Key.Key_Home)
    keys(window, Qt.Key.Key_S, CONTROL)
    choose_in_dialog(qtbot, window, other)
    assert other.is_file() and first.read_bytes() == before
    assert "read-only" not in window.windowTitle() and not window.session.unsaved
    assert said(window) == []


def test_that_a_model_that_moved_is_located_by_its_notice(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, patience: int
) -> None:
    network, project = tmp_path / "net.penjingnet", tmp_path / "a.penjing"
    network.write_bytes((resources() / "samples/digits/model.penjingnet").read_bytes())
    session = window.session
    keys(window, Qt.Key.Key_O, CONTROL)
    with qtbot.waitSignal(session.opened, timeout=patience):
        choose_in_dialog(qtbot, window, network)
    weight_bits(window, Qt.Key.Key_Home)
    plan = session.plan
    keys(window, Qt.Key.Key_S, CONTROL)
    choose_in_dialog(qtbot, window, project)
    with qtbot.waitSignal(session.opened, timeout=patience):
        window.commands.open("sample:digits")
    moved = network.rename(tmp_path / "elsewhere.penjingnet")
    keys(window, Qt.Key.Key_O, CONTROL)
    choose_in_dialog(qtbot, window, project)
    assert "net.penjingnet" in said(window)[0]
    click(find(window, "project.locate", QPushButton))
    with qtbot.waitSignal(session.opened, timeout=patience):
        choose_in_dialog(qtbot, window, moved)
    assert session.plan == plan and session.source == str(moved) and said(window) == []


def test_that_a_killed_engine_is_said_and_the_next_estimate_comes(
    qtbot: QtBot, window: MainWindow, patience: int
) -> None:
    session = window.session
    with qtbot.waitSignal(session.opened, timeout=patience):
        click(find(window, "start.sample.digits"))
    qtbot.waitUntil(lambda: session.accuracy_is_current, timeout=patience)
    plan = session.plan
    assert session.engine.pid is not None
    os.kill(session.engine.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: any("engine" in text for text in said(window)), timeout=patience)
    accuracy = find(window, "estimate.accuracy", QLabel)
    assert accuracy.text().endswith("…") and accuracy.tone == "muted"  # type: ignore[attr-defined]
    size = find(window, "estimate.size", QLabel).text()
    weight_bits(window, Qt.Key.Key_Home)
    assert session.plan != plan and find(window, "estimate.size", QLabel).text() != size  # exact without an engine
    qtbot.waitUntil(lambda: session.accuracy_is_current, timeout=patience)
    assert "…" not in accuracy.text()
    keys(window, Qt.Key.Key_Z, CONTROL)
    assert session.plan == plan


@pytest.mark.parametrize("name", ["bad.onnx", "bad.penjing", "gone.onnx"])
def test_that_a_file_that_cannot_be_opened_stops_nobody(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, patience: int, name: str
) -> None:
    bad = tmp_path / name
    if not name.startswith("gone"):
        bad.write_bytes(b"no network at all")
    with qtbot.waitSignal(window.session.noticed, timeout=patience):
        window.take_over([str(bad)])  # as the command line hands it over
    (row,) = (one for one in window.notices.findChildren(NoticeRow) if one.isVisible())
    assert row.notice.level == "error" and name in row.notice.text and row.notice.hint
    assert QApplication.activeModalWidget() is None
    if name == "bad.onnx":  # from here on it is the same for all
        with qtbot.waitSignal(window.session.opened, timeout=patience):
            click(find(window, "start.sample.digits"))
        assert said(window) == []
