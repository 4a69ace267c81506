"""Trade-offs: every run as a point, size against accuracy, and as a row; a double click applies a run's plan."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from penjing_gui.controls.identity import identify
from penjing_gui.item_models.runs import AS_LOADED, KINDS, NOW, RunsModel
from penjing_gui.pages.empty import Page
from penjing_gui.plots.scatter import Point, Scatter
from penjing_gui.theme import SPACE

if TYPE_CHECKING:
    from penjing_gui.session import Session


class TradeoffsPage(Page):
    """Scatter above, table below, one selection for both."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.model = RunsModel(session, self)
        self.scatter = identify(Scatter(), "plot.tradeoffs", self.tr("Runs: size against accuracy"))
        self.table = identify(QTableView(), "runs.table", self.tr("Runs"))
        self.apply = identify(QPushButton(self.tr("Apply plan")), "runs.apply")
        self.hint = QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True)
        self.hint.setProperty("muted", True)
        self._lay_out()
        self.model.modelReset.connect(self._refresh)
        self.model.dataChanged.connect(self._refresh)
        self.scatter.chosen.connect(self._choose)
        self.scatter.applied.connect(self._apply)
        self.table.doubleClicked.connect(lambda index: self._apply(self.model.rows[index.row()].id))
        self.table.selectionModel().currentRowChanged.connect(self._current_changed)
        self.apply.clicked.connect(lambda: self._apply(self._current))
        self._refresh()

    def _lay_out(self) -> None:
        self.scatter.name_axes(self.tr("weights and biases as stored, KiB"), self.tr("accuracy, %"))
        self.table.setModel(self.model)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setTabKeyNavigation(False)
        self.table.setShowGrid(False)
        self.table.verticalHeader().hide()
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        below = QWidget()
        rows = QVBoxLayout(below)
        rows.setContentsMargins(0, SPACE, 0, 0)
        rows.addWidget(self.table, 1)
        foot = QHBoxLayout()
        foot.addWidget(self.hint, 1)
        foot.addWidget(self.apply)
        rows.addLayout(foot)
        splitter = QSplitter(Qt.Orientation.Vertical, childrenCollapsible=False)
        splitter.addWidget(self.scatter)
        splitter.addWidget(below)
        splitter.setStretchFactor(0, 3)
        splitter.setStretchFactor(1, 2)
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(2 * SPACE, 2 * SPACE, SPACE, SPACE)
        layout.addWidget(splitter)

    @property
    def _current(self) -> str | None:
        row = self.table.currentIndex().row()
        return self.model.rows[row].id if 0 <= row < len(self.model.rows) else None

    def showEvent(self, event: QShowEvent) -> None:
        """What changed while another tab was in front."""
        super().showEvent(event)
        self._refresh()

    def _refresh(self) -> None:
        if not self._session.is_open:
            self.say_empty(self.tr("No network is open."), self.tr("Open a model or try a sample; its runs show here."))
        self.show_content(self._session.is_open)
        if not self.isVisible():  # sliders move many times a second
            return
        runs = self._session.runs
        self.hint.setText(
            self.tr("Hollow: does not fit the device. A double click applies a run's plan; undo takes it back.")
            if runs
            else self.tr("Train on the Train page: every training adds a run here, to compare and to apply.")
        )
        self._say_apply()
        self._draw()

    def _draw(self) -> None:
        points = [
            Point(
                id=row.id,
                name=row.name,
                size=row.figures.size_bytes / 1024,
                accuracy=100 * row.accuracy.value,
                fits=row.fits,
                kind=KINDS.index(row.kind) if row.kind in KINDS else len(KINDS),
            )
            for row in self.model.rows
            if row.accuracy is not None
        ]
        self.scatter.show_points(points, self._current)

    def _current_changed(self, _: QModelIndex, __: QModelIndex) -> None:
        self._say_apply()
        self._draw()

    def _say_apply(self) -> None:
        self.apply.setEnabled(self._current not in (None, AS_LOADED, NOW))

    def _choose(self, id: str) -> None:
        for number, row in enumerate(self.model.rows):
            if row.id == id:
                self.table.selectRow(number)

    def _apply(self, id: str | None) -> None:
        if id not in (None, AS_LOADED, NOW):
            self._session.apply_run(str(id))
