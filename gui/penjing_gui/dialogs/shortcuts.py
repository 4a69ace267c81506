"""The sheet of keyboard shortcuts, read from the commands themselves."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from penjing_gui import words
from penjing_gui.controls.identity import identify
from penjing_gui.theme import SPACE

_ROWS = 16


class Shortcuts(QDialog):
    """Two columns of a key and what it does."""

    def __init__(self, actions: Sequence[QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        identify(self, "shortcuts", self.tr("Keyboard Shortcuts"))
        self.setWindowTitle(self.tr("Keyboard Shortcuts"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        grid = QGridLayout()
        grid.setHorizontalSpacing(2 * SPACE)
        for number, (keys, text) in enumerate(self._entries(actions)):
            row, column = number % _ROWS, 2 * (number // _ROWS)
            sign = QLabel(keys, textFormat=Qt.TextFormat.PlainText)
            sign.setProperty("muted", True)
            grid.addWidget(sign, row, column)
            grid.addWidget(QLabel(text, textFormat=Qt.TextFormat.PlainText), row, column + 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(grid)
        layout.addSpacing(SPACE)
        layout.addWidget(buttons)

    def _entries(self, actions: Sequence[QAction]) -> list[tuple[str, str]]:
        found = [
            (one.shortcut().toString(QKeySequence.SequenceFormat.NativeText), words.plain(one.text()))
            for one in actions
        ]
        native = QKeySequence.SequenceFormat.NativeText
        more = [
            (QKeySequence(QKeySequence.StandardKey.Undo).toString(native), self.tr("Undo")),
            (QKeySequence(QKeySequence.StandardKey.Redo).toString(native), self.tr("Redo")),
            ("B", self.tr("Hold: the network before compression")),
            ("↓", self.tr("In the filter of layers: to the first of them")),
            ("Ctrl+Shift+A", self.tr("In the table of layers: select none, edit all")),
            ("F2", self.tr("In the table of layers: edit bits or sparsity")),
        ]
        return [pair for pair in found if pair[0]] + more
