"""Choosing files: every dialog opens without blocking anything and calls back."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QFileDialog, QWidget

Chosen = Callable[[str], None]
CARDS = ("dataset.toml", "card.toml")
TABLES = (".csv", ".tsv", ".tab", ".psv")
IN_FOLDERS = (
    *(".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".pgm", ".ppm", ".tif", ".tiff"),
    *(".wav", ".wave"),
)
"""Pictures and recordings, which lie in one folder for each class: any of them stands for all."""
_PARTS = ("train", "val", "test")


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
    patterns = "*.onnx *.pt2 *.penjingnet *.safetensors *.pt *.pth *.ckpt"
    return _kinds(QCoreApplication.translate("files", "Networks"), patterns)


def data_kinds() -> str:
    """The filter for data."""
    patterns = [f"*{suffix}" for suffix in (*TABLES, *IN_FOLDERS)]
    return _kinds(QCoreApplication.translate("files", "Data"), " ".join(["*.npz", *patterns, *CARDS]))


def data_of(path: str) -> str:
    """The data that a chosen file means: itself, or the folder of classes that a picture, recording or card is of."""
    chosen = Path(path)
    if chosen.name in CARDS:
        try:
            beside = [one for one in chosen.parent.iterdir() if one.suffix.lower() in (".npz", *TABLES)]
        except OSError:
            beside = []
        return str(beside[0] if len(beside) == 1 else chosen.parent)
    if chosen.suffix.lower() not in IN_FOLDERS:
        return path
    whole = chosen.parent.parent
    return str(whole.parent if whole.name in _PARTS else whole)


def project_kinds() -> str:
    """The filter for projects."""
    return _kinds(QCoreApplication.translate("files", "Penjing projects"), "*.penjing")


def _kinds(name: str, patterns: str) -> str:
    return f"{name} ({patterns});;{QCoreApplication.translate('files', 'All files')} (*)"


def _open(dialog: QFileDialog, chosen: Chosen) -> QFileDialog:
    # Qt's own translations lack these two.
    labels = QFileDialog.DialogLabel
    dialog.setLabelText(labels.LookIn, QCoreApplication.translate("files", "Look in:"))
    dialog.setLabelText(labels.FileType, QCoreApplication.translate("files", "Kind of file:"))
    dialog.fileSelected.connect(chosen)
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()
    return dialog
