"""The layers of the network as a table: what each has, what the plan leaves, its settings, editable in place.

After those that a plan can change come those that stay as they are, with the reason.
"""

from enum import IntEnum
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QBrush, QColor, QFont
from PySide6.QtWidgets import QApplication

from penjing.errors import UserError
from penjing.estimation.state import FLOAT_BITS
from penjing.estimation.tables import Tables
from penjing.layer_graph import Layer
from penjing.plan import WEIGHT_BITS, Settings
from penjing_gui import icons, theme, words
from penjing_gui.layer_view import grid_words
from penjing_gui.session import Session
from penjing_gui.what_stays import reasons

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penjing_gui.figures import LayerShare

Index = QModelIndex | QPersistentModelIndex

SORT_ROLE = Qt.ItemDataRole.UserRole
"""The value behind a cell, for sorting and for files."""
BAR_ROLE = Qt.ItemDataRole.UserRole + 1
"""0..1 where a cell shows a bar."""
SENSITIVITY_BITS = 4
_AS_OTHERS = object()


class Column(IntEnum):
    """Columns in their order."""

    LAYER = 0
    TYPE = 1
    PARAMS = 2
    MACS = 3
    BEFORE = 4
    NOW = 5
    SPARSITY = 6
    BITS = 7
    SENSITIVITY = 8
    LOCKED = 9


STAYS = Column.SPARSITY
"""From this column on, what a plan sets."""
_RIGHT = frozenset({Column.PARAMS, Column.MACS, Column.BEFORE, Column.NOW, Column.SPARSITY, Column.BITS})


class LayersModel(QAbstractTableModel):
    """One row a layer that can be compressed, or that stores numbers and stays as it is."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._layers: tuple[Layer, ...] = ()
        self._before: Mapping[str, LayerShare] = {}
        self._now: Mapping[str, LayerShare] = {}
        self._settings: dict[str, Settings] = {}
        self._set_apart: frozenset[str] = frozenset()
        self._sensitivity: Mapping[str, float] = {}
        session.opened.connect(self._reset)
        session.plan_changed.connect(self._update)
        session.tables_changed.connect(self._update)
        session.foresight.changed.connect(self._update)
        session.device_changed.connect(self._update)
        self._reset()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 (Qt's own default)
        """Layers."""
        return 0 if parent.isValid() else len(self._layers)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 (Qt's own default)
        """As `Column`."""
        return 0 if parent.isValid() else len(Column)

    def layer(self, row: int) -> Layer:
        """The layer in a row."""
        return self._layers[row]

    def stays(self, row: int) -> bool:
        """Whether the layer in a row stays as it is; its cells from `STAYS` on are one, which says so."""
        return not self._layers[row].compressible

    def row_of(self, name: str) -> int | None:
        """The row of a layer."""
        return next((row for row, layer in enumerate(self._layers) if layer.name == name), None)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles with their units."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(Column):
            return None
        column = Column(section)
        if role == Qt.ItemDataRole.DisplayRole:
            return "" if column == Column.LOCKED else self._titles()[column]
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self._titles()[column]
        if role == Qt.ItemDataRole.DecorationRole and column == Column.LOCKED:
            return icons.tinted("lock", QApplication.palette())
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tips().get(column)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column in _RIGHT else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Texts, values for sorting, bars, tool tips."""
        if not index.isValid():
            return None
        layer, column = self._layers[index.row()], Column(index.column())
        if not layer.compressible and (said := self._of_kept(layer, column, role)) is not _AS_OTHERS:
            return said
        if role == SORT_ROLE:
            return self._value(layer, column)
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(layer, column)
        if role == Qt.ItemDataRole.EditRole:
            settings = self._session.plan.settings(layer.name)
            return {Column.BITS: settings.weight_bits, Column.SPARSITY: 100 * settings.sparsity}.get(column)
        if role == BAR_ROLE and column in (Column.SPARSITY, Column.SENSITIVITY):
            return self._value(layer, column)
        if role == Qt.ItemDataRole.CheckStateRole and column == Column.LOCKED:
            locked = self._session.plan.settings(layer.name).locked
            return Qt.CheckState.Checked if locked else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column in _RIGHT else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole and column == Column.LAYER:
            return self._name_tip(layer)
        if role == Qt.ItemDataRole.ToolTipRole and column == Column.BITS:
            return self._grid_tip(layer)
        if role == Qt.ItemDataRole.FontRole and column == Column.LAYER:
            font = QFont()
            font.setBold(layer.name in self._session.plan.layers)
            return font
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Edit the plan; all selected layers where the edited one is among them."""
        if not index.isValid() or self.stays(index.row()):
            return False
        name, column = self._layers[index.row()].name, Column(index.column())
        session = self._session
        names = session.selection if name in session.selection else (name,)
        try:
            if column == Column.LOCKED and role == Qt.ItemDataRole.CheckStateRole:
                session.set_layer(names, self.tr("Lock"), locked=Qt.CheckState(value) == Qt.CheckState.Checked)
            elif column == Column.BITS and role == Qt.ItemDataRole.EditRole and int(value) in WEIGHT_BITS:
                session.set_layer(names, self.tr("Weight bits"), weight_bits=int(value))
            elif column == Column.SPARSITY and role == Qt.ItemDataRole.EditRole:
                session.set_layer(names, self.tr("Sparsity"), sparsity=float(value) / 100)
            else:
                return False
        except (UserError, ValueError, TypeError):
            return False
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Which cells can be edited."""
        flags = super().flags(index)
        if index.isValid() and self.stays(index.row()):
            return flags
        if index.isValid() and index.column() in (Column.BITS, Column.SPARSITY):
            flags |= Qt.ItemFlag.ItemIsEditable
        if index.isValid() and index.column() == Column.LOCKED:
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags

    def totals(self) -> tuple[int, int, int, int]:
        """Weights before and now, bytes before and now, of all layers that a plan can change."""
        return (
            sum(layer.weights for layer in self._layers if layer.compressible),
            sum(share.kept for share in self._now.values()),
            sum(share.size_bytes for share in self._before.values()),
            sum(share.size_bytes for share in self._now.values()),
        )

    def title(self, column: Column) -> str:
        """The name of a column."""
        return self._titles()[column]

    def as_csv(self) -> str:
        """The whole table with plain numbers, and the reasons for what stays."""
        units = {Column.BEFORE: " (B)", Column.NOW: " (B)"}
        titles = [f"{title}{units.get(column, '')}" for column, title in self._titles().items()]
        rows = [[_quoted(title) for title in (*titles, self.tr("Stays because"))]]
        for layer in self._layers:
            cells = [self._value(layer, column) for column in Column]
            rows.append([_quoted(cell) for cell in (*cells, " ".join(self._reasons(layer)))])
        return "".join(",".join(row) + "\n" for row in rows)

    def _titles(self) -> dict[Column, str]:
        return {
            Column.LAYER: self.tr("Layer"),
            Column.TYPE: self.tr("Type"),
            Column.PARAMS: self.tr("Params"),
            Column.MACS: self.tr("MACs"),
            Column.BEFORE: self.tr("Before"),
            Column.NOW: self.tr("Now"),
            Column.SPARSITY: self.tr("Sparsity"),
            Column.BITS: self.tr("Bits"),
            Column.SENSITIVITY: self.tr("Sensitivity"),
            Column.LOCKED: self.tr("Locked"),
        }

    def _tips(self) -> dict[Column, str]:
        return {
            Column.LOCKED: self.tr("Locked: nothing is pruned here"),
            Column.TYPE: self.tr("The operator; its shape stands in the tooltip of the name"),
            Column.PARAMS: self.tr("Exact: trainable values as loaded"),
            Column.MACS: self.tr("Exact: multiply-accumulates of one inference as loaded"),
            Column.BEFORE: self.tr("Exact: bytes as loaded"),
            Column.NOW: self.tr("Exact: bytes under this device's storage"),
            Column.SPARSITY: self.tr(
                "Exact: share of the layer's weights that are cut or zero; a double click sets it"
            ),
            Column.BITS: self.tr("Bits of each weight; a double click sets them, for all selected layers at once"),
            Column.SENSITIVITY: self.tr(
                "How far cutting or rounding this layer alone moves the answers, beside the others; "
                "until that is tried, the energy that rounding to 4 bits loses"
            ),
        }

    def _of_kept(self, layer: Layer, column: Column, role: int) -> Any:
        """What differs in a row of a layer that stays as it is; `_AS_OTHERS`: nothing does."""
        if role == Qt.ItemDataRole.ForegroundRole:
            return QBrush(QColor(theme.colors(QApplication.palette()).muted))
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._name_tip(layer)
        if column == Column.LAYER and role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return " ".join(self._reasons(layer))
        if column < STAYS:
            return _AS_OTHERS
        if role == Qt.ItemDataRole.DisplayRole:
            return self.tr("stays as it is") if column == STAYS else None
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{self.tr('stays as it is')}: {' '.join(self._reasons(layer))}"
        return _AS_OTHERS if role == SORT_ROLE else None

    def _reasons(self, layer: Layer) -> tuple[str, ...]:
        graph = self._session.graph
        return () if graph is None else reasons(self._session.texts, graph, layer)

    def _name_tip(self, layer: Layer) -> str:
        shape = " × ".join(str(extent) for extent in layer.weight_shape or ())
        return "\n".join((layer.source_name, f"{layer.type} {shape}".rstrip(), *self._reasons(layer)))

    def _grid_tip(self, layer: Layer) -> str | None:
        """What the file itself says of a quantized layer: bits, scales and zero point of weight and result."""
        if layer.weight_grid is None and layer.result_grid is None:
            return None
        told = [(self.tr("Weight as loaded"), layer.weight_grid), (self.tr("Result as loaded"), layer.result_grid)]
        return "\n".join(f"{title}: {grid_words(grid)}" for title, grid in told if grid is not None)

    def _value(self, layer: Layer, column: Column) -> Any:
        if not layer.compressible and column > Column.MACS:
            return None
        now, before = self._now.get(layer.name), self._before.get(layer.name)
        settings = self._session.plan.settings(layer.name)
        match column:
            case Column.LAYER:
                return layer.name
            case Column.TYPE:
                return layer.type
            case Column.PARAMS:
                return layer.params
            case Column.MACS:
                return layer.macs
            case Column.BEFORE:
                return None if before is None else before.size_bytes
            case Column.NOW:
                return None if now is None else now.size_bytes
            case Column.SPARSITY:
                return None if now is None or not layer.weights else 1 - now.kept / layer.weights
            case Column.BITS:
                return _bits(layer, settings)
            case Column.SENSITIVITY:
                return self._sensitivity.get(layer.name)
            case Column.LOCKED:
                return settings.locked

    def _text(self, layer: Layer, column: Column) -> str | None:
        value = self._value(layer, column)
        match column:
            case Column.LAYER | Column.TYPE:
                return str(value)
            case Column.PARAMS | Column.MACS:
                return words.count(value)
            case Column.BEFORE | Column.NOW:
                return words.size(value)
            case Column.SPARSITY:
                return words.percent(value, digits=0)
            case Column.BITS:
                return str(value)
            case _:
                return None

    def _reset(self) -> None:
        self.beginResetModel()
        self._layers = tuple(self._session.listed_layers.values())
        self._read()
        self.endResetModel()

    def _update(self) -> None:
        """Sliders move many times a second: only rows that show something else are drawn again."""
        before = [self._shown(layer) for layer in self._layers]
        self._read()
        last = len(Column) - 1
        for row, layer in enumerate(self._layers):
            if self._shown(layer) != before[row]:
                self.dataChanged.emit(self.index(row, 0), self.index(row, last))

    def _shown(self, layer: Layer) -> tuple[object, ...]:
        """All that the cells of a row depend on and a plan, tables or a device can change."""
        name = layer.name
        own = (self._now.get(name), self._before.get(name), self._sensitivity.get(name))
        return (*own, self._settings.get(name), name in self._set_apart)

    def _read(self) -> None:
        session = self._session
        plan = session.plan
        self._before = session.layer_shares_before
        self._now = session.layer_shares(plan) or self._now
        self._settings = {layer.name: plan.settings(layer.name) for layer in self._layers}
        self._set_apart = frozenset(plan.layers)
        self._sensitivity = {**_shares_of_largest(session.tables), **session.foresight.sensitivity}


def _shares_of_largest(tables: Tables) -> dict[str, float]:
    """By layer, the energy that rounding loses there beside the layer that loses most."""
    errors = {name: one[SENSITIVITY_BITS] for name, one in tables.bit_errors.items() if SENSITIVITY_BITS in one}
    largest = max(errors.values(), default=0.0)
    return {name: error / largest for name, error in errors.items()} if largest > 0 else {}


def _bits(layer: Layer, settings: Settings) -> int:
    """Of the weight; a plan that leaves it alone leaves a quantized file its own."""
    grid = layer.weight_grid
    own = settings.weight_bits < FLOAT_BITS or settings.codebook is not None
    return settings.weight_bits if own or grid is None else grid.bits


def _quoted(value: object) -> str:
    text = "" if value is None else str(value)
    if isinstance(value, str) and text.startswith(tuple("=+-@\t\r")):
        text = f"'{text}"  # a spreadsheet would take a name for a formula
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',"\n\r') else text
