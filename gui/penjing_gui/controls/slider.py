"""A slider and its spin box for one number of the plan; a drag is one undo step, keys and typing are one each."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QWheelEvent
from PySide6.QtWidgets import QAbstractSpinBox, QLabel, QSlider

from penjing_gui.controls.identity import identify
from penjing_gui.controls.number_box import NumberBox


@dataclass(frozen=True)
class Scale:
    """How a value lies on a slider of `steps` steps, and how it is written."""

    steps: int
    to_position: Callable[[float], float]
    """A value as a share of the slider, 0..1."""
    to_value: Callable[[float], float]
    decimals: int = 0
    suffix: str = ""
    factor: float = 1.0
    """What is shown is the value times this: 100 for percent."""
    low: float = 0.0
    high: float = 1.0
    step: float = 0.01
    page: int = 10


class QuietSlider(QSlider):
    """A slider that leaves the wheel to the page unless it has the keyboard."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scrolling past a slider must not compress a network."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class QuietSpinBox(NumberBox):
    """The same for a spin box, which also leaves Undo to the plan while there is nothing typed to be undone."""

    def event(self, event: QEvent) -> bool:
        """A line edit takes the keys of Undo in any case, and the plan would never hear of them."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
            undo = event.matches(QKeySequence.StandardKey.Undo) and not self.lineEdit().isUndoAvailable()
            redo = event.matches(QKeySequence.StandardKey.Redo) and not self.lineEdit().isRedoAvailable()
            if undo or redo:
                event.ignore()
                return False
        return super().event(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """As `QuietSlider`."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class ValueSlider(QObject):
    """Slider and spin box; both show the same value and neither knows what it means."""

    began = Signal()
    moved = Signal(float)
    ended = Signal()

    def __init__(self, identifier: str, name: str, scale: Scale, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._scale = scale
        self.label = QLabel(name)
        self.slider = identify(QuietSlider(Qt.Orientation.Horizontal), identifier, name)
        self.box = identify(QuietSpinBox(), f"{identifier}.value", name)
        self.label.setBuddy(self.box)
        self.slider.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.box.setKeyboardTracking(False)
        self.box.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.box.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
        self.set_scale(scale)
        self.slider.sliderPressed.connect(self.began)
        self.slider.sliderReleased.connect(self.ended)
        self.slider.valueChanged.connect(self._slid)
        self.box.valueChanged.connect(self._typed)

    def set_scale(self, scale: Scale) -> None:
        """Use another scale; the value is shown anew by whoever sets it."""
        self._scale = scale
        with QSignalBlocker(self.slider), QSignalBlocker(self.box):
            self.slider.setRange(0, scale.steps)
            self.slider.setSingleStep(max(1, scale.steps // 100))
            self.slider.setPageStep(max(1, scale.steps // scale.page))
            self.box.setDecimals(scale.decimals)
            self.box.setRange(scale.low * scale.factor, scale.high * scale.factor)
            self.box.setSingleStep(scale.step * scale.factor)
            self.box.setSuffix(scale.suffix)

    def show_value(self, value: float, *, mixed: bool = False) -> None:
        """Show a value; one that differs between layers is shown in italics with a tool tip."""
        with QSignalBlocker(self.slider), QSignalBlocker(self.box):
            if not self.slider.isSliderDown():
                self.slider.setValue(round(self._scale.to_position(value) * self._scale.steps))
            self._put(value)
        font = self.box.font()
        if font.italic() != mixed:
            font.setItalic(mixed)
            self.box.setFont(font)
        tip = self.tr("The selected layers differ; this is the first one's.") if mixed else ""
        if self.slider.toolTip() != tip:
            self.slider.setToolTip(tip)
            self.box.setToolTip(tip)

    def set_enabled(self, enabled: bool) -> None:
        """Slider and spin box."""
        self.slider.setEnabled(enabled)
        self.box.setEnabled(enabled)

    def _slid(self, position: int) -> None:
        value = self._scale.to_value(position / self._scale.steps)
        with QSignalBlocker(self.box):
            self._put(value)
        self.moved.emit(value)

    def _put(self, value: float) -> None:
        """Setting what is there already would draw the box again."""
        shown = round(value * self._scale.factor, self._scale.decimals)
        if shown != self.box.value():
            self.box.setValue(shown)

    def _typed(self, shown: float) -> None:
        self.moved.emit(shown / self._scale.factor)
