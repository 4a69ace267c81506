"""Learn: a lesson for every method, a guided course through them, and lessons that people share as files."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from penjing.catalogue.methods import Kind
from penjing.errors import UserError
from penjing.project.lesson import SUFFIX, open_lesson
from penjing_gui.controls.identity import identify
from penjing_gui.dialogs.files import choose_file
from penjing_gui.learn import progress
from penjing_gui.learn.lesson_view import LessonView
from penjing_gui.learn.lessons import FIRST, course, lesson, outline
from penjing_gui.learn.own_view import OwnView
from penjing_gui.theme import SPACE

if TYPE_CHECKING:
    from penjing_gui.session import Session

_ROW = 26
_WIDTH = 272
_KEY = Qt.ItemDataRole.UserRole
_STEP = Qt.ItemDataRole.UserRole + 1
_TITLE = Qt.ItemDataRole.UserRole + 2


class LearnPage(QWidget):
    """The list on the left, the lesson on the right; in the course a bar above it says where one is and what to do."""

    page_wanted = Signal(str)
    """The tab that shows what a lesson is about."""
    sample_wanted = Signal(str)
    """A sample that the course goes on with; what is unsaved is asked about by who opens it."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.course = course(session.texts.language)
        self._progress = progress.load()
        self.list = identify(QListWidget(), "learn.list", self.tr("Lessons"))
        self.list.setFixedWidth(_WIDTH)
        self.list.setFrameShape(QListWidget.Shape.NoFrame)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.open_own = identify(QPushButton(self.tr("Open a lesson…")), "learn.openOwn")
        self.write_own = identify(QPushButton(self.tr("Write a lesson…")), "learn.writeOwn")
        self.view = LessonView(session)
        self.own = OwnView(session)
        self.stack = QStackedWidget()
        self.bar = QFrame()
        self.place = identify(QLabel(textFormat=Qt.TextFormat.PlainText), "learn.course.place")
        self.task = identify(QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True), "learn.course.task")
        self.sample = identify(QPushButton(), "learn.course.sample")
        self.back = identify(QPushButton(self.tr("Back")), "learn.course.back")
        self.next = identify(QPushButton(self.tr("Next")), "learn.course.next")
        self._lay_out()
        self._fill()
        self.list.currentItemChanged.connect(self._show)
        self.view.page_wanted.connect(self.page_wanted)
        self.view.quiz.answered.connect(self._answered)
        self.open_own.clicked.connect(self._ask_own)
        self.write_own.clicked.connect(self._write_own)
        self.back.clicked.connect(lambda: self._move(-1))
        self.next.clicked.connect(lambda: self._move(1))
        self.sample.clicked.connect(self._open_sample)
        session.opened.connect(self._enable)
        session.closed.connect(self._enable)
        self._enable()
        self._choose(self._progress.lesson or FIRST, self._progress.step)

    def _lay_out(self) -> None:
        left = QVBoxLayout()
        left.setContentsMargins(SPACE, 0, 0, SPACE)
        left.setSpacing(SPACE // 2)
        left.addWidget(self.list, 1)
        for button in (self.open_own, self.write_own):
            left.addWidget(button)
        self.bar.setObjectName("learn.course.bar")
        self.bar.setAutoFillBackground(True)
        bar = QVBoxLayout(self.bar)
        bar.setContentsMargins(2 * SPACE, SPACE, 2 * SPACE, SPACE)
        head = QHBoxLayout()
        head.addWidget(self.place, 1)
        for button in (self.sample, self.back, self.next):
            head.addWidget(button)
        bar.addLayout(head)
        bar.addWidget(self.task)
        self.stack.addWidget(self.view)
        self.stack.addWidget(self.own)
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addWidget(self.bar)
        right.addWidget(self.stack, 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(left)
        layout.addLayout(right, 1)

    def _fill(self) -> None:
        language = self._session.texts.language
        self._item(lesson(FIRST, language).title, key=FIRST)
        self._course_heading = self._heading("")
        for number, step in enumerate(self.course):
            title = lesson(step.lesson, language).title
            self._item(f"{number + 1}. {title}", key=step.lesson, step=number)
        titles = self._titles()
        for kind, keys in outline().items():
            self._heading(titles[kind])
            for key in keys:
                self._item(lesson(key, language).title, key=key)
        self._mark()

    def _item(self, title: str, *, key: str, step: int | None = None) -> None:
        item = QListWidgetItem(title)
        item.setToolTip(title)
        item.setData(_TITLE, title)
        item.setData(_KEY, key)
        item.setData(_STEP, step)
        item.setSizeHint(QSize(0, _ROW))
        self.list.addItem(item)

    def _heading(self, title: str) -> QListWidgetItem:
        item = QListWidgetItem(title)
        item.setFlags(Qt.ItemFlag.NoItemFlags)
        font = item.font()
        font.setWeight(font.Weight.DemiBold)
        item.setFont(font)
        item.setSizeHint(QSize(0, _ROW + SPACE))
        self.list.addItem(item)
        return item

    def _titles(self) -> dict[Kind, str]:
        return {
            "criterion": self.tr("Which weights go"),
            "filter_criterion": self.tr("Which filters go"),
            "scope": self.tr("Where they are counted"),
            "schedule": self.tr("How fast they go"),
            "setting": self.tr("What a layer can do"),
            "scheme": self.tr("How numbers become integers"),
            "granularity": self.tr("How many scales"),
            "calibrator": self.tr("How ranges are found"),
            "rounding": self.tr("How weights are rounded"),
            "step": self.tr("Steps of a plan"),
            "variant": self.tr("Ways to do a step"),
            "loss": self.tr("How a teacher teaches"),
            "input_saliency": self.tr("Where a network looks"),
            "format": self.tr("Files that can be written"),
        }

    def _choose(self, key: str, step: int | None) -> None:
        rows = [row for row in range(self.list.count()) if self.list.item(row).data(_KEY) == key]
        same = [row for row in rows if self.list.item(row).data(_STEP) == step]
        self.list.setCurrentRow((same or rows or [0])[0])

    def _answered(self) -> None:
        """A question was answered right: that counts in the course and outside it."""
        item: QListWidgetItem | None = self.list.currentItem()
        key = "" if item is None else item.data(_KEY)
        if key and key not in self._progress.right:
            self._remember(right=(*self._progress.right, key))
            self._mark()

    def _mark(self) -> None:
        """Tick what was answered right."""
        right = self._progress.right
        for row in range(self.list.count()):
            item = self.list.item(row)
            if (key := item.data(_KEY)) is not None:
                item.setText(f"{item.data(_TITLE)}  ✓" if key in right else item.data(_TITLE))
        minutes = sum(step.minutes for step in self.course)
        done = sum(step.lesson in right for step in self.course)
        text = self.tr("Course, {minutes} minutes: {done} of {count}")
        self._course_heading.setText(text.format(minutes=minutes, done=done, count=len(self.course)))

    def _remember(self, **changes: Any) -> None:
        self._progress = msgspec.structs.replace(self._progress, **changes)
        progress.keep(self._progress)

    def _show(self) -> None:
        item: QListWidgetItem | None = self.list.currentItem()
        if item is None:
            self.bar.setVisible(False)
            return
        self.stack.setCurrentWidget(self.view)
        self.view.show_lesson(lesson(item.data(_KEY), self._session.texts.language))
        number = item.data(_STEP)
        if (item.data(_KEY), number) != (self._progress.lesson, self._progress.step):
            self._remember(lesson=item.data(_KEY), step=number)
        self.bar.setVisible(number is not None)
        if number is not None:
            step = self.course[number]
            self.place.setText(
                self.tr("Step {number} of {count}, about {minutes} minutes").format(
                    number=number + 1, count=len(self.course), minutes=step.minutes
                )
            )
            self.task.setText(step.task)
            self._enable()

    @property
    def _step(self) -> int | None:
        item: QListWidgetItem | None = self.list.currentItem()
        return None if item is None else item.data(_STEP)

    def _move(self, by: int) -> None:
        wanted = (self._step or 0) + by
        for row in range(self.list.count()):
            if self.list.item(row).data(_STEP) == wanted:
                self.list.setCurrentRow(row)

    def _enable(self) -> None:
        self.write_own.setEnabled(self._session.is_open)
        number = self._step
        if number is None:
            return
        step = self.course[number]
        is_open = self._session.source == f"sample:{step.sample}"
        self.sample.setText(
            self.tr("{sample} is open").format(sample=step.sample)
            if is_open
            else self.tr("Open {sample}").format(sample=step.sample)
        )
        self.sample.setEnabled(not is_open)
        self.back.setEnabled(number > 0)
        self.next.setEnabled(number + 1 < len(self.course))

    def _open_sample(self) -> None:
        number = self._step
        if number is not None:
            self.sample_wanted.emit(f"sample:{self.course[number].sample}")

    def _ask_own(self) -> None:
        kinds = f"{self.tr('Penjing lessons')} (*{SUFFIX})"
        choose_file(self, self.tr("Open a lesson"), kinds, str(Path.home()), self.open_file)

    def open_file(self, path: str) -> None:
        """Show a lesson that somebody shared; a file that is none costs a notice."""
        try:
            found = open_lesson(Path(path))
        except UserError as error:
            self._session.noticed.emit(self._session.texts.error(error, key="lesson"))
            return
        self.list.setCurrentRow(-1)
        self.list.clearSelection()
        self.bar.setVisible(False)
        self.own.show_lesson(found)
        self.stack.setCurrentWidget(self.own)

    def _write_own(self) -> None:
        from penjing_gui.dialogs.lesson import LessonDialog

        LessonDialog(self._session, self.window()).open()
