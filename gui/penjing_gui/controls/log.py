"""The Log dock: everything that was said, to be searched, read again and copied."""

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from penjing_gui.controls.identity import identify
from penjing_gui.journal import MOST_LINES, Journal


class LogPanel(QWidget):
    """Shows a journal, or those of its entries that hold a word."""

    def __init__(self, journal: Journal, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._journal = journal
        self._word = identify(QLineEdit(), "log.filter", self.tr("Filter the log"))
        self._word.setPlaceholderText(self.tr("Filter"))
        self._word.setClearButtonEnabled(True)
        self._copy = identify(QPushButton(self.tr("Copy")), "log.copy", self.tr("Copy the log"))
        self._clear = identify(QPushButton(self.tr("Clear")), "log.clear", self.tr("Clear the log"))
        self._text = identify(QPlainTextEdit(readOnly=True), "log", self.tr("Log"))
        self._text.setMaximumBlockCount(MOST_LINES)
        head = QHBoxLayout()
        head.addWidget(self._word, 1)
        head.addWidget(self._copy)
        head.addWidget(self._clear)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.addLayout(head)
        layout.addWidget(self._text, 1)
        self._word.textChanged.connect(self._show)
        self._copy.clicked.connect(self._copy_all)
        self._clear.clicked.connect(self._clear_all)
        journal.added.connect(self._add)
        self._show()

    def _show(self) -> None:
        self._text.clear()
        for entry in self._journal.entries:
            self._add(entry)

    def _add(self, entry: str) -> None:
        if self._word.text().casefold() in entry.casefold():
            self._text.appendPlainText(entry)

    def _copy_all(self) -> None:
        QGuiApplication.clipboard().setText(self._text.toPlainText())

    def _clear_all(self) -> None:
        self._journal.clear()
        self._text.clear()
