"""A question with its answers; the one that is chosen is judged at once, with the reason."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QLabel, QRadioButton, QVBoxLayout, QWidget

from penjing_gui import theme
from penjing_gui.controls.identity import identify
from penjing_gui.theme import SPACE

MOST_ANSWERS = 6


class Quiz(QWidget):
    """One question."""

    answered = Signal()
    """Right."""

    def __init__(self, prefix: str = "learn", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._right, self._because = 0, ""
        self.question = identify(QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True), f"{prefix}.question")
        self.verdict = identify(QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True), f"{prefix}.verdict")
        self.answers = [identify(QRadioButton(), f"{prefix}.answer.{number}") for number in range(MOST_ANSWERS)]
        self._group = QButtonGroup(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE // 2)
        layout.addWidget(self.question)
        for number, answer in enumerate(self.answers):
            self._group.addButton(answer, number)
            layout.addWidget(answer)
        layout.addWidget(self.verdict)
        self.verdict.setMinimumHeight(2 * self.fontMetrics().lineSpacing())
        self.verdict.setAlignment(Qt.AlignmentFlag.AlignTop)
        # Assistive tools turn a choice on and click nothing.
        self._group.idToggled.connect(self._judge)

    def ask(self, text: str, answers: Sequence[str], right: int, because: str) -> None:
        """Another question, not answered yet."""
        self._right, self._because = right, because
        self.question.setText(text)
        self._group.setExclusive(False)
        for number, button in enumerate(self.answers):
            button.setChecked(False)
            button.setVisible(number < len(answers))
            # An ampersand of a text is no letter to press.
            button.setText(answers[number].replace("&", "&&") if number < len(answers) else "")
        self._group.setExclusive(True)
        self._say("", "")

    def _judge(self, chosen: int, on: bool) -> None:
        if not on:
            return
        if chosen == self._right:
            self.answered.emit()
            self._say(self.tr("Right. {because}").format(because=self._because), "good")
        else:
            self._say(self.tr("Not quite; try another answer."), "warning")

    def _say(self, text: str, tone: theme.Tone) -> None:
        self.verdict.setText(text)
        self.verdict.setAccessibleName(text)
        theme.set_tone(self.verdict, tone)
