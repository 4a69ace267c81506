"""Chooses which layers of teacher and student the feature and attention losses compare."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QVBoxLayout,
    QWidget,
)

from penjing_gui.controls.identity import identify

Pairs = tuple[tuple[str, str], ...]
MOST = 64


class PairsDialog(QDialog):
    """One row a pair; no row leaves the choice to Penjing. Names of another teacher's layers can be typed."""

    def __init__(
        self,
        names: Sequence[str],
        pairs: Sequence[tuple[str, str]],
        chosen: Callable[[Pairs], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._names = tuple(names)
        self._chosen = chosen
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Layer pairs"))
        identify(self, "pairs", self.windowTitle())
        self.resize(460, 300)
        self.table = identify(QTableWidget(0, 2), "pairs.table", self.tr("Layer pairs"))
        self._sides = self.tr("Teacher"), self.tr("Student")
        self.table.setHorizontalHeaderLabels(self._sides)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.verticalHeader().hide()
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.add = identify(QPushButton(self.tr("Add a pair")), "pairs.add")
        self.remove = identify(QPushButton(self.tr("Remove")), "pairs.remove")
        hint = QLabel(self.tr("Without a pair, the last layers of each resolution are compared."))
        hint.setProperty("muted", True)
        hint.setWordWrap(True)
        standard = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(standard.Ok | standard.Cancel)
        identify(buttons.button(standard.Ok), "pairs.ok")
        line = QHBoxLayout()
        for button in (self.add, self.remove):
            line.addWidget(button)
            button.setAutoDefault(False)
        line.addStretch(1)
        layout = QVBoxLayout(self)
        layout.addWidget(self.table, 1)
        layout.addLayout(line)
        layout.addWidget(hint)
        layout.addWidget(buttons)
        for pair in pairs:
            self._add(*pair)
        self.add.clicked.connect(lambda: self._add(self._names[0], self._names[0]))
        self.remove.clicked.connect(self._remove)
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        self._enable()

    @property
    def pairs(self) -> Pairs:
        """As the rows say."""
        rows = range(self.table.rowCount())
        return tuple((self._box(row, 0).currentText(), self._box(row, 1).currentText()) for row in rows)

    def _box(self, row: int, column: int) -> QComboBox:
        box = self.table.cellWidget(row, column)
        assert isinstance(box, QComboBox)
        return box

    def _add(self, teacher: str, student: str) -> None:
        row = self.table.rowCount()
        self.table.insertRow(row)
        for column, name in enumerate((teacher, student)):
            box = QComboBox(editable=True)
            box.addItems(self._names)
            box.setCurrentText(name)
            box.setAccessibleName(self._sides[column])
            self.table.setCellWidget(row, column, box)
        self.table.setCurrentCell(row, 0)
        self._enable()

    def _remove(self) -> None:
        row = self.table.currentRow()
        self.table.removeRow(row if row >= 0 else self.table.rowCount() - 1)
        self._enable()

    def _enable(self) -> None:
        self.add.setEnabled(bool(self._names) and self.table.rowCount() < MOST)
        self.remove.setEnabled(self.table.rowCount() > 0)

    def _accept(self) -> None:
        self._chosen(self.pairs)
        self.accept()
