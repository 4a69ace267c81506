"""Notices, drops, mistakes: what is said, and that it can be copied."""

import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QToolButton
from pytestqt.qtbot import QtBot

from penjing_gui import theme
from penjing_gui.drops import Drop, dropped, what_happens
from penjing_gui.main_window import MainWindow
from penjing_gui.mistakes import Mistakes
from penjing_gui.notice_bar import NoticeRow
from penjing_gui.notices import Notice


def test_that_a_notice_is_plain_text_and_can_be_copied(shell: MainWindow) -> None:
    notice = Notice(level="error", text="<b>bad</b>", hint="Do this.", details="line\nline")
    shell.session.noticed.emit(notice)
    assert shell.notices.isVisible()
    label = next(one for one in shell.notices.findChildren(QLabel) if "bad" in one.text())
    assert label.text() == "<b>bad</b> Do this."
    assert label.textFormat() == Qt.TextFormat.PlainText
    copy = next(one for one in shell.notices.findChildren(QToolButton) if one.accessibleIdentifier() == "notice.copy")
    QTest.mouseClick(copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "<b>bad</b>\nDo this.\nline\nline"


def test_that_a_later_notice_takes_the_place_of_one_with_its_key(shell: MainWindow, qtbot: QtBot) -> None:
    for number in range(3):
        shell.session.noticed.emit(Notice(level="warning", text=f"{number}", key="same"))
    assert [notice.text for notice in shell.notices.notices] == ["2"]
    for number in range(5):
        shell.session.noticed.emit(Notice(level="warning", text=f"other {number}"))
    assert len(shell.notices.notices) == 3

    def dismiss() -> list[QToolButton]:
        found = [one for one in shell.findChildren(QToolButton) if one.accessibleIdentifier() == "notice.dismiss"]
        return [one for one in found if one.isVisible()]

    qtbot.waitUntil(lambda: len(dismiss()) == 3)
    for button in dismiss():
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert not shell.notices.isVisible()


def test_that_good_news_is_said_in_the_status_bar_alone(shell: MainWindow) -> None:
    shell.session.noticed.emit(Notice(text="All is well"))
    assert not shell.notices.isVisible()
    status = next(one for one in shell.findChildren(QLabel) if one.accessibleIdentifier() == "status.message")
    assert status.accessibleName() == status.text() == "All is well"


def test_that_what_nobody_caught_is_said_and_logged(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    mistakes = Mistakes(tmp_path / "log" / "penjing.log")
    heard: list[Notice] = []
    mistakes.noticed.connect(heard.append)

    def fail() -> None:
        raise RuntimeError("a mistake of ours")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: bool(heard))
    mistakes.close()
    assert "a mistake of ours" in heard[0].details
    assert "a mistake of ours" in (tmp_path / "log" / "penjing.log").read_text()


def mime(path: Path) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    return data


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.onnx", "model"), ("A.PT2", "model"), ("a.npz", "data"), ("a.penjing", "project"), ("a.txt", "unknown")],
)
def test_that_files_are_known_by_their_ends(tmp_path: Path, name: str, kind: str) -> None:
    found = dropped(mime(tmp_path / name))
    assert found == Drop(kind, str(tmp_path / name))
    assert name in what_happens(found, network_open=True)


def test_that_a_drop_is_announced_and_done(shell: MainWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[str] = []
    monkeypatch.setattr(shell.session, "open_source", lambda source, data=None: opened.append(source))
    data = mime(tmp_path / "a.onnx")
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPointF(50, 50).toPoint(), copy, data, left, none)
    shell.dragEnterEvent(enter)
    assert enter.isAccepted()
    assert shell._overlay.isVisible()
    shell.dropEvent(QDropEvent(QPointF(50, 50), copy, data, left, none))
    assert opened == [str(tmp_path / "a.onnx")]
    assert not shell._overlay.isVisible()


def test_that_data_without_a_network_is_refused_with_the_reason(shell: MainWindow, tmp_path: Path) -> None:
    data = mime(tmp_path / "a.npz")
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPointF(50, 50).toPoint(), copy, data, left, none)
    enter.ignore()
    shell.dragEnterEvent(enter)
    assert not enter.isAccepted()
    assert "open its network first" in shell._overlay._text
    shell._overlay.hide()


def test_that_a_notice_follows_the_theme(qapp: QApplication, shell: MainWindow) -> None:
    shell.session.noticed.emit(Notice(level="error", text="Something is wrong."))
    qapp.processEvents()
    (row,) = shell.notices.findChildren(NoticeRow)
    for choice, chosen in (("dark", theme.DARK), ("light", theme.LIGHT)):
        theme.apply(qapp, choice)  # type: ignore[arg-type]
        qapp.processEvents()
        picture = row.grab().toImage()
        middle = picture.height() // 2
        assert picture.pixelColor(1, middle).name() == chosen.error.lower()
        inks = {picture.pixelColor(x, y).name() for x in range(8, 40) for y in range(2, picture.height() - 2)}
        assert chosen.error.lower() in inks  # the sign
        assert picture.pixelColor(picture.width() // 2, 3).name() == chosen.raised.lower()
