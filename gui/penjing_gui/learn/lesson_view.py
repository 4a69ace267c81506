"""One lesson: a sentence, a picture and the formula with this network's numbers, Try it, a question."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from penjing.assets import phrase
from penjing.errors import UserError
from penjing_gui.controls.identity import identify
from penjing_gui.learn.gathering import Gatherer
from penjing_gui.learn.lessons import FIRST, Lesson
from penjing_gui.learn.picture import PictureView
from penjing_gui.learn.quiz import Quiz
from penjing_gui.learn.tries import tried
from penjing_gui.learn.worked import NotYet, Worked, example_of, needs
from penjing_gui.learn.worked_pruning import nine
from penjing_gui.theme import HEADING, SPACE, TITLE

if TYPE_CHECKING:
    from penjing_gui.session import Session


class LessonView(QScrollArea):
    """Shows a lesson of the catalogue."""

    page_wanted = Signal(str)
    """The tab that shows what the lesson is about."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        identify(self, "learn.lesson", self.tr("Lesson"))
        self._session = session
        self._lesson: Lesson | None = None
        self._gatherer = Gatherer(session, self)
        plain = Qt.TextFormat.PlainText
        self.title = identify(QLabel(textFormat=plain, wordWrap=True), "learn.title")
        self.sentence = identify(QLabel(textFormat=plain, wordWrap=True), "learn.sentence")
        self.picture = identify(PictureView(), "learn.picture", self.tr("Worked example"))
        self.formula = identify(QLabel(textFormat=plain, wordWrap=True), "learn.formula")
        self.numbers = identify(QLabel(textFormat=plain, wordWrap=True), "learn.numbers")
        self.source = QLabel(textFormat=plain, wordWrap=True)
        self.source.setProperty("muted", True)
        self.try_it = identify(QPushButton(self.tr("Try it")), "learn.try")
        self.told = identify(QLabel(textFormat=plain, wordWrap=True), "learn.told")
        self.told.setProperty("muted", True)
        self.quiz = Quiz()
        self._lay_out()
        self.try_it.clicked.connect(self._try)
        self._gatherer.arrived.connect(self._draw)
        session.opened.connect(self._ask)
        session.closed.connect(self._ask)
        session.selection_changed.connect(self._ask)
        session.plan_changed.connect(self._draw)
        session.figures_changed.connect(self._draw)

    def _lay_out(self) -> None:
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for label, size in ((self.title, TITLE), (self.sentence, HEADING)):
            font = label.font()
            font.setPixelSize(size)
            label.setFont(font)
        for label in (self.formula, self.numbers):
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.formula.setStyleSheet("font-family: monospace; font-size: 13px")
        row = QHBoxLayout()
        row.addWidget(self.try_it)
        row.addWidget(self.told, 1)
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, SPACE)
        layout.setSpacing(SPACE + SPACE // 2)
        for widget in (self.title, self.sentence, self.picture, self.formula, self.numbers, self.source):
            layout.addWidget(widget)
        layout.addLayout(row)
        layout.addWidget(self.quiz)
        layout.addStretch(1)
        self.setWidget(content)

    def show_lesson(self, lesson: Lesson) -> None:
        """Another lesson."""
        self._lesson = lesson
        method = lesson.method
        language = self._session.texts.language
        self.title.setText(lesson.title)
        self.sentence.setText(lesson.sentence)
        self.formula.setText("" if method is None else phrase(method.formula, language=language))
        self.formula.setVisible(bool(self.formula.text()))
        source = "" if method is None else phrase(method.source, language=language)
        self.source.setText(self.tr("Source: {source}").format(source=source) if source else "")
        self.source.setVisible(bool(source))
        self.told.clear()
        asked = lesson.question
        self.quiz.ask(asked.text, asked.answers, asked.right, asked.because)
        self.verticalScrollBar().setValue(0)
        self._ask()

    def _ask(self) -> None:
        if self._lesson is not None:
            self._gatherer.ask(needs(self._lesson.key))
            self._draw()

    def _draw(self, *_: object) -> None:
        lesson = self._lesson
        if lesson is None or not self.isVisible():
            return
        found = self._worked(lesson)
        self.picture.show_pictures(found.pictures)
        self.picture.setVisible(bool(found.pictures))
        self.numbers.setText("\n".join(found.lines))
        self.try_it.setEnabled(self._session.is_open)

    def _worked(self, lesson: Lesson) -> Worked:
        if lesson.key == FIRST:
            return nine()
        material = self._gatherer.material()
        if not self._session.is_open:
            return Worked((), (self.tr("Open a network or try a sample: the example is made of its numbers."),))
        if material is None:
            return Worked((), (self.tr("The numbers are on their way…"),))
        try:
            return example_of(lesson.key)(material)
        except NotYet:
            if self._session.data is None:
                return Worked((), (self.tr("This example needs data. Open data for the network."),))
            return Worked((), (self.tr("The numbers are on their way…"),))

    def showEvent(self, event: object) -> None:
        """What changed while another tab was in front."""
        super().showEvent(event)  # type: ignore[arg-type]
        self._draw()

    def _try(self) -> None:
        session, lesson = self._session, self._lesson
        if lesson is None or session.layer is None:
            return
        try:
            plan = tried(lesson.key, session.plan, session.layer)
        except UserError as error:
            session.noticed.emit(session.texts.error(error, key="plan"))
            return
        if plan is None:
            self.page_wanted.emit("explore")
            return
        if plan == session.plan:
            self.told.setText(self.tr("The plan does this already."))
            return
        session.edit(plan, self.tr("Try {name}").format(name=lesson.title))
        self.told.setText(self.tr("Done on {layer}: look at Explore. Undo takes it back.").format(layer=session.layer))
