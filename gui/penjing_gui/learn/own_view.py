"""A lesson that somebody shared: its notes, its plan, its questions; text only, whatever the file holds."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from penjing.project.lesson import OwnLesson
from penjing.report.words import plan_lines, step_titles
from penjing_gui.controls.identity import identify
from penjing_gui.learn.quiz import Quiz
from penjing_gui.theme import SPACE, TITLE

if TYPE_CHECKING:
    from penjing_gui.session import Session

_MOST_LINES = 12


class OwnView(QScrollArea):
    """One lesson of a file."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        identify(self, "learn.own", self.tr("Lesson"))
        self._session = session
        self._lesson: OwnLesson | None = None
        plain = Qt.TextFormat.PlainText
        self.title = identify(QLabel(textFormat=plain, wordWrap=True), "learn.own.title")
        self.about = QLabel(textFormat=plain, wordWrap=True)
        self.about.setProperty("muted", True)
        self.notes = identify(QLabel(textFormat=plain, wordWrap=True), "learn.own.notes")
        self.plan = identify(QLabel(textFormat=plain, wordWrap=True), "learn.own.plan")
        self.apply = identify(QPushButton(self.tr("Apply plan")), "learn.own.apply")
        self.told = QLabel(textFormat=plain, wordWrap=True)
        self.told.setProperty("muted", True)
        self._quizzes = QVBoxLayout()
        self._quizzes.setSpacing(2 * SPACE)
        font = self.title.font()
        font.setPixelSize(TITLE)
        self.title.setFont(font)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, SPACE)
        layout.setSpacing(SPACE + SPACE // 2)
        for widget in (self.title, self.about, self.notes, self.plan):
            layout.addWidget(widget)
        layout.addWidget(self.apply, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self.told)
        layout.addLayout(self._quizzes)
        layout.addStretch(1)
        self.setWidget(content)
        self.apply.clicked.connect(self._apply)

    def show_lesson(self, lesson: OwnLesson) -> None:
        """Another lesson."""
        self._lesson = lesson
        self.title.setText(lesson.title)
        about = [lesson.author, lesson.source]
        self.about.setText(" · ".join(part for part in about if part))
        self.notes.setText(lesson.notes)
        language = self._session.texts.language
        every = self._session.texts.of("report.every_layer")
        lines = [f"{layer or every}: {what}" for layer, what in plan_lines(lesson.plan, language)]
        more = ["…"] if len(lines) > _MOST_LINES else []
        self.plan.setText("\n".join([*lines[:_MOST_LINES], *more, step_titles(lesson.plan, language)]))
        self.told.clear()
        while (item := self._quizzes.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for number, question in enumerate(lesson.questions):
            quiz = Quiz(f"learn.own.{number}")
            quiz.ask(question.text, question.answers, question.right, question.because)
            self._quizzes.addWidget(quiz)
        self.apply.setEnabled(self._session.is_open)
        self.verticalScrollBar().setValue(0)

    def _apply(self) -> None:
        session, lesson = self._session, self._lesson
        if lesson is None or session.graph is None:
            return
        missing = [name for name in lesson.plan.layers if name not in session.graph.by_name]
        if missing:
            text = self.tr("The plan is of another network: it has no layer {layer}.").format(layer=missing[0])
            self.told.setText(f"{text} {lesson.source}".strip())
            return
        session.edit(lesson.plan, self.tr("Apply {name}").format(name=lesson.title))
        self.told.setText(self.tr("The plan is applied. Undo takes it back."))
