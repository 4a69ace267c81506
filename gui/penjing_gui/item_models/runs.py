"""The runs as a table: what each is, what it takes, what it is worth; the network as loaded stands first."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer

from penjing.planning.fit import Budgets
from penjing.results import Accuracy, Figures
from penjing_gui import quality_words, words
from penjing_gui.new_runs import run_name

if TYPE_CHECKING:
    from penjing_gui.session import Session

Index = QModelIndex | QPersistentModelIndex
AS_LOADED, NOW = "loaded", "now"
"""Ids of the rows that are no runs: the original, and what the sliders show."""
KINDS = (AS_LOADED, NOW, "distill", "finetune", "qat", "fit", "kept", "sweep")
"""In the order of the colours and symbols of the scatter plot."""
_FRAME = 100
"""Milliseconds in which the figures of rows that stay are told once: a table lays out all of itself for them."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table and one point of the plot."""

    id: str
    name: str
    kind: str
    figures: Figures
    accuracy: Accuracy | None
    parent: str
    fits: bool
    created: str = ""


class RunsModel(QAbstractTableModel):
    """Rows of a session: as loaded, now, then the runs, newest last."""

    COLUMNS = 7

    def __init__(self, session: "Session", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.rows: tuple[Row, ...] = ()
        self._soon = QTimer(self, singleShot=True, interval=_FRAME)
        self._soon.timeout.connect(self._tell)
        for changed in (
            session.runs_changed,
            session.figures_changed,
            session.accuracy_changed,
            session.device_changed,
            session.budgets_changed,
            session.opened,
            session.closed,
        ):
            changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Take over what the session says."""
        rows = _rows(self._session, self.tr("as loaded"), self.tr("now"))
        if [row.id for row in rows] == [row.id for row in self.rows]:
            if rows != self.rows and not self._soon.isActive():
                self._soon.start()
            self.rows = rows
            return
        known = len(self.rows)
        if known and [row.id for row in rows[:known]] == [row.id for row in self.rows]:
            # What is new comes last; what is selected stays so.
            self.beginInsertRows(QModelIndex(), known, len(rows) - 1)
            self.rows = rows
            self.endInsertRows()
            return
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def _tell(self) -> None:
        if self.rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.rows) - 1, self.COLUMNS - 1))

    def rowCount(self, parent: Index | None = None) -> int:
        """No row has rows of its own."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index | None = None) -> int:
        """As many as titles."""
        return 0 if parent is not None and parent.isValid() else self.COLUMNS

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles with units."""
        titles = (
            self.tr("Run"),
            quality_words.head(self._metric()),
            self.tr("Weights"),
            self.tr("Flash"),
            self.tr("Peak RAM"),
            self.tr("MACs"),
            self.tr("Fits"),
        )
        tips = (
            "",
            self.tr("Measured on validation samples, ± half of a 95 % interval"),
            self.tr("Exact: bytes of weights and biases under the device's storage"),
            self.tr("Exact: weights, scales and the code that the network needs on the device"),
            self.tr("Exact: the tensors that are alive at once"),
            self.tr("Exact: multiply-accumulates of one inference"),
            self.tr("Whether it is within every budget"),
        )
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.ToolTipRole:
            return tips[section] or None
        if role == Qt.ItemDataRole.DisplayRole:
            return titles[section]
        return _aligned(section) if role == Qt.ItemDataRole.TextAlignmentRole else None

    def _metric(self) -> str | None:
        return next((row.accuracy.metric for row in self.rows if row.accuracy is not None), None)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Cells as people read them."""
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._cell(row, index.column())
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _aligned(index.column())
        if role == Qt.ItemDataRole.ToolTipRole and row.parent:
            return self.tr("from {parent}, {created}").format(parent=row.parent, created=row.created)
        return row.id if role == Qt.ItemDataRole.UserRole else None

    def _cell(self, row: Row, column: int) -> str:
        figures = row.figures
        cells = (
            row.name,
            words.accuracy(row.accuracy),
            words.size(figures.size_bytes),
            words.size(figures.flash_bytes),
            words.size(figures.ram_bytes),
            words.count(figures.macs),
            self.tr("yes") if row.fits else self.tr("no"),
        )
        return cells[column]


def fits(figures: Figures, budgets: Budgets) -> bool:
    """Whether a network stays within every budget that can be told."""
    pairs = (
        (figures.flash_bytes, budgets.flash_bytes),
        (figures.ram_bytes, budgets.ram_bytes),
        (figures.latency_ms, budgets.latency_ms),
        (figures.energy_mj, budgets.energy_mj),
    )
    return all(value is None or limit is None or value <= limit for value, limit in pairs)


def _rows(session: "Session", as_loaded: str, now: str) -> tuple[Row, ...]:
    baseline, figures, budgets = session.baseline, session.figures, session.budgets
    if baseline is None:
        return ()
    names = {run.id: run_name(run) for run in session.runs}
    rows = [_row(AS_LOADED, as_loaded, AS_LOADED, baseline, baseline.accuracy, budgets)]
    if figures is not None:
        accuracy = session.accuracy if session.accuracy_is_current else None
        rows.append(_row(NOW, now, NOW, figures, accuracy, budgets))
    rows += [
        _row(
            run.id,
            f"★ {names[run.id]}" if run.pinned else names[run.id],
            run.kind,
            run.figures,
            run.accuracy,
            budgets,
            parent=names.get(run.parent or "", as_loaded),
            created=run.created,
        )
        for run in session.runs
    ]
    return tuple(rows)


def _row(
    id: str,
    name: str,
    kind: str,
    figures: Figures,
    accuracy: Accuracy | None,
    budgets: Budgets,
    *,
    parent: str = "",
    created: str = "",
) -> Row:
    return Row(
        id=id,
        name=name,
        kind=kind,
        figures=figures,
        accuracy=accuracy,
        parent=parent,
        fits=fits(figures, budgets),
        created=created,
    )


def _aligned(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter
