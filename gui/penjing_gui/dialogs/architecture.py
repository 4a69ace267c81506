"""Asks what a file of tensors belongs to: a network of Penjing's own, or a factory in a Python file, after consent."""

import ast
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from penjing_gui.controls.identity import identify
from penjing_gui.dialogs import files
from penjing_gui.theme import SPACE

MOST_CODE = 1 << 20
"""Bytes of a Python file that is read to show it and to find its factories; it is not run for that."""
Chosen = Callable[[str, bool], None]
"""Hears the architecture as the command line names it, and whether the person lets its code run."""


def factories(code: str) -> tuple[str, ...]:
    """Functions, then classes, of a Python file that need no argument; the file is read, never run.

    >>> code = ("def tiny(): ...", "def wide(width): ...", "class Net: ...", "def deep(depth=3): ...")
    >>> factories(chr(10).join(code))
    ('tiny', 'deep', 'Net')
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    named = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef))
    found = sorted((node for node in named if _callable_alone(node)), key=lambda node: isinstance(node, ast.ClassDef))
    return tuple(node.name for node in found)


def split(architecture: str) -> tuple[str, str]:
    """The file and the factory of an architecture in a Python file; ("", name) of one of Penjing's own.

    >>> split("/models/nets.py:tiny"), split("lenet5")
    (('/models/nets.py', 'tiny'), ('', 'lenet5'))
    """
    file, _, factory = architecture.rpartition(":")
    return file, factory


class ArchitectureDialog(QDialog):
    """Its Open button rests until everything is said; code is shown before it is allowed to run."""

    def __init__(
        self,
        name: str,
        known: Sequence[str],
        chosen: Chosen,
        parent: QWidget | None = None,
        *,
        before: str | None = None,
        folder: str = "",
    ) -> None:
        """Ask about the file `name`; `before` is what was chosen for it at another time."""
        super().__init__(parent)
        self._chosen, self._folder = chosen, folder
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Architecture"))
        identify(self, "architecture", self.windowTitle())
        self.told = QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True)
        self.told.setText(self.tr("“{name}” holds tensors but no network. What do they belong to?").format(name=name))
        self.own = identify(QRadioButton(self.tr("One of Penjing's own")), "architecture.own")
        self.names = identify(QComboBox(), "architecture.name", self.tr("Architecture"))
        for one in known:
            self.names.addItem(one, one)
        self.code = identify(QRadioButton(self.tr("A Python file of yours")), "architecture.code")
        self.path = identify(QLineEdit(), "architecture.file", self.tr("Python file"))
        self.browse = identify(QPushButton(self.tr("Browse…")), "architecture.browse")
        self.browse.setAutoDefault(False)
        self.factory = identify(QComboBox(editable=True), "architecture.factory", self.tr("Factory"))
        self.shown = identify(QPlainTextEdit(readOnly=True), "architecture.shown", self.tr("What the file holds"))
        self.shown.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.shown.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.trusted = identify(QCheckBox(), "architecture.trusted")
        self.trusted.setText(
            self.tr("I know this file and trust it: its code runs as I do, and may do all that I may.")
        )
        standard = QDialogButtonBox.StandardButton
        self._buttons = QDialogButtonBox(standard.Open | standard.Cancel)
        self.open_ = identify(self._buttons.button(standard.Open), "architecture.open")
        identify(self._buttons.button(standard.Cancel), "architecture.cancel")
        self._lay_out()
        self._connect()
        self._begin(before)

    @property
    def architecture(self) -> str:
        """As the command line names it; empty while something is missing."""
        if self.own.isChecked():
            return str(self.names.currentData() or "")
        path, factory = self.path.text().strip(), self.factory.currentText().strip()
        return f"{Path(path).expanduser().absolute()}:{factory}" if path and factory else ""

    # -------------------------------------------------------------------------------------------------------- set-up

    def _lay_out(self) -> None:
        hint = QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True)
        hint.setText(
            self.tr("The factory takes no argument and returns a module and an example input, the batch first.")
        )
        hint.setProperty("muted", True)
        first = QHBoxLayout()
        first.addWidget(self.own)
        first.addWidget(self.names, 1)
        where = QHBoxLayout()
        where.addWidget(self.path, 1)
        where.addWidget(self.browse)
        form = QFormLayout()
        form.setContentsMargins(3 * SPACE, 0, 0, 0)
        form.addRow(self.tr("Python file"), where)
        form.addRow(self.tr("Factory"), self.factory)
        form.addRow(hint)
        form.addRow(self.shown)
        form.addRow(self.trusted)
        layout = QVBoxLayout(self)
        layout.addWidget(self.told)
        layout.addLayout(first)
        layout.addWidget(self.code)
        layout.addLayout(form, 1)
        layout.addWidget(self._buttons)
        self.resize(600, 480)

    def _connect(self) -> None:
        self.own.toggled.connect(self._enable)
        self.path.textChanged.connect(self._read)
        self.factory.currentTextChanged.connect(self._enable)
        self.trusted.toggled.connect(self._enable)
        self.browse.clicked.connect(self._choose)
        self._buttons.accepted.connect(self._accept)
        self._buttons.rejected.connect(self.reject)

    def _begin(self, before: str | None) -> None:
        file, factory = split(before or "")
        if file:
            self.code.setChecked(True)
            self.path.setText(file)
            self.factory.setCurrentText(factory)
        else:
            self.own.setChecked(self.names.count() > 0)
            self.code.setChecked(self.names.count() == 0)
            self.names.setCurrentIndex(max(self.names.findData(factory), 0))
        self._enable()

    # --------------------------------------------------------------------------------------------------------- state

    def _read(self) -> None:
        """Show the file and its factories; whoever trusted another one has not trusted this."""
        self.trusted.setChecked(False)
        self.factory.clear()
        path = Path(self.path.text().strip()).expanduser()
        code = ""
        try:
            if path.is_file() and path.stat().st_size <= MOST_CODE:
                code = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            code = ""
        self.factory.addItems(factories(code))
        self.shown.setPlainText(code)
        self._enable()

    def _enable(self) -> None:
        own = self.own.isChecked()
        self.names.setEnabled(own)
        for widget in (self.path, self.browse, self.factory, self.shown):
            widget.setEnabled(not own)
        self.trusted.setEnabled(not own and bool(self.shown.toPlainText()))
        self.open_.setEnabled(bool(self.architecture) and (own or self.trusted.isChecked()))

    def _choose(self) -> None:
        files.choose_file(self, self.tr("Choose a Python file"), "Python (*.py)", self._folder, self.path.setText)

    def _accept(self) -> None:
        architecture, allowed = self.architecture, not self.own.isChecked() and self.trusted.isChecked()
        self.accept()
        self._chosen(architecture, allowed)


def _callable_alone(node: ast.FunctionDef | ast.ClassDef) -> bool:
    if node.name.startswith("_") or isinstance(node, ast.ClassDef):
        return not node.name.startswith("_")
    given = node.args
    asked = len(given.posonlyargs) + len(given.args) - len(given.defaults)
    return asked == 0 and all(default is not None for default in given.kw_defaults)
