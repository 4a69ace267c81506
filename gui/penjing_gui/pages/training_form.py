"""How the training steps teach: teacher, student, losses and their weights, how long; edits of the plan, undoable."""

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QFormLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from penjing.errors import UserError
from penjing.plan import checked
from penjing_gui.controls.choices import QuietComboBox
from penjing_gui.controls.identity import identify
from penjing_gui.controls.number_box import CountBox, NumberBox
from penjing_gui.dialogs import files
from penjing_gui.theme import SPACE

if TYPE_CHECKING:
    from penjing_gui.session import Session

_TAUGHT = frozenset({"distill", "qat"})
"""Steps that listen to a teacher."""
_TRAINING = frozenset({*_TAUGHT, "finetune"})
_CHOOSE = "\0choose"
"""What stands for a file that is yet to be chosen."""
S = TypeVar("S", bound=QAbstractSpinBox)
_gestures = itertools.count(1)


class TrainingForm(QWidget):
    """Every option of `plan.Distillation`."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._gesture: tuple[str, int] | None = None
        self._shown: object = None
        self.teacher = _choice("train.teacher")
        self.student = _choice("train.student")
        self.pairs = identify(QPushButton(), "train.pairs", self.tr("Layer pairs"))
        self.numbers: dict[str, NumberBox | CountBox] = {
            "soft_label": _real("train.softLabel", 0, 1, 0.05, 2),
            "temperature": _real("train.temperature", 0.1, 100, 0.5, 1),
            "feature": _real("train.feature", 0, 1000, 0.1, 3),
            "attention": _real("train.attention", 0, 100_000, 10, 2),
            "lr": _real("train.lr", 0, 10, 0.0005, 5),
            "batch_size": _whole("train.batchSize", 1, 4096),
            "epochs": _whole("train.epochs", 1, 10_000),
            "seed": _whole("train.seed", 0, 2_000_000_000),
            "shift": _whole("train.shift", 0, 64),
        }
        self._lay_out()
        for field, spin in self.numbers.items():
            spin.valueChanged.connect(lambda value, field=field: self._write(field, value))
            spin.editingFinished.connect(self._end_gesture)
        self.teacher.activated.connect(lambda: self._choose_network("teacher", self.teacher))
        self.student.activated.connect(lambda: self._choose_network("student", self.student))
        self.pairs.clicked.connect(self._choose_pairs)
        session.plan_changed.connect(self._follow)
        session.opened.connect(self.show_plan)
        self.show_plan()

    def _follow(self) -> None:
        # Most plans differ in how layers are compressed.
        if (self._session.plan.distillation, self._session.plan.steps) != self._shown:
            self.show_plan()

    def show_plan(self) -> None:
        """Read the plan."""
        options, steps = self._session.plan.distillation, {step.step for step in self._session.plan.steps}
        self._shown = self._session.plan.distillation, self._session.plan.steps
        self._show_network(self.teacher, {"original": self.tr("the original network")}, options.teacher)
        self._show_network(
            self.student,
            {
                "compressed": self.tr("the compressed network"),
                "narrow:0.75": self.tr("a copy, 75 % as wide"),
                "narrow:0.5": self.tr("a copy, 50 % as wide"),
                "narrow:0.25": self.tr("a copy, 25 % as wide"),
            },
            options.student,
        )
        for field, spin in self.numbers.items():
            value = getattr(options, field)
            if spin.value() != value:
                with QSignalBlocker(spin):
                    spin.setValue(value)
        count = len(options.pairs)
        self.pairs.setText(self.tr("automatic") if not count else self.tr("{count} by hand").format(count=count))
        taught, trains = bool(steps & _TAUGHT), bool(steps & _TRAINING)
        for widget in (self.teacher, *(self.numbers[name] for name in ("soft_label", "temperature"))):
            widget.setEnabled(taught)
        for name in ("feature", "attention"):
            self.numbers[name].setEnabled(taught)
        self.pairs.setEnabled(taught and (options.feature > 0 or options.attention > 0))
        for name in ("lr", "batch_size", "epochs", "seed", "shift"):
            self.numbers[name].setEnabled(trains)

    def _show_network(self, box: QComboBox, entries: dict[str, str], chosen: str) -> None:
        """What can be chosen: the usual ones, whatever the plan names, and a file that is asked for."""
        if chosen not in entries:
            entries = {**entries, chosen: Path(chosen).name}
        box.clear()
        for data, text in entries.items():
            box.addItem(text, data)
        box.addItem(self.tr("a file…"), _CHOOSE)
        box.setCurrentIndex(box.findData(chosen))
        box.setToolTip(chosen if Path(chosen).is_absolute() else "")

    def _choose_network(self, field: str, box: QComboBox) -> None:
        chosen = box.currentData()
        if chosen != _CHOOSE:
            self._write(field, chosen)
            return
        self.show_plan()
        title = self.tr("Choose the teacher") if field == "teacher" else self.tr("Choose the student")
        folder = Path(self._session.source or "").parent
        here = str(folder if folder.is_absolute() else Path.home())
        files.choose_file(self, title, files.model_kinds(), here, lambda path: self._write(field, path))

    def _choose_pairs(self) -> None:
        from penjing_gui.dialogs.pairs import PairsDialog

        graph, options = self._session.graph, self._session.plan.distillation
        if graph is not None:
            names = tuple(layer.name for layer in graph.layers)
            PairsDialog(names, options.pairs, lambda pairs: self._write("pairs", pairs), self).open()

    def _write(self, field: str, value: Any) -> None:
        if self._gesture is None or self._gesture[0] != field:
            self._gesture = field, next(_gestures)
        session = self._session
        options = msgspec.structs.replace(session.plan.distillation, **{field: value})
        try:
            plan = checked(msgspec.structs.replace(session.plan, distillation=options))
        except UserError as error:
            session.noticed.emit(session.texts.error(error, key="plan"))
            return
        session.edit(plan, self._names()[field], "train.{}-{}".format(*self._gesture))

    def _end_gesture(self) -> None:
        self._gesture = None

    def _names(self) -> dict[str, str]:
        return {
            "teacher": self.tr("Teacher"),
            "student": self.tr("Student"),
            "soft_label": self.tr("Soft labels α"),
            "temperature": self.tr("Temperature T"),
            "feature": self.tr("Feature maps, weight"),
            "attention": self.tr("Attention, weight"),
            "pairs": self.tr("Layer pairs"),
            "lr": self.tr("Learning rate"),
            "batch_size": self.tr("Batch size"),
            "epochs": self.tr("Epochs"),
            "seed": self.tr("Seed"),
            "shift": self.tr("Shifts, places"),
        }

    def _tips(self) -> dict[str, str]:
        return {
            "soft_label": self.tr("0: labels alone; 1: the teacher's soft answers alone"),
            "temperature": self.tr("Softens the answers of teacher and student: p = softmax(z / T)"),
            "feature": self.tr("How much the layers' results are to be the teacher's; 0: not at all"),
            "attention": self.tr("How much the places where layers look are to be the teacher's; 0: not at all"),
            "pairs": self.tr("Which layers of teacher and student the feature and attention losses compare"),
            "shift": self.tr("Moves every example by up to so many places, anew each time it is seen"),
            "seed": self.tr("The same seed, plan and machine give the same weights"),
        }

    def _lay_out(self) -> None:
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(SPACE - 2)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        names, tips = self._names(), self._tips()
        fields: dict[str, QWidget] = {"teacher": self.teacher, "student": self.student, **self.numbers}
        order = [*fields]
        order.insert(order.index("lr"), "pairs")
        fields["pairs"] = self.pairs
        for name in order:
            field = fields[name]
            label = QLabel(names[name])
            label.setBuddy(field)
            form.addRow(label, field)
            for widget in (label, field):
                widget.setToolTip(tips.get(name, ""))
            if isinstance(field, QAbstractSpinBox):
                field.setAccessibleName(names[name])
            # The fields give way, not the page: their longest entry would push the form under the plots.
            field.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            field.setMinimumWidth(12 * SPACE)


def _choice(identifier: str) -> QComboBox:
    box = identify(QuietComboBox(), identifier)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(16)
    return box


def _real(identifier: str, low: float, high: float, step: float, decimals: int) -> NumberBox:
    spin = identify(NumberBox(), identifier)
    spin.setDecimals(decimals)
    spin.setRange(low, high)
    spin.setSingleStep(step)
    return _quiet(spin)


def _whole(identifier: str, low: int, high: int) -> CountBox:
    spin = identify(CountBox(), identifier)
    spin.setRange(low, high)
    return _quiet(spin)


def _quiet(spin: S) -> S:
    spin.setAlignment(Qt.AlignmentFlag.AlignRight)
    spin.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    spin.setKeyboardTracking(False)
    return spin
