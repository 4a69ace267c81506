"""A file of tensors alone opens into an architecture that the person names; code runs only after consent."""

from pathlib import Path

import pytest
import torch
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QDialog, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot
from safetensors.torch import save_file
from torch import nn

from penjing.loading.architectures import ARCHITECTURES
from penjing_gui.controls.readout import Readout
from penjing_gui.dialogs.architecture import ArchitectureDialog, factories
from penjing_gui.main_window import MainWindow
from tests.support.hands import click, find, type_over

FACTORY = """
from pathlib import Path

import torch
from torch import nn

Path(__file__).with_name("ran").touch()


def mlp():
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2)), torch.zeros(1, 6)


def needs(width):
    return mlp()
"""


def dialog_of(qtbot: QtBot, window: MainWindow, patience: int) -> ArchitectureDialog:
    def found() -> list[ArchitectureDialog]:
        return [one for one in window.findChildren(ArchitectureDialog) if one.isVisible()]

    qtbot.waitUntil(lambda: bool(found()), timeout=patience)
    return found()[0]


def closed(qtbot: QtBot, window: MainWindow, patience: int) -> None:
    qtbot.waitUntil(lambda: not window.findChildren(QDialog), timeout=patience)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_file(nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2)).state_dict(), tmp_path / "mlp.safetensors")
    (tmp_path / "nets.py").write_text(FACTORY)
    return tmp_path


def test_that_a_built_in_architecture_takes_the_tensors(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, patience: int
) -> None:
    module, _ = ARCHITECTURES["lenet5"]()
    wrapped = {f"module.{name}": tensor for name, tensor in module.state_dict().items()}
    torch.save({"state_dict": wrapped, "epoch": 3}, tmp_path / "lenet.pt")
    window.commands.open(str(tmp_path / "lenet.pt"))
    dialog = dialog_of(qtbot, window, patience)
    assert "lenet.pt" in dialog.told.text() and dialog.architecture == "lenet5"
    with qtbot.waitSignal(window.session.opened, timeout=patience):
        click(find(dialog, "architecture.open", QPushButton))
    closed(qtbot, window, patience)
    assert window.session.graph is not None and window.session.architecture == "lenet5"
    assert [layer.name for layer in window.session.graph.compressible] == ["conv1", "conv2", "fc1", "fc2", "fc3"]


def test_that_code_runs_only_after_consent_and_a_project_asks_again_in_another_window(
    qtbot: QtBot, window: MainWindow, files: Path, patience: int
) -> None:
    session = window.session
    window.commands.open(str(files / "mlp.safetensors"))
    dialog = dialog_of(qtbot, window, patience)
    go, trusted = find(dialog, "architecture.open", QPushButton), find(dialog, "architecture.trusted", QCheckBox)
    click(dialog.code)
    assert not go.isEnabled()
    type_over(find(dialog, "architecture.file", QLineEdit), str(files / "nets.py"))
    factory = find(dialog, "architecture.factory", QComboBox)
    assert [factory.itemText(row) for row in range(factory.count())] == ["mlp"]
    assert "def mlp" in dialog.shown.toPlainText() and not go.isEnabled()
    assert not (files / "ran").exists()
    trusted.click()
    with qtbot.waitSignal(session.opened, timeout=patience):
        click(go)
    closed(qtbot, window, patience)
    assert (files / "ran").exists() and session.graph is not None and len(session.graph.compressible) == 2
    (files / "ran").unlink()
    assert session.save_project(files / "kept.penjing")
    # In this window the code runs already; a window that never asked has to.
    session._opening._allowed = False
    session.projects.path = None
    session.open_project(files / "kept.penjing")
    dialog = dialog_of(qtbot, window, patience)
    assert dialog.code.isChecked() and dialog.architecture == f"{files / 'nets.py'}:mlp"
    assert not find(dialog, "architecture.open", QPushButton).isEnabled() and not (files / "ran").exists()
    dialog.trusted.click()
    with qtbot.waitSignal(session.opened, timeout=patience):
        click(find(dialog, "architecture.open", QPushButton))
    closed(qtbot, window, patience)
    assert session.projects.path == files / "kept.penjing"


def test_that_an_architecture_that_does_not_fit_can_be_exchanged(
    qtbot: QtBot, window: MainWindow, files: Path, patience: int
) -> None:
    window.commands.open(str(files / "mlp.safetensors"))
    click(find(dialog_of(qtbot, window, patience), "architecture.open", QPushButton))
    qtbot.waitUntil(lambda: bool(window.notices.notices), timeout=patience)
    (notice,) = window.notices.notices
    assert notice.details == "load.weights_differ"
    click(find(window, "architecture.again", QPushButton))
    click(find(dialog_of(qtbot, window, patience), "architecture.cancel", QPushButton))
    closed(qtbot, window, patience)


def test_that_giving_up_says_what_is_missing(qtbot: QtBot, window: MainWindow, files: Path, patience: int) -> None:
    window.commands.open(str(files / "mlp.safetensors"))
    dialog = dialog_of(qtbot, window, patience)
    click(find(dialog, "architecture.cancel", QPushButton))
    closed(qtbot, window, patience)
    QApplication.processEvents()
    (notice,) = window.notices.notices
    assert notice.details == "load.needs_architecture" and not window.session.is_open


def test_that_another_file_is_not_trusted_because_the_last_one_was(
    qtbot: QtBot, window: MainWindow, files: Path
) -> None:
    heard: list[tuple[str, bool]] = []
    dialog = ArchitectureDialog("a.pt", (), lambda *told: heard.append(told), window)
    dialog.open()
    assert dialog.code.isChecked()  # there is none of Penjing's own
    dialog.path.setText(str(files / "nets.py"))
    dialog.trusted.click()
    assert dialog.open_.isEnabled()
    (files / "other.py").write_text("def other(): ...")
    dialog.path.setText(str(files / "other.py"))
    assert not dialog.trusted.isChecked() and not dialog.open_.isEnabled()
    dialog.reject()
    closed(qtbot, window, 10_000)
    assert not heard


@pytest.mark.parametrize("code", ["", "def (", "\0", "(" * 5000, "class _Hidden: ...", "def f(a, *, b): ..."])
def test_that_code_without_a_factory_offers_none(code: str) -> None:
    assert factories(code) == ()


def test_that_opening_is_heard_at_once_while_the_engine_still_loads_its_libraries(
    qtbot: QtBot, window: MainWindow, files: Path, patience: int
) -> None:
    status = find(window, "status.message", Readout)
    window.commands.open(str(files / "mlp.safetensors"))
    assert status.text() == "mlp.safetensors: Waiting for the engine…"
    dialog_of(qtbot, window, patience).reject()
    closed(qtbot, window, patience)
