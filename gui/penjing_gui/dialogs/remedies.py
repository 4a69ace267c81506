"""What helps a plan that is over its budgets: a row for each remedy with its exact figures; one click does it."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from penjing.devices.profiles import Device, collection
from penjing.errors import UserError
from penjing.planning.fit import Budgets
from penjing.planning.remedies import Remedy, remedies
from penjing.results import Figures
from penjing_gui import words
from penjing_gui.controls.identity import identify
from penjing_gui.controls.readout import Readout
from penjing_gui.notices import Action, Notice
from penjing_gui.session import Session
from penjing_gui.theme import SPACE

if TYPE_CHECKING:
    from collections.abc import Iterator

_WIDTH = 1000
_COLUMN = 180
"""Pixels of a figure."""


class RemediesDialog(QDialog):
    """Remedies come one after the other; the window stays free meanwhile."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.rows: list[Remedy] = []
        self._more: Iterator[Remedy | None] = iter(())
        identify(self, "remedies", self.tr("Fix it"))
        self.setWindowTitle(self.tr("Fix it"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(_WIDTH)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(2 * SPACE)
        self._grid.setVerticalSpacing(SPACE)
        self._grid.setColumnStretch(0, 1)
        self._said = identify(QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True), "remedies.said")
        self._said.setProperty("muted", True)
        self._said.setMinimumHeight(2 * self.fontMetrics().lineSpacing())
        self._said.setAlignment(Qt.AlignmentFlag.AlignTop)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, SPACE)
        layout.setSpacing(2 * SPACE)
        layout.addLayout(self._grid)
        layout.addStretch(1)
        layout.addWidget(self._said)
        layout.addWidget(buttons)
        self._next = QTimer(self, interval=0)
        self._next.timeout.connect(self._go_on)
        self._begin()

    def _begin(self) -> None:
        session = self._session
        titles = (self.tr("What to do"), self.tr("Flash"), self.tr("RAM"), self.tr("Latency"))
        for column, title in enumerate(titles):
            label = QLabel(title)
            label.setProperty("muted", True)
            self._grid.addWidget(label, 0, column)
            if column:
                self._grid.setColumnMinimumWidth(column, _COLUMN)
        graph, device, now = session.graph, session.device, session.figures
        if graph is None or device is None or now is None:
            self._said.setText(f"{self.tr('Fitting needs a device.')} {self.tr('Choose one under Device.')}")
            return
        self._add_row(self.tr("The plan as it is"), now, session.budgets)
        self._said.setText(self.tr("Looking for what helps…"))
        self._more = remedies(
            graph, session.plan, session.tables, device, session.budgets, devices=collection().devices
        )
        self._next.start()

    def _go_on(self) -> None:
        try:
            found = next(self._more)
        except StopIteration:
            self._next.stop()
            self._said.setText(self._summary())
            return
        if found is not None:
            self.rows.append(found)
            title = self._title(found)
            row = self._add_row(title, found.figures, found.budgets)
            button = identify(QPushButton(self.tr("Apply")), f"remedies.apply.{found.change}")
            button.setAccessibleName(self.tr("Apply: {title}").format(title=title))
            button.setAutoDefault(False)
            button.clicked.connect(lambda _=False: self._apply(found, title))
            self._grid.addWidget(button, row, 4)
            if len(self.rows) == 1:
                # A layout shows what is added to it later, and what is not seen takes no keys.
                button.show()
                button.setFocus()

    def _summary(self) -> str:
        if not self.rows:
            return self.tr("Nothing brings this plan any nearer: choose a larger device or a smaller network.")
        text = self.tr("Flash and RAM are exact. A plan is measured as soon as it is applied; Undo takes it back.")
        if all(one.over for one in self.rows):
            text = self.tr("Nothing here is enough alone; apply one and look again.") + " " + text
        return text

    def _add_row(self, title: str, figures: Figures, budgets: Budgets) -> int:
        row = self._grid.rowCount()
        name = QLabel(title, textFormat=Qt.TextFormat.PlainText, wordWrap=True)
        self._grid.addWidget(name, row, 0)
        latency = words.banded(figures.latency_ms, "ms", figures.latency_band)
        cells = (
            (words.size(figures.flash_bytes), figures.flash_bytes, budgets.flash_bytes, words.size),
            (words.size(figures.ram_bytes), figures.ram_bytes, budgets.ram_bytes, words.size),
            (latency, figures.latency_ms, budgets.latency_ms, lambda ms: words.banded(ms, "ms", None)),
        )
        for column, (text, value, limit, shown) in enumerate(cells, start=1):
            over = False
            if value is not None and limit is not None:
                over = value > limit
                more = self.tr("▲ {value}: {excess} over").format(value=text, excess=shown(value - limit))
                text = more if over else f"✓ {text}"
            cell = Readout()
            cell.say(text, text, "alarming" if over else "plain")
            self._grid.addWidget(cell, row, column)
        return row

    def _title(self, found: Remedy) -> str:
        share = "" if found.value is None else words.percent(found.value, digits=0)
        bits = 0 if found.value is None else round(found.value)
        return {
            "fit": self.tr("Plan anew: filters and bits go where the network misses them least"),
            "bits": self.tr("At most {bits} bits for weights, 8 for activations").format(bits=bits),
            "filters": self.tr("At least {share} of the filters cut, everywhere").format(share=share),
            "sparsity": self.tr("At least {share} zeros, everywhere").format(share=share),
            "budget": self.tr("Allow all that {device} has").format(device=found.device.title),
            "device": self.tr("Take {device}, the smallest that holds the plan as it is").format(
                device=found.device.title
            ),
        }[found.change]

    def _apply(self, found: Remedy, title: str) -> None:
        session = self._session
        self.accept()
        if found.change not in ("budget", "device"):
            session.edit(found.plan, title)
            return
        before, allowed = session.device, session.budgets
        if _take(session, found.device, found.budgets):
            back = Action(self.tr("Back"), lambda: _back(session, before, allowed), "notice.back")
            session.noticed.emit(Notice(text=title, actions=(back,), key="remedy"))


def _take(session: Session, device: Device, budgets: Budgets) -> bool:
    try:
        session.set_device(device.name)
    except UserError as error:  # the file of an own device went away meanwhile
        session.noticed.emit(session.texts.error(error, key="device"))
        return False
    session.set_budgets(budgets)
    return True


def _back(session: Session, device: Device | None, budgets: Budgets) -> None:
    if device is not None:
        _take(session, device, budgets)
