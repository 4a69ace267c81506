"""One plan on many devices as a table: whether it fits, what it takes, how long a battery lasts, what is saved."""

from collections.abc import Collection, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from penjing.devices.battery import Battery, Duty, days
from penjing.estimation.comparison import Compared
from penjing_gui import words

Index = QModelIndex | QPersistentModelIndex
SORT = Qt.ItemDataRole.UserRole
"""What a column is ordered by; what is unknown comes last."""
_UNKNOWN_LAST = float("inf")


class ComparedModel(QAbstractTableModel):
    """Rows of a comparison; the battery can change under them."""

    COLUMNS = 10

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[Compared, ...] = ()
        self._own: Collection[str] = ()
        self._battery: Battery | None = None
        self._duty = Duty(per_hour=0, sleep_uw=0)

    def show_rows(self, rows: Sequence[Compared], own: Collection[str]) -> None:
        """Other rows; `own` are the names of the user's own devices."""
        self.beginResetModel()
        self.rows, self._own = tuple(rows), own
        self.endResetModel()

    def show_battery(self, battery: Battery, duty: Duty) -> None:
        """Another battery, or another use of it."""
        self._battery, self._duty = battery, duty
        if self.rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.rows) - 1, self.COLUMNS - 1))

    def rowCount(self, parent: Index | None = None) -> int:
        """No row has rows of its own."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index | None = None) -> int:
        """As many as titles."""
        return 0 if parent is not None and parent.isValid() else self.COLUMNS

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles, and how each figure comes about."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._titles()[section][0]
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._titles()[section][1]
        return _aligned(section) if role == Qt.ItemDataRole.TextAlignmentRole else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Cells as people read them, and what they are ordered by."""
        row, column = self.rows[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._cells(row)[column]
        if role == SORT:
            return self._order(row)[column]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _aligned(column)
        if role == Qt.ItemDataRole.ToolTipRole and column == 2:
            return self._room(row)
        return None

    def days(self, row: Compared) -> float | None:
        """How long the battery lasts there."""
        if self._battery is None:
            return None
        figures = row.figures
        return days(self._battery, self._duty, energy_mj=figures.energy_mj, latency_ms=figures.latency_ms)

    def _titles(self) -> tuple[tuple[str, str], ...]:
        exact = self.tr("exact, counted from the plan")
        predicted = self.tr("predicted from published times of other networks; nine of ten lie within the band")
        return (
            (self.tr("Device"), self.tr("* marks a device of your own")),
            (self.tr("Library"), self.tr("the kernels whose published speed counts")),
            (self.tr("Fits"), exact),
            (self.tr("Flash"), exact),
            (self.tr("RAM"), exact),
            (self.tr("Latency"), predicted),
            (
                self.tr("Energy"),
                self.tr("predicted: time · power; published powers of one board differ up to 1.7-fold"),
            ),
            (self.tr("Battery, days"), self.tr("predicted: charge over mean power, sleep included")),
            (self.tr("Bits save"), self.tr("exact: flash that the plan would take more with float weights")),
            (self.tr("Zeros save"), self.tr("exact: flash that the plan would take more without its zeros")),
        )

    def _cells(self, row: Compared) -> tuple[str, ...]:
        figures, lasting = row.figures, self.days(row)
        fits = {True: self.tr("yes"), False: self.tr("no"), None: words.UNKNOWN}[row.fits]
        return (
            f"{row.title} *" if row.device in self._own else row.title,
            row.library or words.UNKNOWN,
            fits,
            words.size(figures.flash_bytes),
            words.size(figures.ram_bytes),
            words.banded(figures.latency_ms, "ms", figures.latency_band),
            words.banded(figures.energy_mj, "mJ", figures.energy_band),
            words.UNKNOWN if lasting is None else f"{lasting:,.0f}",
            words.size(_saved(row, "weight_bits")),
            words.size(_saved(row, "zeros")),
        )

    def _order(self, row: Compared) -> tuple[Any, ...]:
        figures = row.figures
        numbers = (
            {True: 0, None: 1, False: 2}[row.fits],
            figures.flash_bytes,
            figures.ram_bytes,
            figures.latency_ms,
            figures.energy_mj,
            self.days(row),
            _saved(row, "weight_bits"),
            _saved(row, "zeros"),
        )
        found = (_UNKNOWN_LAST if number is None else float(number) for number in numbers)
        return (row.title.casefold(), row.library or "", *found)

    def _room(self, row: Compared) -> str:
        flash, ram = self.tr("flash"), self.tr("RAM")
        pairs = ((flash, row.flash_free), (ram, row.ram_free))
        told = []
        for name, free in pairs:
            if free is not None:
                text = self.tr("{size} of {what} left") if free >= 0 else self.tr("{size} of {what} too much")
                told.append(text.format(size=words.size(abs(free)), what=name))
        return ", ".join(told)


def _saved(row: Compared, part: str) -> int:
    return next((saving.flash_bytes for saving in row.savings if saving.part == part), 0)


def _aligned(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignLeft if column < 3 else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter
