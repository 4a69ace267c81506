"""Fields for numbers: they say what is allowed, at once where something else is typed; a comma may be a point.

>>> plain("0,5"), plain("1,000"), plain("−3"), plain(" 12.5 %")
('0.5', '1000', '-3', '12.5 %')
"""

import re
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QPoint, QTimer
from PySide6.QtGui import QKeyEvent, QValidator
from PySide6.QtWidgets import QDoubleSpinBox, QSpinBox, QToolTip

if TYPE_CHECKING:
    _Base = QDoubleSpinBox
else:
    _Base = object

_NUMBER = re.compile(r"\d[\d.,]*")
_GROUPED = re.compile(r"[1-9]\d{0,2}(,\d{3})+(\.\d*)?")


def plain(text: str) -> str:
    """A number as programs write it: a comma is the decimal point, but where it groups thousands."""
    text = text.strip().replace("−", "-")
    found = _NUMBER.search(text)
    if found is None:
        return text
    number = found[0]
    number = number.replace(",", "") if _GROUPED.fullmatch(number) else number
    number = number.replace(",", ".") if number.count(",") == 1 and "." not in number else number
    return text[: found.start()] + number + text[found.end() :]


class _Bounded(_Base):
    """Of a spin box of either kind, whose tip ends with its limits."""

    _own_tip = ""

    def setToolTip(self, text: str) -> None:
        """What the number is; its limits follow by themselves."""
        if text != self._own_tip:
            self._own_tip = text
            self._tell()

    def setRange(self, minimum: float, maximum: float) -> None:
        """As the spin box's own."""
        super().setRange(minimum, maximum)
        self._tell()

    def setMaximum(self, maximum: float) -> None:
        """As the spin box's own."""
        super().setMaximum(maximum)
        self._tell()

    def setSuffix(self, suffix: str) -> None:
        """As the spin box's own."""
        super().setSuffix(suffix)
        self._tell()

    @property
    def limits(self) -> str:
        """In words."""
        if self.minimum() == self.maximum():
            return ""
        low, high = (f"{value:,.6f}".rstrip("0").rstrip(".") for value in (self.minimum(), self.maximum()))
        text = QCoreApplication.translate("number_box", "{low} to {high}{unit}")
        return text.format(low=low, high=high, unit=self.suffix())

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Whether a text is a number within the limits, or can become one."""
        state, *_ = super().validate(plain(text), position)
        return state, text, position

    def valueFromText(self, text: str) -> float:
        """The number that a text says."""
        return super().valueFromText(plain(text))

    def fixup(self, text: str) -> str:
        """What was typed is no number within the limits: the last one stays, and they are said.

        Qt's own would take commas out, and make 25 of 0,25.
        """
        self._say()
        return text

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """A key that is refused has the limits said."""
        before = self.lineEdit().text()
        super().keyPressEvent(event)
        if event.text().isprintable() and event.text() and self.lineEdit().text() == before:
            self._say()

    def _say(self) -> None:
        # After the focus has gone elsewhere, perhaps, which hides tips.
        QTimer.singleShot(0, self, self._say_now)

    def _say_now(self) -> None:
        if self.isVisible() and self.limits:
            QToolTip.showText(self.mapToGlobal(QPoint(0, self.height())), self.limits, self)

    def _tell(self) -> None:
        told = "\n".join(part for part in (self._own_tip, self.limits) if part)
        super().setToolTip(told)


class NumberBox(_Bounded, QDoubleSpinBox):
    """A number with decimals."""

    def setDecimals(self, decimals: int) -> None:
        """As the spin box's own."""
        super().setDecimals(decimals)
        self._tell()

    @property
    def limits(self) -> str:
        """With the finest step that is kept."""
        if not self.decimals() or not super().limits:
            return super().limits
        text = QCoreApplication.translate("number_box", "{limits} in steps of {step}")
        return text.format(limits=super().limits, step=f"{10.0 ** -self.decimals():.{self.decimals()}f}")


class CountBox(_Bounded, QSpinBox):  # type: ignore[misc]
    """A whole number."""

    def value(self) -> int:
        """The number."""
        return int(super().value())

    def maximum(self) -> int:
        """The largest that is allowed."""
        return int(super().maximum())
