"""Shortcuts, about, log and layout: what helps a person find their way is complete, in both languages."""

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QLineEdit, QMessageBox, QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot

from penjing.assets import resources
from penjing_gui import language, words
from penjing_gui.dialogs.about import libraries
from penjing_gui.main_window import MainWindow
from penjing_gui.notices import Notice
from tests.support.hands import click, find


@pytest.fixture(params=["en", "zh_CN"])
def spoken(request: pytest.FixtureRequest, qtbot: QtBot, qapp: QApplication, window: MainWindow) -> Iterator[str]:
    """The language of the window."""
    before = window.actions_
    language.apply(qapp, request.param, window.session.texts)
    if request.param != "en":
        qtbot.waitUntil(lambda: window.actions_ is not before)
    yield request.param
    language.apply(qapp, "en", window.session.texts)
    QCoreApplication.processEvents()


def test_that_the_sheet_shows_every_shortcut_with_what_it_does(qtbot: QtBot, window: MainWindow, spoken: str) -> None:
    QTest.keyClick(window, Qt.Key.Key_F1, Qt.KeyboardModifier.ControlModifier)
    (sheet,) = (one for one in window.findChildren(QDialog) if one.isVisible())
    texts = {label.text() for label in sheet.findChildren(QLabel)}
    sheet.reject()
    actions = [action for action in window.actions() if not action.shortcut().isEmpty()]
    assert len(actions) > 15
    for action in actions:
        assert action.shortcut().toString(QKeySequence.SequenceFormat.NativeText) in texts, action.text()
        assert words.plain(action.text()) in texts
    redo = QKeySequence(QKeySequence.StandardKey.Redo).toString(QKeySequence.SequenceFormat.NativeText)
    assert {"B", "Ctrl+Z", redo} <= texts


def test_that_about_tells_the_version_and_every_licence(window: MainWindow, spoken: str) -> None:
    window.actions_.about.trigger()
    (box,) = (one for one in window.findChildren(QMessageBox) if one.isVisible())
    text, details = box.text(), box.detailedText()
    box.reject()
    assert version("penjing") in text
    for folder in ("icons", "samples/digits", "samples/watch"):
        assert Path(resources() / folder / "LICENSE").read_text("utf-8").strip() in details
    for line in libraries():
        assert line in details


def test_that_libraries_are_told_with_version_and_licence() -> None:
    told = {line.split(" ")[0].casefold().replace("_", "-"): line for line in libraries()}
    assert {"numpy", "onnx", "onnxruntime", "pyside6-essentials", "torch"} <= told.keys()
    assert told["pyside6-essentials"].endswith("LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only")
    assert told["numpy"].startswith(f"numpy {version('numpy')}: BSD-3-Clause")
    assert not any(line.endswith("–") for line in told.values()), told


def test_that_the_log_keeps_what_was_said_and_is_searched_copied_and_cleared(bench: MainWindow, qtbot: QtBot) -> None:
    bench.docks.log.show()
    bench.docks.log.raise_()
    for text in ("The first thing.", "Another one."):
        bench.session.noticed.emit(Notice(level="information", text=text))
    log = find(bench, "log", QPlainTextEdit)
    assert "The first thing." in log.toPlainText() and "Another one." in log.toPlainText()
    find(bench, "log.filter", QLineEdit).setText("ANOTHER")
    assert [line[10:] for line in log.toPlainText().splitlines()] == ["Another one."]
    qtbot.waitUntil(find(bench, "log.copy").isVisible)
    click(find(bench, "log.copy", QPushButton))
    assert QGuiApplication.clipboard().text() == log.toPlainText()
    find(bench, "log.filter", QLineEdit).clear()
    click(find(bench, "log.clear", QPushButton))
    assert log.toPlainText() == "" and bench.journal.entries == ()


def test_that_the_layout_is_put_back_as_it_was_at_first(bench: MainWindow, qtbot: QtBot) -> None:
    docks = bench.docks
    qtbot.waitUntil(lambda: docks.layers.width() < 400)
    panels = (docks.layers, docks.compress, docks.fit)
    first = [dock.width() for dock in panels]
    docks.layers.hide()
    docks.fit.setFloating(True)
    docks.log.show()
    bench.removeDockWidget(docks.compress)
    bench.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, docks.compress)
    docks.compress.show()
    bench.actions_.reset_layout.trigger()
    qtbot.waitUntil(lambda: [dock.width() for dock in panels] == first)
    assert docks.shown() == ("layers", "network", "compress", "fit")
    assert not docks.fit.isFloating()
    assert bench.dockWidgetArea(docks.compress) == Qt.DockWidgetArea.RightDockWidgetArea
