"""What holds for every test of the window: nothing is left behind, and what is said is heard."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyqtgraph
import pytest
import tqdm
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from penjing.worker import messages as wire
from penjing.worker.exchange import Exchange
from penjing.worker.gathered import first_tables
from penjing.worker.opening import Open, open_source
from penjing_gui import language, theme
from penjing_gui.main_window import MainWindow
from penjing_gui.notices import Notice
from penjing_gui.opening import Pending
from penjing_gui.session import Session
from penjing_gui.settings import SettingsFile
from penjing_gui.texts import Texts

PATIENCE = 120_000
"""Milliseconds that a test waits for a signal at most: machines can be slow, and a signal ends the wait at once."""
_LAST = 10.0
"""Seconds in which what ends by itself has ended."""
_SAMPLE = "sample:digits"


@pytest.fixture(autouse=True)
def _moves_all_count() -> Iterator[None]:
    """Plots pass over moves that follow each other faster than 100 a second; the hands of a test are faster."""
    before = pyqtgraph.getConfigOption("mouseRateLimit")
    pyqtgraph.setConfigOption("mouseRateLimit", 0)
    yield
    pyqtgraph.setConfigOption("mouseRateLimit", before)


@pytest.fixture(autouse=True)
def _progress_bars_without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test computes here and not in the engine is computed by libraries that would leave a thread behind."""
    monkeypatch.setattr(tqdm.tqdm, "monitor_interval", 0)


@pytest.fixture(autouse=True)
def nothing_left_behind(qapp: QApplication) -> Iterator[None]:
    """Fails a test that leaves a process, a thread, a window or a folder of shared memory."""
    before = _things()
    yield
    deadline = time.monotonic() + _LAST
    left = _things() - before
    while left and time.monotonic() < deadline:
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        QTest.qWait(20)
        left = _things() - before
    assert not left, f"left behind: {sorted(left)}"


class Recorder:
    """Hears the notices of a session."""

    def __init__(self, session: Session) -> None:
        self.notices: list[Notice] = []
        session.noticed.connect(self.notices.append)

    def only(self) -> Notice:
        """The one notice there was; any other number fails."""
        assert len(self.notices) == 1, [notice.text for notice in self.notices]
        return self.notices[0]

    def no_errors(self) -> None:
        """Fails on any error that was said."""
        wrong = [(notice.text, notice.details) for notice in self.notices if notice.level == "error"]
        assert not wrong, wrong


@pytest.fixture
def patience() -> int:
    """Milliseconds to wait for a signal."""
    return PATIENCE


@pytest.fixture
def record() -> Callable[[Session], Recorder]:
    """Makes a recorder for a session."""
    return Recorder


@pytest.fixture
def window(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> Iterator[MainWindow]:
    """The main window at its Start page, with an engine of its own."""
    theme.apply(qapp, "light")
    texts = Texts()
    language.apply(qapp, "en", texts)
    with Exchange() as exchange:
        session = Session(exchange, texts=texts)
        main = MainWindow(session, SettingsFile(tmp_path / "settings"))
        with qtbot.waitExposed(main):
            main.show()
        main.begin(None)
        yield main
        session.undo_stack.setClean()
        session.projects.dirty = False
        main.close()
        main.deleteLater()
        session.close()
        session.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


@pytest.fixture(scope="session")
def digits() -> tuple[Open, wire.Opened]:
    """The sample as the engine has it."""
    return open_source(wire.OpenSource(request=0, source=_SAMPLE), lambda progress: None)


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    """A folder for arrays."""
    with Exchange(tmp_path) as made:
        yield made


@pytest.fixture
def closed(qapp: QApplication, exchange: Exchange) -> Iterator[Session]:
    """A session with nothing open and no engine."""
    made = Session(exchange)
    yield made
    made.close()
    made.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


@pytest.fixture
def session(closed: Session, digits: tuple[Open, wire.Opened]) -> Session:
    """A session with the digits open; there is no engine, so nothing is measured."""
    open_digits(closed, digits)
    return closed


@pytest.fixture
def shell(qtbot: QtBot, qapp: QApplication, closed: Session, tmp_path: Path) -> Iterator[MainWindow]:
    """The main window at its Start page, without an engine."""
    theme.apply(qapp, "light")
    window = MainWindow(closed, SettingsFile(tmp_path / "settings"))
    with qtbot.waitExposed(window):
        window.show()
    yield window
    closed.undo_stack.setClean()
    closed.projects.dirty = False
    window.close()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


@pytest.fixture
def bench(shell: MainWindow, digits: tuple[Open, wire.Opened], qtbot: QtBot) -> MainWindow:
    """The main window with the digits open at its workbench."""
    open_digits(shell.session, digits)
    qtbot.waitUntil(lambda: shell.docks.compress.isVisible())
    return shell


def open_digits(session: Session, digits: tuple[Open, wire.Opened]) -> None:
    """Let the session hear what the engine would say."""
    opened, announcement = digits
    tables = first_tables(opened.evidence, session.exchange.folder, request=0, on_layer=lambda number: None)
    session.adopt(Pending(request=0, source=_SAMPLE, data=None), announcement, tables)


def _things() -> set[str]:
    shown = [one for one in QApplication.topLevelWidgets() if one.isVisible()]
    windows = {f"window {type(one).__name__} {one.objectName()}" for one in shown}
    threads = {f"thread {thread.name}" for thread in threading.enumerate()}
    folders = {f"folder {path.name}" for path in Path("/dev/shm").glob("penjing-exchange-*") if _ours(path)}
    return windows | threads | folders | {f"process {pid}" for pid in _children()}


def _children() -> set[int]:
    found: set[int] = set()
    for task in Path("/proc/self/task").glob("*/children"):
        found |= {int(pid) for pid in task.read_text().split()}
    return found


def _ours(path: Path) -> bool:
    """Whether this process holds a folder: others test at the same time."""
    open_files = Path(f"/proc/{os.getpid()}/fd")
    return any(str(path) in os.readlink(entry) for entry in open_files.iterdir() if entry.is_symlink())
