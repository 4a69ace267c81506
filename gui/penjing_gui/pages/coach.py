"""Four steps in one line for whoever is here for the first time; it goes with one click and stays away."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

from penjing_gui import icons, theme
from penjing_gui.controls.identity import identify


class CoachStrip(QFrame):
    """Open, drag, teach, export."""

    dismissed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        identify(self, "start.coach", self.tr("First steps"))
        self.setProperty("card", True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(16, 8, 8, 8)
        layout.setSpacing(2 * theme.SPACE)
        steps = (
            self.tr("Open a network and its data"),
            self.tr("Drag the sliders: size and accuracy follow"),
            self.tr("Train, to win accuracy back"),
            self.tr("Export, with the proof that it holds"),
        )
        for number, step in enumerate(steps, start=1):
            sign = QLabel(str(number))
            sign.setAlignment(Qt.AlignmentFlag.AlignCenter)
            sign.setFixedSize(20, 20)
            sign.setProperty("step", True)
            text = QLabel(step)
            text.setWordWrap(True)
            layout.addWidget(sign)
            layout.addWidget(text, 1)
        close = identify(QToolButton(autoRaise=True), "start.coach.dismiss", self.tr("Do not show again"))
        close.setToolTip(self.tr("Do not show again"))
        icons.set_icon(close, "x")
        close.clicked.connect(self.dismissed)
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
