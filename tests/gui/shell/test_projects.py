"""Projects in the window: save, open, lock, moved files, recovery, full disks: nothing is lost and all is said."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from penjing.assets import resources
from penjing.project.workspace import Workspace
from penjing.results import Accuracy
from penjing.worker.exchange import Exchange
from penjing_gui import folders
from penjing_gui.main_window import MainWindow
from penjing_gui.new_runs import new_run
from penjing_gui.notices import Notice
from penjing_gui.session import Session

PATIENCE = 120_000


@pytest.fixture
def heard(session: Session) -> list[Notice]:
    notices: list[Notice] = []
    session.noticed.connect(notices.append)
    return notices


@pytest.fixture
def live(qapp: QApplication, tmp_path: Path) -> Iterator[Session]:
    """A session with an engine of its own."""
    with Exchange(tmp_path) as exchange:
        made = Session(exchange)
        made.start()
        yield made
        made.close()
        made.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def test_that_a_saved_project_opens_as_it_was(session: Session, live: Session, qtbot: QtBot, tmp_path: Path) -> None:
    name = session.graph.compressible[1].name
    session.set_layer((name,), "Bits", weight_bits=3)
    session.set_device("rp2040")
    session._opening.metric = "top3"
    path = tmp_path / "a.penjing"
    assert session.save_project(path)
    assert not session.unsaved
    assert session.projects.path == path
    session.projects.close()
    with qtbot.waitSignal(live.opened, timeout=PATIENCE):
        live.open_project(path)
    assert live.plan == session.plan
    assert live.device == session.device
    assert live.budgets == session.budgets
    assert live.data is not None and live.data.metric == live.chosen_metric == "top3"
    assert live.projects.path == path
    assert not live.projects.read_only
    assert not live.unsaved


def test_that_a_second_window_opens_read_only_and_says_so(
    session: Session, live: Session, qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "a.penjing"
    session.save_project(path)
    heard: list[Notice] = []
    live.noticed.connect(heard.append)
    with qtbot.waitSignal(live.opened, timeout=PATIENCE):
        live.open_project(path)
    assert live.projects.read_only
    assert [notice.level for notice in heard] == ["warning"]
    assert "read-only" in heard[0].text
    before = path.read_bytes()
    assert not live.save_project(path)
    assert path.read_bytes() == before
    assert live.save_project(tmp_path / "b.penjing")
    assert not live.projects.read_only


def test_that_a_model_that_moved_is_asked_for_and_found(live: Session, qtbot: QtBot, tmp_path: Path) -> None:
    network = tmp_path / "net.penjingnet"
    network.write_bytes((resources() / "samples/digits/model.penjingnet").read_bytes())
    with qtbot.waitSignal(live.opened, timeout=PATIENCE):
        live.open_source(str(network))
    live.set_defaults("Bits", weight_bits=5)
    path = tmp_path / "a.penjing"
    assert live.save_project(path)
    with qtbot.waitSignal(live.opened, timeout=PATIENCE):
        live.open_source("sample:digits")
    moved = network.rename(tmp_path / "elsewhere.penjingnet")
    heard: list[Notice] = []
    live.noticed.connect(heard.append)
    live.open_project(path)
    assert len(heard) == 1
    assert "net.penjingnet" in heard[0].text
    assert heard[0].actions[0].label == "Locate file…"
    live.projects.locate_wanted.connect(lambda title, chosen: chosen(str(moved)))
    with qtbot.waitSignal(live.opened, timeout=PATIENCE):
        heard[0].actions[0].run()
    assert live.plan.defaults.weight_bits == 5
    assert live.source == str(moved)
    assert len(heard) == 1  # the bytes are the same, so there is nothing to warn of


def test_that_a_network_whose_data_are_gone_opens_without_them(live: Session, qtbot: QtBot, tmp_path: Path) -> None:
    data = tmp_path / "own.npz"
    data.write_bytes((resources() / "samples/digits/data.npz").read_bytes())
    with qtbot.waitSignal(live.opened, timeout=PATIENCE):
        live.open_source("sample:digits", str(data))
    live.set_defaults("Bits", weight_bits=5)
    assert live.save_project(tmp_path / "a.penjing")
    with qtbot.waitSignal(live.opened, timeout=PATIENCE):
        live.open_source("sample:watch")
    data.unlink()
    heard: list[Notice] = []
    live.noticed.connect(heard.append)
    live.open_project(tmp_path / "a.penjing")
    assert [action.label for action in heard[0].actions] == ["Locate file…", "Open without data"]
    with qtbot.waitSignal(live.opened, timeout=PATIENCE):
        heard[0].actions[1].run()
    assert live.source == "sample:digits" and live.plan.defaults.weight_bits == 5
    assert live.projects.path == tmp_path / "a.penjing" and live.projects.dirty


def test_that_an_original_that_has_changed_is_said(live: Session, qtbot: QtBot, tmp_path: Path) -> None:
    network = tmp_path / "net.penjingnet"
    network.write_bytes((resources() / "samples/digits/model.penjingnet").read_bytes())
    with qtbot.waitSignal(live.opened, timeout=PATIENCE):
        live.open_source(str(network))
    assert live.save_project(tmp_path / "a.penjing")
    network.write_bytes((resources() / "samples/watch/model.penjingnet").read_bytes())
    with qtbot.waitSignal(live.opened, timeout=PATIENCE):
        live.open_source("sample:digits")
    heard: list[Notice] = []
    live.noticed.connect(heard.append)
    with qtbot.waitSignal(live.opened, timeout=PATIENCE):
        live.open_project(tmp_path / "a.penjing")
    assert ["has changed" in notice.text for notice in heard] == [True]


@pytest.mark.parametrize("content", [b"", b"not a project"])
def test_that_a_damaged_project_is_said_and_what_is_open_stays(
    session: Session, heard: list[Notice], tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "bad.penjing"
    path.write_bytes(content)
    plan = session.plan
    session.open_project(path)
    assert len(heard) == 1
    assert "bad.penjing" in heard[0].text
    assert heard[0].hint
    assert session.plan == plan
    assert not path.with_name(".bad.penjing.lock").exists()
    assert len(list(folders.work_folder().iterdir())) == 1


def test_that_a_place_that_cannot_be_written_is_said_and_nothing_is_lost(
    session: Session, heard: list[Notice], tmp_path: Path
) -> None:
    session.set_defaults("Bits", weight_bits=5)
    assert not session.save_project(tmp_path / "nowhere" / "a.penjing")
    assert len(heard) == 1
    assert heard[0].level == "error"
    assert session.unsaved


def test_that_work_of_a_dead_window_is_offered_and_restored(
    session: Session, live: Session, qtbot: QtBot, tmp_path: Path
) -> None:
    session.set_defaults("Bits", weight_bits=5)
    assert session.figures is not None
    sure = Accuracy(value=0.5, low=0.4, high=0.6, n=100, kind="measured")
    figures = msgspec.structs.replace(session.figures, accuracy=sure)
    run = msgspec.structs.replace(new_run((), "distill", "distill-1", session.plan, figures), has_network=True)
    session.add_run(run)
    session.apply_run(run.id)
    session.projects.autosave.now()
    plan = session.plan
    workspace = session.projects.autosave.workspace
    assert workspace is not None
    workspace.release()  # as the kernel does when a window dies
    session.projects.autosave.workspace = None
    heard: list[Notice] = []
    live.noticed.connect(heard.append)
    live.projects.offer_recovery()
    assert [action.identifier for action in heard[0].actions] == ["recovery.restore", "recovery.discard"]
    with qtbot.waitSignal(live.opened, timeout=PATIENCE):
        heard[0].actions[0].run()
    assert live.plan == plan
    assert live.unsaved
    # What was applied still is: its network is what would be exported, its accuracy what is shown.
    assert live.run == run
    assert live.accuracy == sure and live.accuracy_is_current


def test_that_work_that_is_discarded_is_gone(session: Session, closed: Session, tmp_path: Path) -> None:
    session.set_defaults("Bits", weight_bits=5)
    session.projects.autosave.now()
    workspace = session.projects.autosave.workspace
    assert workspace is not None
    workspace.release()
    session.projects.autosave.workspace = None
    heard: list[Notice] = []
    session.noticed.connect(heard.append)
    session.projects.offer_recovery()
    heard[0].actions[1].run()
    assert list(folders.work_folder().iterdir()) == []


def test_that_what_is_saved_leaves_no_autosave(session: Session, tmp_path: Path) -> None:
    session.set_defaults("Bits", weight_bits=5)
    session.projects.autosave.now()
    workspace = session.projects.autosave.workspace
    assert isinstance(workspace, Workspace)
    assert workspace.state_file.exists()
    session.save_project(tmp_path / "a.penjing")
    assert not workspace.state_file.exists()
    session.close()
    assert not workspace.folder.exists()


def test_that_an_engine_that_is_killed_costs_a_notice_and_not_the_plan(live: Session, qtbot: QtBot) -> None:
    with qtbot.waitSignal(live.opened, timeout=PATIENCE):
        live.open_source("sample:digits")
    live.set_defaults("Bits", weight_bits=5)
    plan = live.plan
    heard: list[Notice] = []
    live.noticed.connect(heard.append)
    assert live.engine.pid is not None
    os.kill(live.engine.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: bool(heard), timeout=PATIENCE)
    assert not live.accuracy_is_current
    live.set_defaults("Bits", weight_bits=6)
    assert live.figures_are_current  # exact numbers need no engine
    qtbot.waitUntil(lambda: live.accuracy_is_current, timeout=PATIENCE)
    assert [notice.level for notice in heard] == ["warning"]
    assert live.undo_stack.undoText() == "Bits"
    live.undo_stack.undo()
    assert live.plan == plan


def test_that_a_file_that_cannot_be_opened_is_said_and_what_is_open_stays(
    live: Session, qtbot: QtBot, tmp_path: Path
) -> None:
    with qtbot.waitSignal(live.opened, timeout=PATIENCE):
        live.open_source("sample:digits")
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"no network at all")
    with qtbot.waitSignal(live.noticed, timeout=PATIENCE) as told:
        live.open_source(str(bad))
    assert told.args is not None
    assert "bad.onnx" in told.args[0].text
    assert told.args[0].hint
    assert live.source == "sample:digits"
    assert live.opening is None


def click(box: QMessageBox, button: QMessageBox.StandardButton) -> None:
    QTest.mouseClick(box.button(button), Qt.MouseButton.LeftButton)


def test_that_closing_asks_about_unsaved_changes_without_blocking(bench: MainWindow, qtbot: QtBot) -> None:
    bench.session.set_defaults("Bits", weight_bits=5)
    bench.close()
    assert bench.isVisible()
    click(bench.findChild(QMessageBox), QMessageBox.StandardButton.Cancel)
    assert bench.isVisible()
    qtbot.waitUntil(lambda: not bench.findChildren(QMessageBox))
    bench.close()
    click(bench.findChild(QMessageBox), QMessageBox.StandardButton.Discard)
    assert not bench.isVisible()


def test_that_save_before_closing_saves_and_closes(bench: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    bench.session.set_defaults("Bits", weight_bits=5)
    bench.close()
    click(bench.findChild(QMessageBox), QMessageBox.StandardButton.Save)
    dialog = bench.findChild(QFileDialog)
    dialog.selectFile(str(tmp_path / "a"))
    dialog.accept()
    qtbot.waitUntil(lambda: not bench.isVisible())
    assert (tmp_path / "a.penjing").is_file()


def test_that_the_recovery_bar_has_its_buttons(shell: MainWindow, qtbot: QtBot) -> None:
    workspace = Workspace.new(folders.work_folder())
    workspace.state_file.write_bytes(b"{}")
    workspace.release()
    shell.session.projects.offer_recovery()

    def buttons() -> list[str]:
        return [one.accessibleIdentifier() for one in shell.notices.findChildren(QPushButton) if one.isVisible()]

    assert buttons() == ["recovery.restore", "recovery.discard"]
    discard = next(
        one for one in shell.notices.findChildren(QPushButton) if one.accessibleIdentifier() == "recovery.discard"
    )
    QTest.mouseClick(discard, Qt.MouseButton.LeftButton)
    assert not workspace.folder.exists()
    assert buttons() == []
