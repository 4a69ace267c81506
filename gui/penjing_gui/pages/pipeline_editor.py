"""The steps of the plan in their order: moved by drag, buttons or keys, added, removed, done in another way."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from penjing.catalogue.methods import methods, variants
from penjing.plan import DEFAULT_PIPELINE, Plan, Step
from penjing_gui import icons
from penjing_gui.controls.identity import identify

if TYPE_CHECKING:
    from penjing_gui.session import Session

_MOST = 24
"""Steps of a pipeline that is put together by hand."""
_ROLE = Qt.ItemDataRole.UserRole


class PipelineEditor(QWidget):
    """A list of steps; every change is one undoable edit of `Plan.pipeline`."""

    step_chosen = Signal()

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._shown: tuple[Step, ...] | None = None
        self.list = identify(_Steps(), "train.steps", self.tr("Steps of the plan"))
        self.add = self._button("train.steps.add", "plus", self.tr("Add a step"))
        self.add.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.up = self._button("train.steps.up", "arrow-up", self.tr("Move the step up (Alt+Up)"))
        self.down = self._button("train.steps.down", "arrow-down", self.tr("Move the step down (Alt+Down)"))
        self.remove = self._button("train.steps.remove", "x", self.tr("Remove the step (Delete)"))
        self.reset = self._button("train.steps.reset", "undo-2", self.tr("The usual steps again"))
        self.way = identify(QComboBox(), "train.steps.way", self.tr("How the step is done"))
        # It gives way, not the form: its longest entry would push the fields below out of sight.
        self.way.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.way.setMinimumContentsLength(8)
        self.explanation = QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True)
        self.explanation.setProperty("muted", True)
        # Two lines at any time, so that nothing below moves when another step is chosen.
        self.explanation.setMinimumHeight(2 * self.explanation.fontMetrics().lineSpacing() + 2)
        self.explanation.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._lay_out()
        self._connect()
        self._show()

    @property
    def steps(self) -> tuple[Step, ...]:
        """As they stand in the list."""
        return tuple(self.list.item(row).data(_ROLE) for row in range(self.list.count()))

    def _lay_out(self) -> None:
        menu = QMenu(self.add)
        for id, method in methods("step").items():
            menu.addAction(self.tr(method.title)).triggered.connect(lambda _=False, id=id: self._add(id))
        self.add.setMenu(menu)
        foot = QHBoxLayout()
        foot.setSpacing(2)
        for button in (self.add, self.up, self.down, self.remove, self.reset):
            foot.addWidget(button)
        foot.addSpacing(6)
        foot.addWidget(self.way, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.list)
        layout.addLayout(foot)
        layout.addWidget(self.explanation)

    def _connect(self) -> None:
        self.list.currentRowChanged.connect(self._choose)
        self.list.model().rowsMoved.connect(self._dragged)
        self.up.clicked.connect(lambda: self._move(-1))
        self.down.clicked.connect(lambda: self._move(1))
        self.remove.clicked.connect(self._remove)
        self.reset.clicked.connect(lambda: self._edit(Plan(pipeline=DEFAULT_PIPELINE).steps, self.tr("Usual steps")))
        self.way.activated.connect(self._choose_way)
        for keys, does in (
            ("Alt+Up", lambda: self._move(-1)),
            ("Alt+Down", lambda: self._move(1)),
            (QKeySequence.StandardKey.Delete, self._remove),
        ):
            shortcut = QShortcut(QKeySequence(keys), self.list)
            shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(does)
        self._session.plan_changed.connect(self._show)
        self._session.opened.connect(self._show)

    def _button(self, identifier: str, icon: str, name: str) -> QToolButton:
        button = identify(QToolButton(autoRaise=True), identifier, name)
        button.setToolTip(name)
        button.setIconSize(QSize(16, 16))
        icons.set_icon(button, icon)
        return button

    # --------------------------------------------------------------------------------------------------------- edits

    def _add(self, id: str) -> None:
        row = self.list.currentRow() + 1 if self.list.currentRow() >= 0 else self.list.count()
        steps = list(self.steps)
        steps.insert(row, Step(step=id))
        self._edit(steps, self.tr("Add a step"), row)

    def _move(self, by: int) -> None:
        row, steps = self.list.currentRow(), list(self.steps)
        if row >= 0 and 0 <= row + by < len(steps):
            steps.insert(row + by, steps.pop(row))
            self._edit(steps, self.tr("Move a step"), row + by)

    def _remove(self) -> None:
        row, steps = self.list.currentRow(), list(self.steps)
        if row >= 0:
            del steps[row]
            self._edit(steps, self.tr("Remove a step"), min(row, len(steps) - 1))

    def _dragged(self) -> None:
        self._edit(self.steps, self.tr("Move a step"), self.list.currentRow())

    def _choose_way(self, index: int) -> None:
        row, steps = self.list.currentRow(), list(self.steps)
        steps[row] = Step(step=steps[row].step, method=self.way.itemData(index))
        self._edit(steps, self.tr("Way of a step"), row)

    def _edit(self, steps: Sequence[Step], label: str, row: int = 0) -> None:
        pipeline = tuple(step.step if step.method is None else step for step in steps)
        self._session.edit(msgspec.structs.replace(self._session.plan, pipeline=pipeline), label)
        self.list.setCurrentRow(row)

    # --------------------------------------------------------------------------------------------------------- state

    def _show(self) -> None:
        steps = self._session.plan.steps
        if steps == self._shown == self.steps:
            return  # most plans differ in how layers are compressed
        self._shown = steps
        if steps != self.steps or not steps:
            row = max(self.list.currentRow(), 0)
            with QSignalBlocker(self.list):
                self.list.clear()
                for step in steps:
                    item = QListWidgetItem()
                    item.setData(_ROLE, step)
                    self.list.addItem(item)
                self.list.setCurrentRow(min(row, len(steps) - 1))
        for number in range(self.list.count()):
            step = self.list.item(number).data(_ROLE)
            way = "" if step.method is None else f" · {self.tr(variants(step.step)[step.method].title)}"
            self.list.item(number).setText(f"{number + 1}  {self.tr(methods('step')[step.step].title)}{way}")
        self._choose()

    def _choose(self) -> None:
        row, count = self.list.currentRow(), self.list.count()
        step = self.list.item(row).data(_ROLE) if 0 <= row < count else None
        self.add.setEnabled(count < _MOST)
        self.up.setEnabled(row > 0)
        self.down.setEnabled(0 <= row < count - 1)
        self.remove.setEnabled(step is not None)
        self.reset.setEnabled(self.steps != Plan(pipeline=DEFAULT_PIPELINE).steps)
        ways = {} if step is None else variants(step.step)
        self.way.clear()
        self.way.addItem(
            self.tr("whatever is best") if step is not None and step.step != "qat" else self.tr("usual way")
        )
        for id, method in ways.items():
            self.way.addItem(self.tr(method.title), id)
        self.way.setVisible(bool(ways))
        if step is not None:
            self.way.setCurrentIndex(max(self.way.findData(step.method), 0))
        self.explanation.setText("" if step is None else self._explanations().get(step.step, ""))
        self.step_chosen.emit()

    def _explanations(self) -> dict[str, str]:
        return {
            "prune": self.tr("Zeroes weights and cuts filters, as the settings of the layers say."),
            "repair": self.tr("Adapts what a cut left by least squares, without labels; kept only where it helps."),
            "bn_reestimate": self.tr("Measures means and variances of batch norm again; kept only where it helps."),
            "quantize": self.tr("Rounds weights and activations, as the settings of the layers say."),
            "qat": self.tr("Trains while weights and activations are rounded, so that rounding costs less."),
            "finetune": self.tr("Trains on the labels alone."),
            "distill": self.tr("Trains on the teacher's soft answers and the labels."),
        }


class _Steps(QListWidget):
    """As high as its steps, within bounds."""

    def __init__(self) -> None:
        super().__init__()
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFixedHeight(5 * 24 + 4)
