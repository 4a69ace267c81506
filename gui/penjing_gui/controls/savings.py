"""Beside the sliders, while they move: what each part of the plan really saves on the device, and what it does not."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from penjing.errors import UserError
from penjing.estimation.savings import NEUTRAL, Part, Saving, growing_parts
from penjing_gui import words
from penjing_gui.controls.identity import identify
from penjing_gui.controls.readout import Readout
from penjing_gui.controls.short_note import ShortNote
from penjing_gui.controls.unhurried import Unhurried
from penjing_gui.saved import amounts, part_name
from penjing_gui.session import Session
from penjing_gui.theme import SPACE

if TYPE_CHECKING:
    from penjing.plan import Plan

_NOTE_LINES = 3


class SavingsPanel(QWidget):
    """A row for each part of the plan, of the selected layers or of all; nothing moves while the numbers change."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        identify(self, "savings", self.tr("What it saves"))
        self._plan: Plan | None = None
        self._edited: Part = "filters"
        """What the person changed last: its reasons are told."""
        self._found: dict[Part, Saving] = {}
        self._counting = Unhurried(self._count, self)
        self._head = Readout()
        self._head.setProperty("muted", True)
        self._cells = {part: tuple(Readout(words.UNKNOWN) for _ in range(3)) for part in NEUTRAL}
        self._note = identify(ShortNote(_NOTE_LINES), "savings.note")
        self._lay_out()
        for changed in (
            session.plan_changed,
            session.selection_changed,
            session.device_changed,
            session.tables_changed,
        ):
            changed.connect(self._counting.ask)
        session.opened.connect(self._counting.ask)
        self._show()
        self._counting.ask()

    def add_to(self, grid: QGridLayout) -> None:
        """Lie under the sliders, as wide as they are."""
        grid.addWidget(self, grid.rowCount(), 0, 1, max(grid.columnCount(), 1))

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, SPACE // 2, 0, SPACE // 2)
        grid.setHorizontalSpacing(SPACE // 2)
        grid.setVerticalSpacing(2)
        grid.addWidget(self._head, 0, 0)
        for column, name in enumerate((self.tr("Flash"), self.tr("RAM"), self.tr("Time")), start=1):
            title = QLabel(name, alignment=Qt.AlignmentFlag.AlignRight)
            title.setProperty("muted", True)
            grid.addWidget(title, 0, column)
            grid.setColumnStretch(column, 2)
        grid.setColumnStretch(0, 2)
        for row, (part, cells) in enumerate(self._cells.items(), start=1):
            # As short as beside its slider: "Activation bits" leaves too little for "−1.28 KiB".
            grid.addWidget(QLabel(self.tr("Act. bits") if part == "activation_bits" else part_name(part)), row, 0)
            for column, (cell, field) in enumerate(zip(cells, ("flash", "ram", "latency"), strict=True), start=1):
                identify(cell, f"savings.{part}.{field}")
                cell.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                grid.addWidget(cell, row, column)
        self._note.setProperty("muted", True)
        grid.addWidget(self._note, len(self._cells) + 1, 0, 1, 4)

    def _count(self) -> Iterator[None]:
        """Part by part; after the last one what they save is shown."""
        session = self._session
        device = session.device
        self._notice_edit()
        title = self.tr("Saves here") if device is not None else ""
        self._head.say(title, title)
        self._head.setToolTip("" if device is None else device.title)
        if session.graph is None or device is None:
            self._found = {}
            self._show()
            return
        counted = None
        try:
            for found in growing_parts(session.graph, session.plan, session.tables, layers=session.selection or None):
                counted = found
                yield
            if counted is not None:
                self._found = {saving.part: saving for saving in counted.on(device)}
        except (KeyError, UserError):  # scores on their way, or a plan that is told of elsewhere
            return
        self._show()

    def _notice_edit(self) -> None:
        """Remember which part was changed since the last look."""
        now, before = self._session.plan, self._plan
        self._plan = now
        if before is None or before == now:
            return
        names = {*before.layers, *now.layers, ""}
        pairs = [(before.settings(name), now.settings(name)) for name in names]
        for part, neutral in NEUTRAL.items():
            if any(getattr(old, field) != getattr(new, field) for old, new in pairs for field in neutral):
                self._edited = part

    def _show(self) -> None:
        for part, cells in self._cells.items():
            saving = self._found.get(part)
            texts = (words.UNKNOWN,) * 3 if saving is None else amounts(saving)
            how = self.tr("Exact flash and RAM, predicted time: the plan without this part, less the plan with it")
            reasons = "\n".join([how, *([] if saving is None else self._reasons(saving))])
            for cell, text, name in zip(cells, texts, (self.tr("Flash"), self.tr("RAM"), self.tr("Time")), strict=True):
                cell.say(text, f"{part_name(part)}, {name}: {text}", "plain" if saving is not None else "muted")
                if cell.toolTip() != reasons:
                    cell.setToolTip(reasons)
        self._note.say(self._told())

    def _told(self) -> str:
        if self._session.device is None:
            return self.tr("Choose a device: then this says what each setting saves there.")
        edited = self._found.get(self._edited)
        order = [edited, *self._found.values()] if edited is not None else list(self._found.values())
        reasons = [reason for saving in order for reason in self._reasons(saving)]
        return reasons[0] if reasons else ""

    def _reasons(self, saving: Saving) -> list[str]:
        return [self._session.texts.of(note.code, **note.values) for note in saving.notes]
