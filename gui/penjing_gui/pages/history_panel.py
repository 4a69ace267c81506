"""The history as a tree: what came from what; runs can be named, pinned, kept, branched from and taken away."""

import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from penjing.project.values import Run
from penjing_gui import quality_words, words
from penjing_gui.controls.identity import identify
from penjing_gui.item_models.runs import AS_LOADED
from penjing_gui.new_runs import new_run, run_name
from penjing_gui.notices import Action, Notice
from penjing_gui.theme import SPACE

if TYPE_CHECKING:
    from penjing_gui.session import Session

_ID = Qt.ItemDataRole.UserRole
_STAR = "★ "
_LONGEST = 80
_ROW = 24


class HistoryPanel(QWidget):
    """A tree of runs; what one sweep found lies in one branch."""

    chosen = Signal(tuple)
    """Ids of the runs that are selected."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._open: set[str] = set()
        self.tree = identify(QTreeWidget(), "history.tree", self.tr("History"))
        self.keep = identify(QPushButton(self.tr("Keep the plan")), "history.keep")
        self.branch = identify(QPushButton(self.tr("Branch from here")), "history.branch")
        self.pin = identify(QPushButton(self.tr("Pin")), "history.pin")
        self.rename = identify(QPushButton(self.tr("Rename")), "history.rename")
        self.remove = identify(QPushButton(self.tr("Remove")), "history.remove")
        self._lay_out()
        self.keep.clicked.connect(self._keep)
        self.branch.clicked.connect(self._branch)
        self.pin.clicked.connect(self._pin)
        self.rename.clicked.connect(self._rename)
        self.remove.clicked.connect(self._remove)
        self.tree.itemSelectionChanged.connect(self._selected)
        self.tree.itemDoubleClicked.connect(self._branch)
        self.tree.itemChanged.connect(self._renamed)
        for changed in (session.runs_changed, session.opened, session.closed):
            changed.connect(self._fill)
        session.plan_changed.connect(self._enable)
        self._fill()

    def _lay_out(self) -> None:
        self.tree.setColumnCount(4)
        self.tree.setHeaderLabels([self.tr("Run"), quality_words.head(None), self.tr("Weights"), self.tr("When")])
        for column, tip in (
            (1, self.tr("Measured on validation samples, ± half of a 95 % interval")),
            (2, self.tr("Exact: bytes of weights and biases under the device's storage")),
        ):
            self.tree.headerItem().setToolTip(column, tip)
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.tree.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.tree.setExpandsOnDoubleClick(False)
        header = self.tree.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.keep.setToolTip(self.tr("Put the plan of the sliders into the history"))
        self.branch.setToolTip(self.tr("Apply the run's plan; what is tried next comes from it"))
        buttons = QHBoxLayout()
        for button in (self.keep, self.branch, self.pin, self.rename, self.remove):
            buttons.addWidget(button)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACE, 0, 0)
        layout.addWidget(self.tree, 1)
        layout.addLayout(buttons)

    def select(self, ids: Iterable[str]) -> None:
        """Show what another view has selected."""
        wanted = set(ids)
        with QSignalBlocker(self.tree):
            for item in self._items():
                item.setSelected(item.data(0, _ID) in wanted)
        self._enable()

    @property
    def selected(self) -> tuple[str, ...]:
        """Ids of the runs that are selected here; the network as loaded is one of them."""
        known = {AS_LOADED, *(run.id for run in self._session.runs)}
        return tuple(id for item in self.tree.selectedItems() if (id := item.data(0, _ID)) in known)

    def _items(self) -> list[QTreeWidgetItem]:
        found: list[QTreeWidgetItem] = []
        waiting = [self.tree.invisibleRootItem()]
        while waiting:
            item = waiting.pop()
            found.append(item)
            waiting += _children(item)
        return found[1:]

    def _fill(self) -> None:
        """All anew, with the same branches open and the same runs selected."""
        session, selected = self._session, set(self.selected)
        closed = {item.data(0, _ID) for item in self._items() if item.childCount() and not item.isExpanded()}
        known = {item.data(0, _ID) for item in self._items()}
        with QSignalBlocker(self.tree):
            self.tree.clear()
            if session.is_open and session.baseline is not None:
                baseline = session.baseline
                measured = None if baseline.accuracy is None else baseline.accuracy.metric
                self.tree.headerItem().setText(1, quality_words.head(measured))
                cells = [self.tr("as loaded"), words.accuracy(baseline.accuracy), words.size(baseline.size_bytes), ""]
                root = _item(cells, AS_LOADED)
                self.tree.addTopLevelItem(root)
                nodes: dict[str | None, QTreeWidgetItem] = {None: root}
                for run in session.runs:
                    above = nodes.get(run.parent, root)
                    if run.kind == "sweep":
                        above = self._sweep_branch(above)
                    item = _item(self._cells(run), run.id)
                    item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
                    above.addChild(item)
                    nodes[run.id] = item
                for item in self._items():
                    id = item.data(0, _ID)
                    item.setExpanded(id not in closed and (id in known or not str(id).startswith("sweep-of-")))
                    item.setSelected(id in selected)
        self._enable()

    def _sweep_branch(self, above: QTreeWidgetItem) -> QTreeWidgetItem:
        id = f"sweep-of-{above.data(0, _ID)}"
        for child in _children(above):
            if child.data(0, _ID) == id:
                return child
        made = _item([self.tr("Sweep"), "", "", ""], id)
        above.addChild(made)
        return made

    def _cells(self, run: Run) -> list[str]:
        name = run_name(run)
        return [
            _STAR + name if run.pinned else name,
            words.accuracy(run.accuracy),
            words.size(run.figures.size_bytes),
            _local(run.created),
        ]

    def _selected(self) -> None:
        self._enable()
        self.chosen.emit(self.selected)

    def _enable(self, *_: object) -> None:
        chosen = self._chosen_runs()
        self.keep.setEnabled(self._session.is_open and self._session.figures is not None)
        self.branch.setEnabled(len(chosen) == 1)
        self.rename.setEnabled(len(chosen) == 1)
        self.pin.setEnabled(bool(chosen))
        self.remove.setEnabled(bool(chosen) and not any(run.pinned for run in chosen))
        pinned = bool(chosen) and all(run.pinned for run in chosen)
        self.pin.setText(self.tr("Unpin") if pinned else self.tr("Pin"))

    def _chosen_runs(self) -> tuple[Run, ...]:
        ids = set(self.selected)
        return tuple(run for run in self._session.runs if run.id in ids)

    def _keep(self) -> None:
        session = self._session
        if session.figures is None:
            return
        measured = session.accuracy if session.accuracy_is_current else None
        figures = msgspec.structs.replace(session.figures, accuracy=measured)
        parent = None if session.run is None else session.run.id
        id = f"kept-{secrets.token_hex(4)}"
        session.add_run(new_run(session.runs, "kept", id, session.plan, figures, parent=parent))

    def _branch(self, *_: object) -> None:
        chosen = self._chosen_runs()
        if len(chosen) == 1:
            self._session.apply_run(chosen[0].id)

    def _pin(self) -> None:
        chosen = self._chosen_runs()
        pinned = not all(run.pinned for run in chosen)
        ids = {run.id for run in chosen}
        self._session.set_runs(
            msgspec.structs.replace(run, pinned=pinned) if run.id in ids else run for run in self._session.runs
        )

    def _rename(self) -> None:
        if (item := self.tree.currentItem()) is not None:
            self.tree.editItem(item, 0)

    def _renamed(self, item: QTreeWidgetItem, column: int) -> None:
        name = item.text(0).removeprefix(_STAR).strip()[:_LONGEST]
        id = item.data(0, _ID)
        runs = self._session.runs
        # An empty name would leave nothing to click; the old one comes back.
        self._session.set_runs(
            msgspec.structs.replace(run, name=name) if run.id == id and name not in ("", run_name(run)) else run
            for run in runs
        )

    def _remove(self) -> None:
        session, before = self._session, self._session.runs
        gone = {run.id for run in self._chosen_runs()}
        above = {run.id: run.parent for run in before}

        def heir(parent: str | None) -> str | None:
            while parent in gone:
                parent = above.get(parent)
            return parent

        session.set_runs(msgspec.structs.replace(run, parent=heir(run.parent)) for run in before if run.id not in gone)
        back = Action(self.tr("Bring back"), lambda: session.set_runs(before), "notice.bringBack")
        text = self.tr("Runs taken away: {count}.").format(count=len(gone))
        session.noticed.emit(Notice(text=text, actions=(back,), key="runs"))


def _local(created: str) -> str:
    """The time where the person is; what is none stays as it is."""
    try:
        return datetime.fromisoformat(created).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return created


def _children(item: QTreeWidgetItem) -> list[QTreeWidgetItem]:
    return [child for index in range(item.childCount()) if (child := item.child(index)) is not None]


def _item(cells: list[str], id: str) -> QTreeWidgetItem:
    item = QTreeWidgetItem(cells)
    item.setData(0, _ID, id)
    item.setSizeHint(0, QSize(0, _ROW))
    for column in (1, 2, 3):
        item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return item
