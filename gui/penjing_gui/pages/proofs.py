"""The files of an export with their real bytes, and every proof with what it found."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from penjing.report.words import rung_name
from penjing.results import ExportedFile, RunResult
from penjing_gui import words
from penjing_gui.controls.identity import identify
from penjing_gui.texts import Texts
from penjing_gui.theme import SPACE, Tone, set_tone

MARKS = {True: "✓", False: "✕", None: "○"}
"""Never colour alone."""
_TONES: dict[bool | None, Tone] = {True: "good", False: "error", None: "muted"}
MOST_FILES = 8
"""Of one folder that are told one by one."""


class Proofs(QScrollArea):
    """Two lists; a new export replaces them."""

    def __init__(self, texts: Texts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._texts = texts
        identify(self, "export.proofs", self.tr("Files and proofs"))
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.show_result(None)

    def show_result(self, result: RunResult | None) -> None:
        """Show an export, or nothing."""
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(0, 0, SPACE, 0)
        layout.setSpacing(SPACE)
        if result is not None:
            layout.addLayout(self._files(result))
            layout.addLayout(self._rungs(result))
        layout.addStretch(1)
        self.setWidget(inside)
        # A scroll area gives its widget the colour of a window; here the card is to be seen behind it.
        for widget in (self.viewport(), inside):
            widget.setAutoFillBackground(False)

    def _files(self, result: RunResult) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(2 * SPACE)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(0, 1)
        for row, (path, count) in enumerate(self._gathered(result.files)):
            name = _label(path)
            name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            grid.addWidget(name, row, 0)
            exact = self.tr("{count} bytes").format(count=f"{count:,}")
            for column, text in enumerate((exact, words.size(count)), start=1):
                label = _label(text, muted=column == 1)
                label.setAlignment(Qt.AlignmentFlag.AlignRight)
                grid.addWidget(label, row, column)
        return grid

    def _gathered(self, files: Sequence[ExportedFile]) -> list[tuple[str, int]]:
        """Paths with their bytes; a folder of many files is one line."""
        folders = Counter(str(Path(file.path).parent) for file in files)
        found: dict[str, int] = {}
        for file in files:
            folder = str(Path(file.path).parent)
            many = folders[folder] > MOST_FILES and folder != "."
            name = self.tr("{folder}: {count} files").format(folder=folder, count=folders[folder])
            path = name if many else file.path
            found[path] = found.get(path, 0) + file.bytes
        return list(found.items())

    def _rungs(self, result: RunResult) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE)
        grid.setVerticalSpacing(0)
        grid.setColumnStretch(1, 1)
        for number, rung in enumerate(result.verdict.rungs):
            mark = _label(MARKS[rung.passed])
            set_tone(mark, _TONES[rung.passed])
            detail = _label(rung.detail, muted=True)
            detail.setWordWrap(True)
            detail.setContentsMargins(0, 0, 0, 6)
            grid.addWidget(mark, 2 * number, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(_label(rung_name(rung.name, self._texts.language)), 2 * number, 1)
            grid.addWidget(detail, 2 * number + 1, 1)
        return grid


def _label(text: str, *, muted: bool = False) -> QLabel:
    label = QLabel(text, textFormat=Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setProperty("muted", muted)
    return label
