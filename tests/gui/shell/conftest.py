"""A session that has opened the digits without a process: what the engine would say is made here."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from penjing.worker import messages as wire
from penjing.worker.exchange import Exchange
from penjing.worker.gathered import first_tables
from penjing.worker.opening import Open, open_source
from penjing_gui import theme
from penjing_gui.main_window import MainWindow
from penjing_gui.opening import Pending
from penjing_gui.session import Session
from penjing_gui.settings import SettingsFile

SAMPLE = "sample:digits"


@pytest.fixture(scope="session")
def digits() -> tuple[Open, wire.Opened]:
    """The sample as the engine has it."""
    return open_source(wire.OpenSource(request=0, source=SAMPLE), lambda progress: None)


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
    session.adopt(Pending(request=0, source=SAMPLE, data=None), announcement, tables)
