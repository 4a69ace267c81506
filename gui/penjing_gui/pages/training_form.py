"""The options of a training: who teaches whom, with which losses, how long; a value in, a value out."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QSpinBox,
    QWidget,
)

from penjing.catalogue.methods import methods
from penjing.plan import Distillation
from penjing.project.values import RunKind
from penjing_gui.controls.identity import identify
from penjing_gui.theme import SPACE

KINDS: tuple[RunKind, ...] = ("distill", "finetune", "qat")
_TAUGHT = ("distill", "qat")
"""Kinds that listen to a teacher."""


class TrainingForm(QWidget):
    """Every option of `plan.Distillation` that a person chooses."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rest = Distillation()
        self.kind = _choice("train.kind", {kind: methods("step")[kind].title for kind in KINDS})
        self.teacher = _choice("train.teacher", {"original": self.tr("The original network")})
        self.student = _choice(
            "train.student",
            {
                "compressed": self.tr("The compressed network"),
                "narrow:0.75": self.tr("A copy, 75 % as wide"),
                "narrow:0.5": self.tr("A copy, 50 % as wide"),
                "narrow:0.25": self.tr("A copy, 25 % as wide"),
            },
        )
        self.soft_label = _real("train.softLabel", 0, 1, 0.05, 2)
        self.temperature = _real("train.temperature", 0.1, 100, 0.5, 1)
        self.feature = _real("train.feature", 0, 1000, 0.1, 3)
        self.attention = _real("train.attention", 0, 100_000, 10, 2)
        self.lr = _real("train.lr", 0, 10, 0.0005, 5)
        self.batch_size = _whole("train.batchSize", 1, 4096)
        self.epochs = _whole("train.epochs", 1, 10_000)
        self.seed = _whole("train.seed", 0, 2_000_000_000)
        self.explanation = QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True)
        self.explanation.setProperty("muted", True)
        self._lay_out()
        self.kind.currentIndexChanged.connect(self._choose_kind)
        for box in (self.teacher, self.student):
            box.currentIndexChanged.connect(self.changed)
        for spin in (self.soft_label, self.temperature, self.feature, self.attention, self.lr):
            spin.valueChanged.connect(self.changed)
        for number in (self.batch_size, self.epochs, self.seed):
            number.valueChanged.connect(self.changed)
        self.show_options(Distillation())

    @property
    def chosen_kind(self) -> RunKind:
        """The training step."""
        return KINDS[self.kind.currentIndex()]

    @property
    def options(self) -> Distillation:
        """What is chosen; what has no control here is as it was shown."""
        return Distillation(
            soft_label=self.soft_label.value(),
            temperature=self.temperature.value(),
            feature=self.feature.value(),
            attention=self.attention.value(),
            pairs=self._rest.pairs,
            teacher=str(self.teacher.currentData()),
            student=str(self.student.currentData()),
            epochs=self.epochs.value(),
            lr=self.lr.value(),
            batch_size=self.batch_size.value(),
            seed=self.seed.value(),
        )

    def show_options(self, options: Distillation) -> None:
        """Show what a plan says; teachers and students of its own are offered too."""
        self._rest = options
        for box, value in ((self.teacher, options.teacher), (self.student, options.student)):
            if box.findData(value) < 0:
                box.addItem(value, value)
            box.setCurrentIndex(box.findData(value))
        for spin, real in (
            (self.soft_label, options.soft_label),
            (self.temperature, options.temperature),
            (self.feature, options.feature),
            (self.attention, options.attention),
            (self.lr, options.lr),
        ):
            spin.setValue(real)
        for number, whole in (
            (self.batch_size, options.batch_size),
            (self.epochs, options.epochs),
            (self.seed, options.seed),
        ):
            number.setValue(whole)
        self._choose_kind()

    def set_labels(self, there: bool) -> None:
        """Without labels only a teacher can teach."""
        model = self.kind.model()
        index = model.index(KINDS.index("finetune"), 0)
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        model.setData(index, (flags if there else Qt.ItemFlag.NoItemFlags).value, Qt.ItemDataRole.UserRole - 1)

    def _choose_kind(self) -> None:
        taught = self.chosen_kind in _TAUGHT
        for widget in (self.teacher, self.student, self.soft_label, self.temperature, self.feature, self.attention):
            widget.setEnabled(taught)
        said = {
            "distill": self.tr("The teacher's soft answers guide the compressed network back."),
            "finetune": self.tr("The compressed network learns from the labels alone."),
            "qat": self.tr("Learns while its weights and activations are rounded, so that rounding costs less."),
        }
        self.explanation.setText(said.get(self.chosen_kind, ""))
        self.changed.emit()

    def _lay_out(self) -> None:
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(SPACE)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow(self.tr("&Method"), self.kind)
        form.addRow(self.explanation)
        for label, field in (
            (self.tr("Teac&her"), self.teacher),
            (self.tr("S&tudent"), self.student),
            (self.tr("Soft labels α (0–1)"), self.soft_label),
            (self.tr("Temperature T"), self.temperature),
            (self.tr("Feature maps, weight"), self.feature),
            (self.tr("Attention, weight"), self.attention),
            (self.tr("Learning rate"), self.lr),
            (self.tr("Batch size"), self.batch_size),
            (self.tr("Epochs"), self.epochs),
            (self.tr("Seed"), self.seed),
        ):
            form.addRow(label, field)
        for child in self.findChildren(QAbstractSpinBox):
            named = form.labelForField(child)
            if isinstance(named, QLabel):
                child.setAccessibleName(named.text().replace("&", ""))


def _choice(identifier: str, entries: dict[str, str]) -> QComboBox:
    box = identify(QComboBox(), identifier)
    for data, text in entries.items():
        box.addItem(text, data)
    # A path of a teacher must not make the page wider than the window.
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(16)
    return box


def _real(identifier: str, low: float, high: float, step: float, decimals: int) -> QDoubleSpinBox:
    spin = identify(QDoubleSpinBox(decimals=decimals, minimum=low, maximum=high, singleStep=step), identifier)
    spin.setAlignment(Qt.AlignmentFlag.AlignRight)
    return spin


def _whole(identifier: str, low: int, high: int) -> QSpinBox:
    spin = identify(QSpinBox(minimum=low, maximum=high), identifier)
    spin.setAlignment(Qt.AlignmentFlag.AlignRight)
    return spin
