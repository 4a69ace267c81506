"""The Layers dock: filter, table, totals; its selection is what all controls edit."""

from pathlib import Path

from PySide6.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QKeySequence, QMouseEvent, QShortcut
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QLineEdit, QMenu, QTableView, QVBoxLayout, QWidget

from penjing_gui import words
from penjing_gui.controls.identity import identify
from penjing_gui.controls.readout import Readout
from penjing_gui.copied_settings import copy_settings, paste_settings
from penjing_gui.dialogs import files
from penjing_gui.item_models.delegates import BarDelegate, BitsDelegate
from penjing_gui.item_models.layers import SORT_ROLE, STAYS, Column, LayersModel
from penjing_gui.notices import Notice
from penjing_gui.session import Session
from penjing_gui.settings import write_whole

Index = QModelIndex | QPersistentModelIndex

_HIDDEN = (Column.TYPE, Column.MACS, Column.BEFORE, Column.NOW, Column.SENSITIVITY)
_WIDTHS = {
    Column.LAYER: 104,
    Column.TYPE: 64,
    Column.PARAMS: 56,
    Column.MACS: 54,
    Column.BEFORE: 64,
    Column.NOW: 60,
    Column.SPARSITY: 66,
    Column.BITS: 40,
    Column.SENSITIVITY: 72,
    Column.LOCKED: 28,
}
_ROW = 24
_EDITED = (Column.SPARSITY, Column.BITS, Column.LOCKED)


class LayersTable(QTableView):
    """A click into a cell that can be edited keeps the layers that the edit is for; one elsewhere chooses anew."""

    def selectionCommand(self, index: Index, event: QEvent | None = None) -> QItemSelectionModel.SelectionFlag:
        """What a press, a release or a key does to the selection."""
        plain = isinstance(event, QMouseEvent) and event.modifiers() == Qt.KeyboardModifier.NoModifier
        if plain and index.column() in _EDITED and self.selectionModel().isRowSelected(index.row(), QModelIndex()):
            return QItemSelectionModel.SelectionFlag.NoUpdate
        return super().selectionCommand(index, event)


class LayersOrder(QSortFilterProxyModel):
    """Sorts and filters; what stays as it is comes last in any order."""

    def lessThan(self, left: Index, right: Index) -> bool:
        """Within each of the two kinds, by values."""
        model = self.sourceModel()
        assert isinstance(model, LayersModel)
        mine, other = model.stays(left.row()), model.stays(right.row())
        if mine != other:
            return other == (self.sortOrder() == Qt.SortOrder.AscendingOrder)
        return super().lessThan(left, right)


class LayersPanel(QWidget):
    """Reads the session; the header's menu chooses columns."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._selecting = False
        self.model = LayersModel(session, self)
        self.proxy = LayersOrder(self)
        self.proxy.setSourceModel(self.model)
        self.proxy.setSortRole(SORT_ROLE)
        self.proxy.setFilterKeyColumn(-1)
        self.proxy.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.filter = identify(QLineEdit(), "layers.filter", self.tr("Filter layers"))
        self.filter.setPlaceholderText(self.tr("Filter"))
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self.proxy.setFilterFixedString)
        self.table = identify(LayersTable(), "layers.table", self.tr("Layers"))
        self._set_up_table()
        self._totals = identify(Readout(), "layers.totals")
        self._totals.setContentsMargins(8, 4, 8, 6)
        self._totals.setToolTip(
            self.tr("Exact: weights that are kept, bytes of weights and biases; all layers that a plan can change")
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        around = QVBoxLayout()
        around.setContentsMargins(8, 0, 8, 0)
        around.addWidget(self.filter)
        layout.addLayout(around)
        layout.addWidget(self.table, 1)
        layout.addWidget(self._totals)
        session.selection_changed.connect(self._show_selection)
        session.opened.connect(self._show_selection)
        session.plan_changed.connect(self._show_totals)
        session.device_changed.connect(self._show_totals)

    def _set_up_table(self) -> None:
        table = self.table
        table.setModel(self.proxy)
        table.setSortingEnabled(True)
        table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        table.setTabKeyNavigation(False)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(_ROW)
        table.setItemDelegateForColumn(Column.SPARSITY, BarDelegate(table))
        table.setItemDelegateForColumn(Column.SENSITIVITY, BarDelegate(table))
        table.setItemDelegateForColumn(Column.BITS, BitsDelegate(table))
        header = table.horizontalHeader()
        header.setMinimumSectionSize(24)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(False)
        header.setHighlightSections(False)
        for column, width in _WIDTHS.items():
            header.resizeSection(column, width)
            header.setSectionHidden(column, column in _HIDDEN)
        header.setSectionResizeMode(Column.LAYER, QHeaderView.ResizeMode.Stretch)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(self._header_menu)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._table_menu)
        table.selectionModel().selectionChanged.connect(self._select)
        table.selectionModel().currentChanged.connect(self._select)
        for moved in (self.proxy.modelReset, self.proxy.layoutChanged, self.proxy.rowsInserted, self.proxy.rowsRemoved):
            moved.connect(self._join_cells)
        clear = QShortcut(QKeySequence("Ctrl+Shift+A"), table)
        clear.activated.connect(lambda: self._session.select(()))
        down = QShortcut(QKeySequence(Qt.Key.Key_Down), self.filter, context=Qt.ShortcutContext.WidgetShortcut)
        down.activated.connect(self._take_first)

    def _join_cells(self) -> None:
        """In rows of what stays as it is, the cells that a plan sets elsewhere are one."""
        self.table.clearSpans()
        for row in range(self.proxy.rowCount()):
            if self.model.stays(self.proxy.mapToSource(self.proxy.index(row, 0)).row()):
                self.table.setSpan(row, STAYS, 1, len(Column) - STAYS)

    def _take_first(self) -> None:
        """From the filter to the layers that it left, as lists are left for their entries elsewhere."""
        self.table.setFocus(Qt.FocusReason.ShortcutFocusReason)
        if self.proxy.rowCount():
            self.table.selectRow(0)

    def _select(self) -> None:
        if self._selecting:
            return
        chosen = self.table.selectionModel()
        rows = sorted(self.proxy.mapToSource(index).row() for index in chosen.selectedRows())
        current = self.proxy.mapToSource(chosen.currentIndex())
        names = [self.model.layer(row).name for row in rows]
        layer = self.model.layer(current.row()).name if current.isValid() and current.row() in rows else None
        self._selecting = True
        self._session.select(names, current=layer)
        self._selecting = False

    def _show_selection(self) -> None:
        if self._selecting:
            return
        self._selecting = True
        chosen = QItemSelection()
        for name in self._session.selection:
            row = self.model.row_of(name)
            if row is not None:
                index = self.proxy.mapFromSource(self.model.index(row, 0))
                chosen.select(index, index)
        flag = QItemSelectionModel.SelectionFlag
        self.table.selectionModel().select(chosen, flag.ClearAndSelect | flag.Rows)
        self._selecting = False

    def _show_totals(self) -> None:
        before, now, before_bytes, now_bytes = self.model.totals()
        text = self.tr("Σ {before} → {now} · {old} → {new}").format(
            before=words.count(before), now=words.count(now), old=words.size(before_bytes), new=words.size(now_bytes)
        )
        if stays := sum(self.model.stays(row) for row in range(self.model.rowCount())):
            text += self.tr(" · {count} stay").format(count=stays)
        self._totals.say(text, text)

    def _header_menu(self, at: QPoint) -> None:
        header = self.table.horizontalHeader()
        menu = QMenu(self)
        for column in Column:
            if column == Column.LAYER:
                continue
            action = menu.addAction(self.model.title(column))
            action.setCheckable(True)
            action.setChecked(not header.isSectionHidden(column))
            action.toggled.connect(lambda shown, column=column: header.setSectionHidden(column, not shown))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(header.mapToGlobal(at))

    def _table_menu(self, at: QPoint) -> None:
        menu = QMenu(self)
        menu.addAction(self.tr("Select &All")).triggered.connect(self.table.selectAll)
        menu.addAction(self.tr("Select &None")).triggered.connect(lambda: self._session.select(()))
        menu.addSeparator()
        menu.addAction(self.tr("&Copy Settings of Layer")).triggered.connect(lambda: copy_settings(self._session))
        menu.addAction(self.tr("&Paste Settings")).triggered.connect(lambda: paste_settings(self._session))
        menu.addSeparator()
        menu.addAction(self.tr("Save &Table as CSV…")).triggered.connect(self._save_csv)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.table.viewport().mapToGlobal(at))

    def _save_csv(self) -> None:
        path = str(Path.home() / "layers.csv")
        files.choose_new_file(self, self.tr("Save the table"), "CSV (*.csv)", path, "csv", self._write_csv)

    def _write_csv(self, path: str) -> None:
        try:
            write_whole(Path(path), self.model.as_csv().encode())
        except OSError as error:
            text = self.tr("The table was not written: {error}.").format(error=self._session.texts.refusal(error))
            self._session.noticed.emit(Notice(level="error", text=text, hint=self.tr("Choose another place.")))
