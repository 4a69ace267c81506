"""All criteria side by side for the layer that is current: what each takes, and how far it agrees with the plan's."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QAbstractItemView, QComboBox, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from penjing.catalogue.methods import Kind, Method, methods
from penjing.estimation.tables import Wanted
from penjing_gui import words
from penjing_gui.controls.identity import identify
from penjing_gui.controls.readout import Readout
from penjing_gui.criteria import Judged, judged_filters, judged_weights
from penjing_gui.item_models.strips import STRIP_ROLE, StripDelegate
from penjing_gui.layer_view import LayerView
from penjing_gui.pages.panel import Panel

if TYPE_CHECKING:
    from penjing_gui.session import Session

_SOON = 120
_ROW = 22
_HALF = 0.5
"""The share of weights that is compared while the plan zeroes none."""
Picture = tuple[str, str]
"""(layer, weight criterion)."""


class CriteriaPanel(Panel):
    """Filters under every filter criterion, or weights under every weight criterion; a double click takes one."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._found: LayerView | None = None
        self._blocks: dict[Picture, NDArray[np.float32]] = {}
        self._asked: dict[int, Picture] = {}
        self._soon = QTimer(self, singleShot=True, interval=_SOON)
        self._soon.timeout.connect(self._ask)
        self.what = identify(QComboBox(), "criteria.what", self.tr("Compare"))
        self.what.addItem(self.tr("Filters"), "filter_criterion")
        self.what.addItem(self.tr("Weights"), "criterion")
        self.table = identify(QTableWidget(0, 3), "criteria.table", self.tr("Criteria"))
        self.table.setHorizontalHeaderLabels([self.tr("Criterion"), "", self.tr("Agrees")])
        tips = (
            self.tr("A double click chooses it for the plan"),
            self.tr("Filters or weights in the order of the criterion that is chosen: dark ones go first"),
            self.tr("Exact: the share of what it would cut that the chosen criterion would cut, too"),
        )
        for column, tip in enumerate(tips):
            cell = self.table.horizontalHeaderItem(column)
            assert cell is not None
            cell.setToolTip(tip)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(_ROW)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setTabKeyNavigation(False)
        self.table.setShowGrid(False)
        self.table.setItemDelegateForColumn(1, StripDelegate(self.table))
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.resizeSection(0, 176)
        header.resizeSection(2, 76)
        self.said = identify(Readout(), "criteria.said")
        self.said.setProperty("muted", True)
        self.column.addWidget(self.table, 1)
        self.column.addWidget(self.said)
        for changed in (session.opened, session.closed):
            changed.connect(self._forget)
        session.tables_changed.connect(self.refresh)
        session.saliency_received.connect(self._take)
        self.what.currentIndexChanged.connect(self.refresh)
        self.table.activated.connect(lambda index: self._choose(index.row()))

    def title(self) -> str:
        """Of the tab."""
        return self.tr("All criteria")

    def how(self) -> str:
        """Of the tab's tip."""
        return self.tr("The scores of all criteria, each from its lowest to its highest; those of data are measured")

    def show_layer(self, found: LayerView) -> None:
        """What the plan does to the layer that is current."""
        self._found = found
        self.refresh()

    def show_nothing(self) -> None:
        """A layer without weights."""
        self._found = None
        self.refresh()

    @property
    def rows(self) -> tuple[Method, ...]:
        """The criteria, in the order of the table."""
        kind: Kind = self.what.currentData()
        return tuple(methods(kind).values())

    def show_now(self) -> None:
        """Judge, and write only what is new."""
        found = self._found
        rows = self.rows if found is not None else ()
        if self.table.rowCount() != len(rows):
            self.table.setRowCount(len(rows))
        judged = {} if found is None else {one.id: self._judged(found, one) for one in rows}
        order = None if found is None else self._order(found, judged)
        for row, one in enumerate(rows):
            self._write(row, one, judged[one.id], order)
        text = self._words(found)
        self.said.say(text, text)
        self.said.setToolTip(text)
        self.table.setAccessibleDescription(text)
        if any(judged[one.id] is None and self._can(one) for one in rows):
            self._soon.start()

    # --------------------------------------------------------------------------------------------------------- values

    def _of_plan(self, found: LayerView) -> str:
        own: str = getattr(found.settings, self.what.currentData())
        return own

    def _judged(self, found: LayerView, one: Method) -> Judged | None:
        layer, tables = found.layer.name, self.session.tables
        own = self._of_plan(found)
        if self.what.currentData() == "filter_criterion":
            scores = tables.filter_scores.get((layer, one.id))
            plan = tables.filter_scores.get((layer, own))
            return None if scores is None else judged_filters(scores, plan, int(found.cut.sum()))
        block, plan = self._blocks.get((layer, one.id)), self._blocks.get((layer, own))
        return None if block is None else judged_weights(block, plan, self._share(found))

    def _share(self, found: LayerView) -> float:
        return found.zeroed / found.left if found.zeroed and found.left else _HALF

    def _order(self, found: LayerView, judged: dict[str, Judged | None]) -> NDArray[np.int64] | None:
        """Filters as the plan's criterion puts them: what goes first is left."""
        own = judged.get(self._of_plan(found))
        return None if own is None else np.argsort(own.strip, kind="stable")

    def _write(self, row: int, one: Method, judged: Judged | None, order: NDArray[np.int64] | None) -> None:
        own = self._found is not None and self._of_plan(self._found) == one.id
        name = self.tr(one.title)
        item = self._item(row, 0)
        item.setText(f"✓ {name}" if own else name)
        item.setToolTip("\n".join(self.tr(part) for part in (one.formula, one.source) if part))
        if judged is not None and order is not None:
            judged = Judged(strip=judged.strip[order], gone=judged.gone[order], agrees=judged.agrees)
        strip = self._item(row, 1)
        strip.setData(STRIP_ROLE, judged)
        wait = self.tr("on its way…") if self._can(one) else self.tr("needs data that is not open")
        strip.setText("" if judged is not None else wait)
        share = self._item(row, 2)
        share.setText("" if judged is None or judged.agrees is None else words.percent(judged.agrees, digits=0))
        share.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def _item(self, row: int, column: int) -> QTableWidgetItem:
        found: QTableWidgetItem | None = self.table.item(row, column)
        if found is None:
            found = QTableWidgetItem()
            self.table.setItem(row, column, found)
        return found

    def _words(self, found: LayerView | None) -> str:
        if found is None:
            return self.tr("Choose a layer that a plan can change: this compares what every criterion would take.")
        if self.what.currentData() == "filter_criterion":
            gone = int(found.cut.sum())
            if not gone:
                return self.tr("dark goes first; move Filters to compare what would go · exact")
            said = self.tr("dark goes first; marked: the {count} that would go; agrees: with ✓ on these · exact")
            return said.format(count=gone)
        said = self.tr("dark filters lose most at {share:.0f} % zeros; agrees: with ✓ on the zeros · exact")
        return said.format(share=100 * self._share(found))

    # -------------------------------------------------------------------------------------------------------- gestures

    def _can(self, one: Method) -> bool:
        data = self.session.data
        if data is None:
            return not one.needs
        return data.has_labels or "labels" not in one.needs

    def _ask(self) -> None:
        """One question for each criterion, so that one that cannot be answered keeps no other back."""
        found = self._found
        if found is None or not self.isVisible():
            return
        layer = found.layer.name
        for one in self.rows:
            if not self._can(one):
                continue
            if self.what.currentData() == "filter_criterion":
                if (layer, one.id) not in self.session.tables.filter_scores:
                    self.session.request_scores(Wanted(frozenset({(layer, one.id)}), frozenset()))
            elif (layer, one.id) not in self._blocks and (layer, one.id) not in self._asked.values():
                self._asked[self.session.request_saliency(layer, one.id)] = layer, one.id

    def _take(self, message: Any, block: NDArray[np.float32]) -> None:
        picture = self._asked.pop(message.request, None)
        if picture is not None:
            self._blocks[picture] = block
            self.refresh()

    def _choose(self, row: int) -> None:
        found, rows = self._found, self.rows
        if found is None or not 0 <= row < len(rows) or not self._can(rows[row]):
            return
        field, one = self.what.currentData(), rows[row]
        title = self.tr("Filters by") if field == "filter_criterion" else self.tr("Criterion")
        name = found.layer.name
        session = self.session
        names = session.selection if name in session.selection else (name,)
        session.set_layer(names, title, **{field: one.id})

    def _forget(self) -> None:
        self._blocks.clear()
        self._asked.clear()
        self._found = None
        self.refresh()
