"""Broken projects, lessons and devices that are dropped, opened by the menu or named at the start change nothing.

They are refused in a notice that says what is wrong, in which file, and what to do.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit

from penjing.plan import Plan
from penjing.project.archive import write_archive
from penjing.project.lesson import OwnLesson
from penjing.project.values import Original, Project
from penjing.results import Accuracy
from penjing.worker import messages as wire
from penjing_gui.controls.readout import Readout
from penjing_gui.main_window import MainWindow
from tests.support.hands import NONE, find, press

LEFT = Qt.MouseButton.LeftButton


def _project(path: Path) -> bytes:
    write_archive(path, Project(source=Original(path="sample:digits"), plan=Plan()), {})
    return path.read_bytes()


def _broken(folder: Path) -> dict[str, tuple[bytes, str]]:
    """By name of a file: its bytes, and what the notice says of them."""
    lesson = OwnLesson(title="Half", plan=Plan()).to_json()
    newer = json.dumps({**json.loads(lesson), "schema_version": 9})
    whole = _project(folder / "whole.penjing")
    return {
        "empty.penjing": (b"", "no zip archive"),
        "cut.penjing": (whole[: len(whole) // 2], "no zip archive"),
        "binary.penjing": (bytes(range(256)) * 40, "no zip archive"),
        "flipped.penjing": (whole[:60] + bytes([whole[60] ^ 255]) + whole[61:], "cannot be unpacked"),
        "cut.penjinglesson": (lesson[: len(lesson) // 2].encode(), "ends too early"),
        "binary.penjinglesson": (bytes(range(256)), "byte 0 is no JSON"),
        "newer.penjinglesson": (newer.encode(), "version 9"),
        "huge.penjinglesson": (b" " * (2 << 20), "larger than 1 MiB"),
        "empty.penjingdevice": (b"", "name: it is missing"),
        "json.penjingdevice": (b'{"name": "x"}', "line 1, column 1 is no TOML"),
        "binary.penjingdevice": (b"\xbf\xfe" * 500, "no text in UTF-8"),
        "huge.penjingdevice": (b"#" * (1 << 20), "larger than 64 KiB"),
    }


def _drop(window: MainWindow, path: Path) -> None:
    """As a file manager drops a file: it enters, then it is let go."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    actions = Qt.DropAction.CopyAction | Qt.DropAction.MoveAction
    at = QPoint(200, 200)
    entered = QDragEnterEvent(at, actions, mime, LEFT, NONE)
    QApplication.sendEvent(window, entered)
    assert entered.isAccepted()
    let_go = QDropEvent(at.toPointF(), actions, mime, LEFT, NONE)
    QApplication.sendEvent(window, let_go)


def test_that_every_broken_file_that_is_dropped_says_what_where_and_what_to_do(
    bench: MainWindow, record: Callable[..., object], tmp_path: Path
) -> None:
    heard = record(bench.session)
    plan, device = bench.session.plan, bench.session.device
    for name, (content, told) in _broken(tmp_path).items():
        (tmp_path / name).write_bytes(content)
        heard.notices.clear()  # type: ignore[attr-defined]
        _drop(bench, tmp_path / name)
        notice = heard.only()  # type: ignore[attr-defined]
        assert notice.level == "error" and notice.hint, name
        assert told in notice.text and name in notice.text, notice.text
    assert bench.session.is_open and bench.session.plan == plan and bench.session.device == device


@pytest.mark.parametrize("name", ["cut.penjing", "cut.penjinglesson", "json.penjingdevice"])
def test_that_a_broken_file_named_at_the_start_leaves_the_start_page(
    shell: MainWindow, record: Callable[..., object], tmp_path: Path, name: str
) -> None:
    heard = record(shell.session)
    content, told = _broken(tmp_path)[name]
    (tmp_path / name).write_bytes(content)
    shell.commands.open(str(tmp_path / name))
    notice = heard.only()  # type: ignore[attr-defined]
    assert told in notice.text and notice.hint and not shell.session.is_open


def test_that_a_broken_project_is_refused_from_the_menu(
    bench: MainWindow, record: Callable[..., object], tmp_path: Path
) -> None:
    heard = record(bench.session)
    (tmp_path / "cut.penjing").write_bytes(b"PK\x03\x04")
    press(bench, Qt.Key.Key_O, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    dialog = bench.findChild(QFileDialog)
    assert dialog is not None
    field = dialog.findChild(QLineEdit, "fileNameEdit")
    assert field is not None
    field.setText(str(tmp_path / "cut.penjing"))
    press(field, Qt.Key.Key_Return)
    assert "cut.penjing" in heard.only().text and bench.session.is_open  # type: ignore[attr-defined]


def test_that_what_was_wrong_with_an_earlier_plan_is_taken_back(bench: MainWindow) -> None:
    session, said = bench.session, []
    session.noticed.connect(lambda notice: said.append(notice.text))
    failed = wire.Failed(code="prune.nothing_removed", values={}, generation=session._generation)
    session.engine.received.emit(failed)
    status = find(bench, "status.message", Readout)
    assert said[-1] and status.text() == said[-1]
    accuracy = Accuracy(value=0.9, low=0.8, high=1.0, n=100, kind="measured")
    measured = wire.Measured(generation=session._generation, accuracy=accuracy, final=True)
    session.engine.received.emit(measured)
    assert said[-1] == "" and status.text() == "Ready" and not session.refusal
