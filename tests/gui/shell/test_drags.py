"""Files that are dragged over the window, through its own input: whatever lies under them, and several at once."""

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QApplication

from penjing_gui.drops import Drop, dropped
from penjing_gui.main_window import MainWindow
from tests.support.hands import find

COPY, LEFT, NONE = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def files(*paths: Path | str) -> QMimeData:
    """What a file manager drags."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return data


def drag(window: MainWindow, data: QMimeData, at: QPointF) -> bool:
    """Come in, move; whether it may be let go here."""
    handle = window.windowHandle()
    for kind in (QDragEnterEvent, QDragMoveEvent):
        event = kind(at.toPoint(), COPY, data, LEFT, NONE)
        QApplication.sendEvent(handle, event)
    return event.isAccepted()


def let_go(window: MainWindow, data: QMimeData, at: QPointF) -> bool:
    """Whether it was taken."""
    event = QDropEvent(at, COPY, data, LEFT, NONE)
    QApplication.sendEvent(window.windowHandle(), event)
    return event.isAccepted()


@pytest.mark.parametrize("under", ["plot.histogram", "plot.network", "layers.filter", "layers.table", "tabs.main"])
def test_that_files_reach_the_window_over_any_of_its_parts(
    bench: MainWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, under: str
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(bench.session, "open_data", opened.append)
    part = find(bench, under)
    at = QPointF(part.mapTo(bench, part.rect().center()))
    data = files(tmp_path / "own.npz")
    assert drag(bench, data, at) and bench._overlay.isVisible() and "own.npz" in bench._overlay._text
    QApplication.sendEvent(bench.windowHandle(), QDragLeaveEvent())
    assert not bench._overlay.isVisible()
    assert drag(bench, data, at) and let_go(bench, data, at)
    assert opened == [str(tmp_path / "own.npz")] and not bench._overlay.isVisible()
    assert find(bench, "layers.filter").text() == ""  # type: ignore[attr-defined]


def test_that_a_network_is_opened_with_the_data_that_is_dragged_along(
    shell: MainWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[tuple[str, object]] = []
    monkeypatch.setattr(shell.session, "open_source", lambda source, data=None: opened.append((source, data)))
    folder, network = tmp_path / "pictures", tmp_path / "net.onnx"
    folder.mkdir()
    data, at = files(folder, network), QPointF(300, 300)
    assert drag(shell, data, at) and "net.onnx with the data pictures" in shell._overlay._text
    assert let_go(shell, data, at) and opened == [(str(network), str(folder))]


@pytest.mark.parametrize(
    ("names", "meant"),
    [
        (("words/yes/1.wav",), "words"),
        (("pics/cat/1.png", "pics/cat/2.JPG", "pics/dog/3.png"), "pics"),
        (("words/dataset.toml",), "words"),
        (("table/dataset.toml",), "table/own.csv"),
        (("table/dataset.toml", "table/own.csv"), "table/own.csv"),
    ],
)
def test_that_what_belongs_to_data_stands_for_them(
    bench: MainWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, names: tuple[str, ...], meant: str
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(bench.session, "open_data", opened.append)
    for name in (*names, "table/own.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    data, at = files(*(tmp_path / name for name in names)), QPointF(300, 300)
    assert drag(bench, data, at) and let_go(bench, data, at)
    assert opened == [str(tmp_path / meant)]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("notes.txt",), "notes.txt is no network"),
        (("own.npz",), "open its network first"),
        (("a.penjing", "b.penjing"), "One at a time"),
        (("a.onnx", "b.npz", "c.npz"), "One at a time"),
    ],
)
def test_that_what_is_refused_is_told_as_long_as_it_hangs_there(
    shell: MainWindow, names: tuple[str, ...], told: str
) -> None:
    data, at = files(*(f"/somewhere/{name}" for name in names)), QPointF(300, 300)
    assert not drag(shell, data, at)
    assert told in shell._overlay._text and shell._overlay.isVisible()
    assert not let_go(shell, data, at)
    assert not shell._overlay.isVisible() and shell.session.opening is None


def test_that_what_can_be_read_only_while_it_moves_is_held_until_it_is_let_go(
    shell: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(shell.session, "open_source", lambda source, data=None: opened.append(source))
    handle, at = shell.windowHandle(), QPointF(300, 300)
    empty, there = QMimeData(), files("/somewhere/net.onnx")
    empty.setData("text/uri-list", b"")  # as X11 gives it before the other program has answered
    enter = QDragEnterEvent(at.toPoint(), COPY, empty, LEFT, NONE)
    QApplication.sendEvent(handle, enter)
    assert enter.isAccepted() and not shell._overlay.isVisible()
    QApplication.sendEvent(handle, QDragMoveEvent(at.toPoint(), COPY, there, LEFT, NONE))
    assert shell._overlay.isVisible()
    assert let_go(shell, empty, at) and opened == ["/somewhere/net.onnx"]
    assert dropped(there) == Drop("model", "/somewhere/net.onnx") and dropped(empty) is None


def test_that_nothing_that_is_dragged_is_taken_away_from_where_it_was(
    shell: MainWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shell.session, "open_source", lambda *_, **__: None)
    at, data = QPointF(200, 200), files(tmp_path / "net.onnx")
    for possible, answer in ((COPY | Qt.DropAction.MoveAction, COPY), (Qt.DropAction.LinkAction, None)):
        event = QDropEvent(at, possible, data, LEFT, NONE)
        if possible & COPY:
            event.setDropAction(Qt.DropAction.MoveAction)
        QApplication.sendEvent(shell.windowHandle(), event)
        assert event.isAccepted()
        assert event.dropAction() == (answer or event.proposedAction())


def test_that_what_was_dropped_is_told_while_the_engine_still_starts(
    shell: MainWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engine = shell.session.engine
    monkeypatch.setattr(engine, "start", lambda: None)
    monkeypatch.setattr(engine, "send", lambda message: None)
    status, at = find(shell, "status.message"), QPointF(200, 200)
    for state, words in (("starting", "Waiting for the engine…"), ("idle", "Reading the network…")):
        monkeypatch.setattr(engine, "state", state)
        assert let_go(shell, files(tmp_path / "net.onnx"), at)
        assert status.accessibleName() == f"net.onnx: {words}"
