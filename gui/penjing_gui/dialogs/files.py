"""Choosing files: every dialog opens without blocking anything and calls back."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QFileDialog, QWidget

Chosen = Callable[[str], None]


def choose_file(parent: QWidget, title: str, kinds: str, folder: str, chosen: Chosen) -> QFileDialog:
    """Ask for a file that exists."""
    dialog = QFileDialog(parent, title, folder, kinds)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    return _open(dialog, chosen)


def choose_new_file(parent: QWidget, title: str, kinds: str, path: str, suffix: str, chosen: Chosen) -> QFileDialog:
    """Ask where a file is to be written; an existing one is replaced only after a question."""
    dialog = QFileDialog(parent, title, str(Path(path).parent), kinds)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setDefaultSuffix(suffix)
    dialog.selectFile(Path(path).name)
    return _open(dialog, chosen)


def model_kinds() -> str:
    """The filter for networks."""
    return _kinds(QCoreApplication.translate("files", "Networks"), "*.onnx *.pt2 *.penjingnet *.safetensors *.pt *.pth")


def data_kinds() -> str:
    """The filter for data."""
    return _kinds(QCoreApplication.translate("files", "Data"), "*.npz *.csv dataset.toml")


def project_kinds() -> str:
    """The filter for projects."""
    return _kinds(QCoreApplication.translate("files", "Penjing projects"), "*.penjing")


def _kinds(name: str, patterns: str) -> str:
    return f"{name} ({patterns});;{QCoreApplication.translate('files', 'All files')} (*)"


def _open(dialog: QFileDialog, chosen: Chosen) -> QFileDialog:
    dialog.fileSelected.connect(chosen)
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()
    return dialog
