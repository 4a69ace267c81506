"""Samples on which the compared runs do not agree with the network as loaded: a row each, with its picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QIcon
from PySide6.QtWidgets import QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from penjing_gui import theme, words
from penjing_gui.controls.identity import identify
from penjing_gui.pages.sample_cards import values_each
from penjing_gui.thumbnails import sound_bands, thumbnails

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from penjing.worker.messages import Change, Samples
    from penjing_gui.session import Session

MOST = 60
_MOST_VALUES = 1_000_000
"""Numbers that the pictures may hold together."""
_PICTURE = QSize(40, 28)


@dataclass(frozen=True)
class Flipped:
    """One sample."""

    sample: int
    truth: int
    before: int
    now: tuple[int | None, ...]
    """What each run chooses; None where it flips more samples than it names."""


def flipped(changes: Sequence["Change"]) -> tuple[Flipped, ...]:
    """What any of the runs flips; what most of them flip comes first, then what is lost, then in the order told."""
    named = [one.lost + one.gained + one.moved == len(one.flips) for one in changes]
    flips = [{flip.sample: flip for flip in one.flips} for one in changes]
    found: dict[int, tuple[int, int]] = {}
    for known in flips:
        for flip in known.values():
            found.setdefault(flip.sample, (flip.truth, flip.before))
    rows = [
        Flipped(
            sample,
            truth,
            before,
            tuple(
                known[sample].now if sample in known else before if whole else None
                for known, whole in zip(flips, named, strict=True)
            ),
        )
        for sample, (truth, before) in found.items()
    ]
    rows.sort(key=lambda row: (-sum(one not in (None, row.before) for one in row.now), row.before != row.truth))
    return tuple(rows)


class FlipsTable(QTableWidget):
    """Columns: the sample, what is right, what the network as loaded says, then the runs."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        identify(self, "compare.flips", self.tr("Samples that the runs judge otherwise"))
        self._session = session
        self._rows: tuple[Flipped, ...] = ()
        self._request = -1
        self._pictures: dict[int, tuple[NDArray[np.float32], ...]] = {}
        """By sample what goes into each input."""
        self.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setIconSize(_PICTURE)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_PICTURE.height() + 4)
        session.samples_received.connect(self._take)
        session.opened.connect(self._forget)

    def show_runs(self, runs: Sequence[tuple[str, "Change"]], classes: Sequence[str]) -> None:
        """The runs by name, and the names of the classes."""
        rows = flipped([change for _, change in runs])[:MOST]
        self._rows = rows
        self.clear()
        self.setColumnCount(3 + len(runs))
        self.setRowCount(len(rows))
        self.setHorizontalHeaderLabels(
            [self.tr("Sample"), self.tr("Truth"), self.tr("as loaded"), *(name for name, _ in runs)]
        )
        inks = theme.colors(self.palette())

        for place, row in enumerate(rows):
            self.setItem(place, 0, QTableWidgetItem(str(row.sample)))
            self.setItem(place, 1, QTableWidgetItem(words.class_name(classes, row.truth)))
            for column, chosen in enumerate((row.before, *row.now), start=2):
                if chosen is None:
                    self.setItem(place, column, QTableWidgetItem("…"))
                    continue
                right = chosen == row.truth
                item = QTableWidgetItem(f"{'✓' if right else '✕'} {words.class_name(classes, chosen)}")
                item.setForeground(QColor(inks.good if right else inks.error))
                self.setItem(place, column, item)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self._ask()
        self._draw()

    def _forget(self) -> None:
        self._pictures.clear()

    def _ask(self) -> None:
        data = self._session.data
        if data is None or not self._rows:
            return
        most = max(1, _MOST_VALUES // values_each(data))
        missing = tuple(row.sample for row in self._rows[:most] if row.sample not in self._pictures)
        if missing:
            self._request = self._session.request_samples(missing)

    def _take(self, told: "Samples", values: "list[NDArray[np.float32]]") -> None:
        if told.request == self._request:
            self._pictures.update(zip(told.indices, zip(*values, strict=True), strict=True))
            self._draw()

    def _draw(self) -> None:
        inks, data = theme.colors(self.palette()), self._session.data
        bands = sound_bands(None if data is None else data.card)
        for place, row in enumerate(self._rows):
            item = self.item(place, 0)
            if item is not None and row.sample in self._pictures:
                made = thumbnails(
                    self._pictures[row.sample], width=_PICTURE.width(), height=_PICTURE.height(), inks=inks, bands=bands
                )
                item.setIcon(QIcon(made))
                item.setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
