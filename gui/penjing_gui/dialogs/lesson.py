"""Writes a lesson of one's own: the plan of the sliders with a title, notes and questions, as a file to share."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from penjing.errors import UserError
from penjing.project.lesson import (
    LEAST_ANSWERS,
    MOST_ANSWERS,
    MOST_BECAUSE,
    MOST_LINE,
    MOST_NOTES,
    MOST_QUESTIONS,
    SUFFIX,
    OwnLesson,
    OwnQuestion,
    read_lesson,
)
from penjing_gui.controls.identity import identify
from penjing_gui.dialogs.files import choose_new_file
from penjing_gui.notices import Notice
from penjing_gui.settings import write_whole
from penjing_gui.theme import SPACE, set_tone

if TYPE_CHECKING:
    from penjing_gui.session import Session

_BETWEEN = "|"
_LONGEST = 200
"""Characters of title and author."""


class LessonDialog(QDialog):
    """Title, author, notes, one question a row."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        identify(self, "lesson", self.tr("Lesson of your own"))
        self.setWindowTitle(self.tr("Lesson of your own"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(620, 480)
        self.title = identify(QLineEdit(), "lesson.title", self.tr("Title"))
        self.title.setMaxLength(_LONGEST)
        self.author = identify(QLineEdit(), "lesson.author", self.tr("Author"))
        self.author.setMaxLength(_LONGEST)
        for field in (self.title, self.author):
            field.setToolTip(self.tr("At most {count} characters").format(count=_LONGEST))
        self.notes = identify(QPlainTextEdit(), "lesson.notes", self.tr("Notes"))
        self.notes.setTabChangesFocus(True)
        self.notes.setToolTip(self.tr("At most {count} characters").format(count=f"{MOST_NOTES:,}"))
        self.table = identify(QTableWidget(0, 4), "lesson.questions", self.tr("Questions"))
        self.table.setHorizontalHeaderLabels(
            [self.tr("Question"), self.tr("Answers, | between them"), self.tr("Right"), self.tr("Because")]
        )
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.horizontalHeader().setSectionResizeMode(2, QHeaderView.ResizeMode.ResizeToContents)
        self.table.verticalHeader().hide()
        self.table.setTabKeyNavigation(False)
        self.add = identify(QPushButton(self.tr("Add a question")), "lesson.add")
        self.remove = identify(QPushButton(self.tr("Remove")), "lesson.remove")
        self.state = identify(QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True), "lesson.state")
        self.state.setMinimumHeight(2 * self.fontMetrics().lineSpacing())
        standard = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(standard.Save | standard.Cancel)
        self.save = identify(buttons.button(standard.Save), "lesson.save")
        self._lay_out(buttons)
        self.add.clicked.connect(lambda: self.add_row())
        self.remove.clicked.connect(lambda: self.table.removeRow(max(self.table.currentRow(), 0)))
        buttons.accepted.connect(self._choose)
        buttons.rejected.connect(self.reject)
        for changed in (self.title.textChanged, self.notes.textChanged, self.table.itemChanged):
            changed.connect(self._check)
        self._check()

    def _lay_out(self, buttons: QDialogButtonBox) -> None:
        form = QFormLayout()
        form.setVerticalSpacing(SPACE)
        form.addRow(self.tr("Title"), self.title)
        form.addRow(self.tr("Author"), self.author)
        form.addRow(self.tr("Notes"), self.notes)
        line = QHBoxLayout()
        for button in (self.add, self.remove):
            button.setAutoDefault(False)
            line.addWidget(button)
        line.addStretch(1)
        what = QLabel(self.tr("The plan of the sliders goes along; the network and the data do not."), wordWrap=True)
        what.setProperty("muted", True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, SPACE)
        layout.addWidget(what)
        layout.addLayout(form)
        layout.addWidget(self.table, 1)
        layout.addLayout(line)
        layout.addWidget(self.state)
        layout.addWidget(buttons)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Return ends a field, not the writing."""
        if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            super().keyPressEvent(event)

    def add_row(self, question: str = "", answers: str = "", right: str = "1", because: str = "") -> None:
        """A question; `right` counts from 1, as people do."""
        row = self.table.rowCount()
        if row >= MOST_QUESTIONS:
            self._say(self.tr("A lesson has at most {count} questions.").format(count=MOST_QUESTIONS), good=True)
            return
        self.table.insertRow(row)
        for column, text in enumerate((question, answers, right, because)):
            self.table.setItem(row, column, QTableWidgetItem(text))
        self.table.setCurrentCell(row, 0)
        self._check()

    def lesson(self) -> OwnLesson:
        """What the fields say.

        Raises:
            UserError: What is wrong in them, as a file that holds it would be refused.
        """
        questions = tuple(self._question(row) for row in range(self.table.rowCount()))
        source = self._session.source or ""
        made = OwnLesson(
            title=self.title.text().strip(),
            plan=self._session.plan,
            notes=self.notes.toPlainText(),
            # Where a person keeps files is nobody else's business.
            source=source if source.startswith("sample:") else Path(source).name,
            author=self.author.text().strip(),
            questions=questions,
        )
        return read_lesson(made.to_json().encode(), where=self.tr("this lesson"))

    def _question(self, row: int) -> OwnQuestion:
        cells = [item.text().strip() if (item := self.table.item(row, column)) else "" for column in range(4)]
        text, answers, right, because = cells
        place = int(right) - 1 if right.isascii() and right.isdigit() else -1
        parts = tuple(part.strip() for part in answers.split(_BETWEEN) if part.strip())
        wrong = ""
        if not text:
            wrong = self.tr("question {number}: it asks nothing")
        elif not LEAST_ANSWERS <= len(parts) <= MOST_ANSWERS:
            wrong = self.tr("question {number}: it needs {least} to {most} answers, with | between them")
        elif not 0 <= place < len(parts):
            wrong = self.tr("question {number}: Right is the number of an answer, from 1")
        elif max(map(len, (text, *parts))) > MOST_LINE:
            wrong = self.tr("question {number}: question and answers have at most {length} characters each")
        elif len(because) > MOST_BECAUSE:
            wrong = self.tr("question {number}: Because has at most {reason} characters")
        if wrong:
            limits = {"least": LEAST_ANSWERS, "most": MOST_ANSWERS, "length": MOST_LINE, "reason": MOST_BECAUSE}
            said = wrong.format(number=row + 1, **limits)
            raise UserError("lesson.invalid", where=self.tr("this lesson"), detail=said)
        return OwnQuestion(text=text, answers=parts, right=place, because=because)

    def _check(self, *_: object) -> None:
        if not self.title.text().strip():
            self._say(self.tr("A lesson needs a title."), good=False)
            return
        if len(self.notes.toPlainText()) > MOST_NOTES:
            self._say(self.tr("The notes have at most {count} characters.").format(count=f"{MOST_NOTES:,}"), good=False)
            return
        try:
            self.lesson()
        except UserError as error:
            self._say(error.message(self._session.texts.language), good=False)
        else:
            self._say(self.tr("Ready to save."), good=True)

    def _say(self, text: str, *, good: bool) -> None:
        self.state.setText(text)
        self.state.setAccessibleName(text)
        set_tone(self.state, "" if good else "warning")
        self.save.setEnabled(good)

    def _choose(self) -> None:
        kinds = f"{self.tr('Penjing lessons')} (*{SUFFIX})"
        path = str(Path.home() / f"lesson{SUFFIX}")
        choose_new_file(self, self.tr("Save the lesson"), kinds, path, SUFFIX[1:], self.write)

    def write(self, path: str) -> None:
        """Write the file and close; a disk that refuses costs a line."""
        session = self._session
        try:
            write_whole(Path(path), self.lesson().to_json().encode())
        except OSError as error:
            text = self.tr("The file was not written: {error}.").format(error=session.texts.refusal(error))
            self._say(text, good=True)
            return
        session.noticed.emit(Notice(text=self.tr("The lesson is saved: {path}").format(path=path), key="save"))
        self.accept()
