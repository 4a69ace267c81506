"""Bytes under the plan in every storage that weights may have, and of the file in every format."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from penjing.catalogue.methods import methods
from penjing_gui import words
from penjing_gui.controls.identity import identify
from penjing_gui.controls.readout import Readout
from penjing_gui.controls.unhurried import Unhurried
from penjing_gui.pages.panel import Panel
from penjing_gui.theme import SPACE

if TYPE_CHECKING:
    from penjing.devices.profiles import Device
    from penjing_gui.session import Session

ROWS = ("dense", "bitmask", "index8", "c", "codebook")
"""Of `deployed.sizes_by_storage`."""
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class BytesPanel(Panel):
    """Left what is counted exactly, of the layer that is shown and of all; right what files are predicted to take."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._layer, self._all = self._heading(), self._heading()
        self._all.say(self.tr("all layers"), self.tr("all layers"), "muted")
        self._names = {row: Readout() for row in ROWS}
        self.cells = {row: (self._number(f"bytes.{row}.layer"), self._number(f"bytes.{row}.all")) for row in ROWS}
        self.files = {id: self._number(f"bytes.file.{id}") for id in methods("format")}
        self._lay_out()
        self._counting = Unhurried(self._count, self)
        for changed in (
            session.opened,
            session.closed,
            session.figures_changed,
            session.selection_changed,
            session.device_changed,
        ):
            changed.connect(self.refresh)

    def title(self) -> str:
        """Of the tab."""
        return self.tr("Bytes")

    def how(self) -> str:
        """Of the tab's tip."""
        return self.tr("Exact: bytes of the weights in each way to store them; predicted: those of whole files")

    def show_now(self) -> None:
        """Count soon, in pieces."""
        self._counting.ask()

    def _heading(self) -> Readout:
        heading = Readout()
        heading.setProperty("muted", True)
        heading.setAlignment(_RIGHT)
        return heading

    def _number(self, identifier: str) -> Readout:
        number = identify(Readout(words.UNKNOWN), identifier)
        number.setAlignment(_RIGHT)
        return number

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE)
        grid.setVerticalSpacing(2)
        first = self._muted(self.tr("Weights stored as"))
        grid.addWidget(first, 0, 0)
        grid.addWidget(self._layer, 0, 1)
        grid.addWidget(self._all, 0, 2)
        tips = self._tips()
        for number, row in enumerate(ROWS, start=1):
            for column, widget in enumerate((self._names[row], *self.cells[row])):
                widget.setToolTip(tips[row])
                grid.addWidget(widget, number, column)
        grid.addWidget(self._muted(self.tr("File of the plan, predicted")), 0, 4)
        for number, (id, method) in enumerate(methods("format").items(), start=1):
            title = self.tr(method.title)
            tip = self.tr("Predicted: weights, scales and container of this format, ± how far off it may be")
            label = QLabel(title)
            label.setToolTip(tip)
            self.files[id].setToolTip(tip)
            grid.addWidget(label, number, 4)
            grid.addWidget(self.files[id], number, 5)
        for column, stretch in ((0, 4), (1, 3), (2, 3), (3, 0), (4, 4), (5, 4)):
            grid.setColumnStretch(column, stretch)
        grid.setColumnMinimumWidth(3, 2 * SPACE)
        grid.setRowStretch(len(ROWS) + 1, 1)
        self.column.addLayout(grid, 1)

    def _muted(self, text: str) -> QLabel:
        label = QLabel(text)
        label.setProperty("muted", True)
        return label

    def _titles(self) -> Mapping[str, str]:
        return {
            "dense": self.tr("Dense"),
            "bitmask": self.tr("Bitmask and kept"),
            "index8": self.tr("Kept, with distances"),
            "c": self.tr("Exported C"),
            "codebook": self.tr("Codebook"),
        }

    def _tips(self) -> Mapping[str, str]:
        return {
            "dense": self.tr("Exact: every weight at its bits; a bias takes 4 bytes everywhere"),
            "bitmask": self.tr("Exact: a bit for every weight, then the kept ones at their bits"),
            "index8": self.tr("Exact: every kept weight at its bits, with 8 bits for the distance from the one before"),
            "c": self.tr("Exact: what exported C stores; kept weights alone where that is smaller, else all of them"),
            "codebook": self.tr("Exact: an index into the shared values for every weight, and the values"),
        }

    # ------------------------------------------------------------------------------------------------------ numbers

    def _count(self) -> Iterator[None]:
        """The table, then one file after the other."""
        if not self.isVisible():
            self._stale = True
            return
        self._show_storage()
        yield
        for id, cell in self.files.items():
            found = self.session.file_size(id)
            text = words.UNKNOWN
            if found is not None:
                text = self.tr("{size} ± {band:.0f} %").format(size=words.size(found.bytes), band=100 * found.band)
            elif self.session.is_open and self.session.figures_are_current:
                text = self.tr("cannot carry it")
            cell.say(text, f"{self.tr(methods('format')[id].title)}: {text}", "muted" if found is None else "plain")
            yield

    def _show_storage(self) -> None:
        session = self.session
        sizes = session.bytes_by_storage()
        name = session.layer or ""
        self._layer.say(name, name, "muted")
        here, titles = own_storage(session.device), self._titles()
        for row, (own, together) in self.cells.items():
            one = sizes.get(name, {}).get(row)
            known = [found.get(row, found["dense"]) for found in sizes.values()]
            all_of_them = sum(known) if any(row in found for found in sizes.values()) else None
            title = f"{titles[row]} ◂" if row in here else titles[row]
            self._names[row].say(title, title)
            for cell, value in ((own, one), (together, all_of_them)):
                text = words.size(value)
                cell.say(text, f"{titles[row]}: {text}", "plain" if value is not None else "muted")


def own_storage(device: "Device | None") -> frozenset[str]:
    """What a device's runtime has, of `ROWS`: the smallest of them counts there.

    >>> sorted(own_storage(None))
    []
    """
    if device is None:
        return frozenset()
    return frozenset({"c"}) if device.brings_c else frozenset({"dense", *device.sparse_storage})
