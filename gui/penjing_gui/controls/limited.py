"""One figure of the Fit dock that has a budget: its bar, its words, the input of the budget."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from PySide6.QtCore import QObject, QSignalBlocker, Qt
from PySide6.QtWidgets import QAbstractSpinBox, QGridLayout, QLabel

from penjing.planning.fit import Budgets
from penjing.results import Figures
from penjing_gui import words
from penjing_gui.controls.budget_bar import BudgetBar
from penjing_gui.controls.identity import identify
from penjing_gui.controls.readout import Readout
from penjing_gui.controls.slider import QuietSpinBox
from penjing_gui.session import Session

STALE = "…"
_LARGER = {" KiB": 1 << 10, " MiB": 1 << 20, " GiB": 1 << 30}
"""Units of an input and what they count, the smallest first."""
_MOST_TYPED = 10_000
"""From so many of a unit on the next larger one is taken."""
BOX = 84
"""Pixels of an input."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """Which figure it is and how it is written."""

    field: str
    """Of `Figures` and of `Budgets`."""
    identifier: str
    """Of the readout."""
    budget_identifier: str
    name: str
    how: str
    """How it is computed, and of what kind it is."""
    unit: str
    factor: float
    """What is typed times this is the budget."""
    shown: Callable[[float], str]

    def value(self, figures: Figures | None) -> float | None:
        """The figure; None: unknown."""
        found: float | None = None if figures is None else getattr(figures, self.field)
        return found

    def budget(self, budgets: Budgets) -> float | None:
        """What it may be; None: no limit."""
        found: float | None = getattr(budgets, self.field)
        return found


class Limited(QObject):
    """Three widgets in a grid: what is used of the budget, in a bar and in words, and how much there is."""

    def __init__(self, session: Session, limit: Limit, grid: QGridLayout, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self.limit = session, limit
        self._factor = limit.factor
        """What is typed times this is the budget."""
        self.over = False
        """Whether more is used than there is."""
        title = QLabel(limit.name)
        self.bar = BudgetBar()
        self.label = identify(Readout(words.UNKNOWN), limit.identifier)
        for widget in (title, self.bar, self.label):
            widget.setToolTip(limit.how)
        self.box = identify(QuietSpinBox(), limit.budget_identifier, self.tr("{name} budget").format(name=limit.name))
        self.box.setRange(0, 1e9)
        self.box.setDecimals(1)
        self.box.setSuffix(limit.unit)
        self.box.setSpecialValueText(self.tr("no limit"))
        self.box.setKeyboardTracking(False)
        self.box.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.box.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
        self.box.setFixedWidth(BOX)
        self.box.setToolTip(self.tr("The most that it may take; 0 means no limit"))
        self.box.valueChanged.connect(self._set)
        title.setBuddy(self.box)
        row = grid.rowCount()
        grid.addWidget(title, row, 0)
        grid.addWidget(self.bar, row, 1)
        grid.addWidget(self.box, row, 2)
        grid.addWidget(self.label, row + 1, 1, 1, 2)

    def show(self, now: Figures | None, *, stale: bool) -> None:
        """Read figures and budget."""
        limit, value = self.limit.budget(self._session.budgets), self.limit.value(now)
        self._choose_unit(max(limit or 0, self.limit.value(self._session.baseline) or 0))
        typed = 0 if limit is None else limit / self._factor
        if abs(self.box.value() - typed) > 0.5 * 10.0 ** -self.box.decimals():
            with QSignalBlocker(self.box):
                self.box.setValue(typed)
        self.bar.show_share(None if not limit or value is None else value / limit, stale=stale)
        self.over = value is not None and bool(limit) and value > (limit or 0)
        text = self._words(now, value, limit)
        if stale and now is not None:
            text = f"{text} {STALE}"
        said = f"{self.limit.name}: {text}"
        self.label.say(text, said, "muted" if stale else "alarming" if self.over else "plain")
        if said != self.bar.accessibleName():
            self.bar.setAccessibleName(said)

    def _choose_unit(self, largest: float) -> None:
        """Of bytes one in which neither the budget nor the network as loaded has too many digits for the input."""
        unit, factor = self.limit.unit, self.limit.factor
        for larger in _LARGER if unit in _LARGER else ():
            if largest >= _MOST_TYPED * factor:
                unit, factor = larger, _LARGER[larger]
        if factor != self._factor:
            self._factor = factor
            with QSignalBlocker(self.box):
                self.box.setSuffix(unit)

    def _words(self, now: Figures | None, value: float | None, limit: float | None) -> str:
        if now is None or value is None:
            return words.UNKNOWN
        text = self.limit.shown(value)
        if self.limit.field == "latency_ms":
            text = words.banded(value, "ms", now.latency_band)
        if not limit:
            return text
        if value > limit:
            return self.tr("▲ {value}: {excess} over").format(value=text, excess=self.limit.shown(value - limit))
        return self.tr("{value}, {share} of it").format(value=text, share=words.percent(value / limit, digits=0))

    def _set(self, shown: float) -> None:
        session, limit = self._session, self.limit
        wanted: float | int | None = None
        if shown > 0:
            wanted = shown * self._factor if limit.field == "latency_ms" else round(shown * self._factor)
        session.set_budgets(msgspec.structs.replace(session.budgets, **{limit.field: wanted}))
