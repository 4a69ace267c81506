"""What gives the plan its accuracy back: the layer that hurts most, what was tried there, and a click to do it."""

import functools
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QStackedWidget,
    QTableWidget,
    QTableWidgetItem,
)

from penjing.catalogue.metrics import metric
from penjing.errors import UserError
from penjing.estimation.exact import figures
from penjing.planning.recovery import Recovered, ranked
from penjing_gui import words
from penjing_gui.controls.identity import identify
from penjing_gui.controls.readout import Readout
from penjing_gui.pages.empty import Empty
from penjing_gui.pages.panel import Panel
from penjing_gui.theme import SPACE

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from penjing.plan import Plan
    from penjing.worker.messages import Recovery
    from penjing_gui.session import Session


class RecoveryPanel(Panel):
    """Asks the engine when asked to; what was found holds as long as the plan stays."""

    def __init__(self, session: "Session", parent: "QWidget | None" = None) -> None:
        super().__init__(session, parent)
        self._plan: Plan | None = None
        """For which remedies were looked for."""
        self._told: Recovery | None = None
        self.rows: list[tuple[Recovered, float | None]] = []
        """Best first, with the bytes that each costs; None: they are not known."""
        self.said = identify(Readout(), "recovery.said")
        self.look = identify(QPushButton(self.tr("Look for remedies")), "recovery.look")
        self.look.setToolTip(self.tr("Tries what helps the layer that hurts most, and measures it"))
        self.table = identify(QTableWidget(0, 4), "recovery.table", self.tr("Remedies"))
        self.table.setHorizontalHeaderLabels(
            [self.tr("Remedy"), self.tr("Accuracy back, points"), self.tr("Costs"), ""]
        )
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setShowGrid(False)
        header = self.table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column in range(3):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(3, QHeaderView.ResizeMode.ResizeToContents)
        head = QHBoxLayout()
        head.setSpacing(SPACE)
        head.addWidget(self.said, 1)
        head.addWidget(self.look)
        self.column.addLayout(head)
        self.empty = Empty("", "")
        self._stack = QStackedWidget()
        for widget in (self.empty, self.table):
            self._stack.addWidget(widget)
        self.column.addWidget(self._stack, 1)
        self.look.clicked.connect(self._ask)
        session.foresight.recovery_received.connect(self._take)
        for changed in (session.opened, session.closed, session.plan_changed, session.device_changed):
            changed.connect(self.refresh)

    def title(self) -> str:
        """Of the tab."""
        return self.tr("Remedies")

    def how(self) -> str:
        """Of the tab's tip."""
        return self.tr(
            "Measured on validation samples: the accuracy with each remedy alone, and the bytes that it costs"
        )

    def show_now(self) -> None:
        """Read the session; remedies for another plan are forgotten."""
        session = self.session
        if session.plan != self._plan:
            self._plan, self._told = None, None
        told = self._told
        costs = [(one, self._bytes(one.candidate.plan)) for one in (() if told is None else told.found)]
        known = {id(one): more for one, more in costs}
        self.rows = [(one, known[id(one)]) for one, _ in ranked((one, more or 0.0) for one, more in costs)]
        self.look.setEnabled(session.data is not None and self._plan is None)
        text = self._words(told)
        self.said.say(text, text)
        self._fill()
        self.empty.say(*self._next(told))
        self._stack.setCurrentWidget(self.table if self.rows else self.empty)

    def _next(self, found: "Recovery | None") -> tuple[str, str]:
        """What stands in place of the table: what is missing, and what to do."""
        session = self.session
        if session.data is None:
            return self.tr("Remedies are measured on data."), self.tr("Drop a data file on the window.")
        if self._plan is None:
            how = self.tr(
                "“Look for remedies” finds the layer that hurts most, tries what helps it, and measures each."
            )
            return self.tr("Nothing was looked for yet."), how
        if found is None or found.done < found.total:
            return self.tr("What helps shows here as soon as it is measured."), ""
        if found.layer is None:
            return self.tr("The plan changes no layer."), self.tr("Cut or round something with the sliders first.")
        hint = self.tr("Train the plan, or take more bits and fewer cuts.")
        return self.tr("Nothing that was tried gives anything back."), hint

    def _words(self, found: "Recovery | None") -> str:
        session = self.session
        if session.data is None:
            return (
                self.tr("No data is open; drop a data file on the window to measure with it.") if session.graph else ""
            )
        if found is None:
            return self.tr("Looking for the layer that hurts most…") if self._plan is not None else ""
        if found.layer is None:
            over = found.done >= found.total
            looking = self.tr("Looking for the layer that hurts most… {done} of {total}")
            return self.tr("The plan changes no layer.") if over else looking.format(done=found.done, total=found.total)
        said = self.tr("{layer} hurts most").format(layer=found.layer)
        if found.done < found.total:
            said += " · " + self.tr("{done} of {total} tried").format(done=found.done, total=found.total)
        return said

    def _fill(self) -> None:
        data = self.session.data
        how = metric("top1") if data is None else metric(data.metric)
        back_in = self.tr("Accuracy back, points") if how.is_share else self.tr("{metric} back, % of the spread")
        back_in = self.tr("AUC back, points") if how.kind == "rank" else back_in.replace("{metric}", how.short)
        if (head := self.table.horizontalHeaderItem(1)) is not None:
            head.setText(back_in)
        self.table.setRowCount(len(self.rows))
        for row, (one, more) in enumerate(self.rows):
            back = words.minus(f"{100 * one.gained:+.1f} ± {100 * one.half:.1f}")
            for column, text in enumerate((self._remedy(one), back, _cost(more))):
                self.table.setItem(row, column, QTableWidgetItem(text))
            button = identify(QPushButton(self.tr("Apply")), f"recovery.apply.{one.candidate.remedy}.{row}")
            button.setAccessibleName(f"{self.tr('Apply')}: {self._remedy(one)}")
            button.clicked.connect(functools.partial(self._apply, one))
            self.table.setCellWidget(row, 3, button)

    def _remedy(self, found: Recovered) -> str:
        value = found.candidate.value
        texts = {
            "keep": self.tr("leave its weights as loaded"),
            "per_channel": self.tr("a scale for each filter"),
            "equalize": self.tr("equalize channels"),
            "bias_correction": self.tr("correct the bias"),
            "gptq": self.tr("round by GPTQ"),
            "repair": self.tr("repair after pruning"),
        }
        if value is not None and found.candidate.remedy == "bits":
            return self.tr("{bits:.0f} bits").format(bits=value)
        if value is not None and found.candidate.remedy == "sparsity":
            return self.tr("zero only {share:.0f} %").format(share=100 * value)
        if value is not None and found.candidate.remedy == "filters":
            return self.tr("cut only {share:.0f} % of the filters").format(share=100 * value)
        return texts[found.candidate.remedy]

    def _bytes(self, plan: "Plan") -> float | None:
        """How many bytes more a plan takes than the one that is shown."""
        session = self.session
        if session.graph is None or session.figures is None or not session.figures_are_current:
            return None
        try:
            found = figures(session.graph, plan, tables=session.tables, device=session.device)
        except (KeyError, UserError):  # scores on their way
            return None
        return float(found.size_bytes - session.figures.size_bytes)

    def _ask(self) -> None:
        self._plan, self._told = self.session.plan, None
        self.session.foresight.request_recovery()
        self.show_now()

    def _take(self, message: "Recovery") -> None:
        if self._plan is not None and self.session.plan == self._plan:
            self._told = message
            self.refresh()

    def _apply(self, found: Recovered, *_: object) -> None:
        layer = "" if self._told is None else self._told.layer
        label = self.tr("{remedy} in {layer}").format(remedy=self._remedy(found), layer=layer)
        self.session.edit(found.candidate.plan, label)


def _cost(more: float | None) -> str:
    if more is None:
        return words.UNKNOWN
    return f"{'+' if more > 0 else ''}{words.size(more)}"
