"""Trade-offs: every run as a point, a figure against accuracy, and as a row; a double click applies a run's plan."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QItemSelection, QItemSelectionModel, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSplitter,
    QTableView,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from penjing.catalogue.metrics import metric
from penjing_gui import quality_words
from penjing_gui.controls.identity import identify
from penjing_gui.dialogs.files import choose_new_file
from penjing_gui.frontier import Frontier
from penjing_gui.item_models.runs import AS_LOADED, KINDS, NOW, Row, RunsModel
from penjing_gui.notices import Notice
from penjing_gui.pages.compare_panel import ComparePanel
from penjing_gui.pages.empty import Page
from penjing_gui.pages.history_panel import HistoryPanel
from penjing_gui.plots.scatter import Point, Scatter
from penjing_gui.run_words import tip
from penjing_gui.runs_csv import runs_csv
from penjing_gui.settings import write_whole
from penjing_gui.theme import SPACE

if TYPE_CHECKING:
    from collections.abc import Callable

    from penjing.plan import Plan
    from penjing_gui.session import Session

_KIB = 1024
_BUDGETED = ("flash_bytes", "ram_bytes", "latency_ms")
_EDGE = 1.12
"""Where, beside the largest point, what is further away waits; the plot ends a little behind."""


class TradeoffsPage(Page):
    """Scatter above, table below, one selection for both."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.model = RunsModel(session, self)
        self.scatter = identify(Scatter(), "plot.tradeoffs", self.tr("Runs: size against accuracy"))
        self.axis = identify(QComboBox(), "tradeoffs.axis")
        self._against = QLabel()
        self.sweep = identify(QPushButton(self.tr("Sweep…")), "tradeoffs.sweep")
        self.csv = identify(QPushButton(self.tr("CSV…")), "tradeoffs.csv", self.tr("Write the runs as CSV"))
        self.picture = identify(QPushButton(self.tr("Picture…")), "tradeoffs.picture", self.tr("Write the plot"))
        self.table = identify(QTableView(), "runs.table", self.tr("Runs"))
        self.apply = identify(QPushButton(self.tr("Apply plan")), "runs.apply")
        self.below = identify(QTabWidget(), "tradeoffs.lower", self.tr("Runs, history and comparison"))
        self.history = HistoryPanel(session)
        self.compare = ComparePanel(session)
        self.hint = QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True)
        self.hint.setProperty("muted", True)
        self._lay_out()
        session.opened.connect(self._choose_axis)
        if session.is_open:  # the page is made anew for another language
            self._choose_axis()
        self.model.modelReset.connect(self._refresh)
        self.model.dataChanged.connect(self._refresh)
        self.model.rowsInserted.connect(self._refresh)
        self.model.rowsInserted.connect(self._fit_columns)
        self.scatter.chosen.connect(self._choose)
        self.scatter.applied.connect(self._apply)
        self.frontier = Frontier(session, self)
        self.scatter.limit_dragged.connect(self._drag_limit)
        session.budgets_changed.connect(self._refresh)
        self.axis.currentIndexChanged.connect(self._draw)
        self.table.doubleClicked.connect(lambda index: self._apply(self.model.rows[index.row()].id))
        self.table.selectionModel().selectionChanged.connect(self._selection_changed)
        self.apply.clicked.connect(lambda: self._apply(self._current))
        self.sweep.clicked.connect(self._open_sweep)
        self.history.chosen.connect(self._choose_all)
        self.csv.clicked.connect(self._ask_csv)
        self.picture.clicked.connect(self._ask_picture)
        self._refresh()

    def _lay_out(self) -> None:
        for field, name, _, __ in self._axes():
            self.axis.addItem(name, field)
        self._against.setBuddy(self.axis)
        self.sweep.setToolTip(self.tr("Try many plans and draw what they come to"))
        head = QHBoxLayout()
        head.addWidget(self._against)
        head.addWidget(self.axis)
        head.addStretch(1)
        for button in (self.sweep, self.csv, self.picture):
            head.addWidget(button)
        self.table.setModel(self.model)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setTabKeyNavigation(False)
        self.table.setShowGrid(False)
        self.table.verticalHeader().hide()
        self.table.setWordWrap(False)
        self._fit_columns()
        first = QWidget()
        rows = QVBoxLayout(first)
        rows.setContentsMargins(0, SPACE, 0, 0)
        rows.addWidget(self.table, 1)
        foot = QHBoxLayout()
        foot.addWidget(self.hint, 1)
        foot.addWidget(self.apply)
        rows.addLayout(foot)
        splitter = QSplitter(Qt.Orientation.Vertical, childrenCollapsible=False)
        splitter.addWidget(self.scatter)
        self.below.setDocumentMode(True)
        for page, title in (
            (first, self.tr("Runs")),
            (self.history, self.tr("History")),
            (self.compare, self.tr("Compare")),
        ):
            self.below.addTab(page, title)
        splitter.addWidget(self.below)
        splitter.setStretchFactor(0, 3)
        splitter.setStretchFactor(1, 3)
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(2 * SPACE, 2 * SPACE, SPACE, SPACE)
        layout.addLayout(head)
        layout.addWidget(splitter, 1)

    def _choose_axis(self) -> None:
        """Flash, where a device says what there is of it; the weights alone have no limit."""
        baseline = self._session.baseline
        if self._session.budgets.flash_bytes is not None and baseline is not None and baseline.flash_bytes is not None:
            self.axis.setCurrentIndex(self.axis.findData("flash_bytes"))

    def _fit_columns(self, *_: object) -> None:
        """As wide as what stands in them; a row that comes later may hold a longer number."""
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)

    def _axes(self) -> tuple[tuple[str, str, str, float], ...]:
        """(figure, name, name with its unit, units of the figure in one of the axis)."""
        return (
            ("size_bytes", self.tr("Weights"), self.tr("weights and biases as stored, KiB"), _KIB),
            ("flash_bytes", self.tr("Flash"), self.tr("flash: weights and kernels, KiB"), _KIB),
            ("ram_bytes", self.tr("Peak RAM"), self.tr("RAM at the peak, KiB"), _KIB),
            ("latency_ms", self.tr("Latency"), self.tr("one inference, ms (predicted)"), 1),
            ("energy_mj", self.tr("Energy"), self.tr("one inference, mJ (predicted)"), 1),
            ("macs", self.tr("MACs"), self.tr("multiplications of one inference, thousands"), 1000),
        )

    @property
    def _current(self) -> str | None:
        chosen = self.chosen
        return chosen[0].id if len(chosen) == 1 else None

    @property
    def chosen(self) -> tuple[Row, ...]:
        """The rows that are selected, from top to bottom."""
        rows = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        return tuple(self.model.rows[row] for row in rows if row < len(self.model.rows))

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
        self.hint.setText(
            self.tr("Hollow: does not fit the device. A double click applies a run's plan; undo takes it back.")
            if self._session.runs
            else self.tr("Drag the line of the budget: a plan that fits follows. Sweep… tries many plans.")
        )
        self._say_apply()
        self._draw()

    def _draw(self) -> None:
        session = self._session
        field, _, label, unit = self._axes()[max(self.axis.currentIndex(), 0)]
        known = [row.accuracy for row in self.model.rows if row.accuracy is not None]
        how = known[0].how if known else metric("top1")
        scale = 100 if how.is_share else 1
        self._against.setText(self.tr("{quality} against").format(quality=quality_words.noun(how.id)))
        self.scatter.name_axes(label, quality_words.axis(how.id))
        plans = self._plans()
        language = session.texts.language
        points = [
            Point(
                id=row.id,
                name=row.name,
                size=getattr(row.figures, field) / unit,
                accuracy=scale * row.accuracy.value,
                fits=row.fits,
                kind=KINDS.index(row.kind) if row.kind in KINDS else len(KINDS),
                tip=tip(row, plans.get(row.id), session.graph, language),
                named=row.kind != "sweep",
            )
            for row in self.model.rows
            if row.accuracy is not None and getattr(row.figures, field) is not None
        ]
        self.compare.show_rows(self.chosen, plans)
        limit = self._limit(field, unit, max((one.size for one in points), default=0.0))
        self.scatter.show_points(
            points,
            frozenset(row.id for row in self.chosen),
            limit,
            lower_is_better=not how.higher,
            room=0.5 if how.is_share else 0.05 * max((abs(one.value) for one in known), default=1.0),
        )

    def _limit(self, field: str, unit: float, largest: float) -> tuple[float, str] | None:
        """Where the budget stands; one that is further away, or none yet, waits at the edge to be dragged."""
        if field not in _BUDGETED or self._session.device is None or largest <= 0:
            return None
        limit, edge = getattr(self._session.budgets, field), _EDGE * largest
        if limit is None:
            return edge, self.tr("no limit")
        return (limit / unit, self.tr("budget")) if limit / unit <= edge else (edge, self.tr("budget →"))

    def _drag_limit(self, at: float, over: bool) -> None:
        field, _, __, unit = self._axes()[max(self.axis.currentIndex(), 0)]
        self.frontier.drag(field, at * unit, over)

    def _plans(self) -> "dict[str, Plan]":
        return {NOW: self._session.plan, **{run.id: run.plan for run in self._session.runs}}

    def _selection_changed(self, *_: object) -> None:
        self._say_apply()
        self._draw()
        self.history.select(row.id for row in self.chosen)

    def _choose_all(self, ids: tuple[str, ...]) -> None:
        """What the tree selected: one selection for all views."""
        flags = QItemSelectionModel.SelectionFlag
        selection = QItemSelection()
        for number, row in enumerate(self.model.rows):
            if row.id in ids:
                index = self.model.index(number, 0)
                selection.select(index, index)
        self.table.selectionModel().select(selection, flags.ClearAndSelect | flags.Rows)

    def _say_apply(self) -> None:
        self.apply.setEnabled(self._current not in (None, AS_LOADED, NOW))

    def _choose(self, id: str, more: bool) -> None:
        flags = QItemSelectionModel.SelectionFlag
        how = flags.Toggle if more else flags.ClearAndSelect
        for number, row in enumerate(self.model.rows):
            if row.id == id:
                index = self.model.index(number, 0)
                self.table.selectionModel().setCurrentIndex(index, how | flags.Rows)
                self.table.scrollTo(index)

    def _apply(self, id: str | None) -> None:
        if id not in (None, AS_LOADED, NOW):
            self._session.apply_run(str(id))

    def _open_sweep(self) -> None:
        from penjing_gui.dialogs.sweep import SweepDialog

        self._session.prepare_job()
        # The page stays in use: what is found appears in it.
        SweepDialog(self._session, self.window()).show()

    def _ask_csv(self) -> None:
        kinds = f"{self.tr('Tables')} (*.csv)"
        choose_new_file(self, self.tr("Write the runs as CSV"), kinds, self._path("runs.csv"), "csv", self.write_csv)

    def _ask_picture(self) -> None:
        kinds = f"{self.tr('Pictures')} (*.svg *.png)"
        choose_new_file(self, self.tr("Write the plot"), kinds, self._path("runs.svg"), "svg", self.write_plot)

    def write_csv(self, path: str) -> None:
        """Every row of the table."""
        self._write(lambda: write_whole(Path(path), runs_csv(self.model.rows, self._plans()).encode("utf-8-sig")))

    def write_plot(self, path: str) -> None:
        """The scatter as it is drawn."""
        from penjing_gui.plots.picture import write_picture

        self._write(lambda: write_picture(self.scatter, Path(path)))

    def _path(self, name: str) -> str:
        return str(Path.home() / name)

    def _write(self, write: "Callable[[], None]") -> None:
        try:
            write()
        except OSError as error:
            text = self.tr("The file was not written: {error}.").format(error=self._session.texts.refusal(error))
            self._session.noticed.emit(
                Notice(level="error", text=text, hint=self.tr("Choose another place."), key="save")
            )
