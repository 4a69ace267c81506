"""Learn by mouse and keys: a lesson with this network's numbers, Try it and undo, a question, the course, own files."""

import json
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QPoint, Qt
from PySide6.QtWidgets import (
    QDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QPlainTextEdit,
    QPushButton,
    QRadioButton,
    QTabWidget,
)
from pytestqt.qtbot import QtBot

from penjing.plan import Plan
from penjing.project.lesson import OwnLesson, OwnQuestion
from penjing_gui.dialogs.lesson import LessonDialog
from penjing_gui.learn.lessons import lesson
from penjing_gui.main_window import MainWindow
from penjing_gui.pages.learn import LearnPage
from tests.gui.conftest import Recorder
from tests.support.hands import choose_tab, click, find, type_over


def _open(qtbot: QtBot, window: MainWindow, patience: int) -> LearnPage:
    with qtbot.waitSignal(window.session.opened, timeout=patience):
        click(find(window, "start.sample.digits"))
    choose_tab(find(window, "tabs.main", QTabWidget), "Learn")
    return window.findChild(LearnPage)


def _choose(window: MainWindow, title: str) -> None:
    items = find(window, "learn.list", QListWidget)
    item = items.findItems(title, Qt.MatchFlag.MatchExactly)[-1]
    items.scrollToItem(item)
    click(items.viewport(), items.visualItemRect(item).center())
    assert items.currentItem() is item


def test_that_a_lesson_is_read_tried_undone_and_answered(qtbot: QtBot, window: MainWindow, patience: int) -> None:
    page = _open(qtbot, window, patience)
    session = window.session
    assert "48.50 dB" in find(window, "learn.numbers", QLabel).text()
    session.select(["conv2"])
    _choose(window, "LAMP")
    numbers = find(window, "learn.numbers", QLabel)
    # LeNet-5's conv2 has 16 · 6 · 25 weights.
    qtbot.waitUntil(lambda: "conv2: 2400 weights; half of them go: 1200" in numbers.text(), timeout=patience)
    before = session.plan
    click(find(window, "learn.try", QPushButton))
    assert session.plan.settings("conv2").criterion == "lamp"
    assert session.plan.settings("conv2").sparsity >= 0.5
    assert "conv2" in find(window, "learn.told", QLabel).text()
    session.undo_stack.undo()
    assert session.plan == before
    verdict = find(window, "learn.verdict", QLabel)
    for number in (0, 2):
        page.view.ensureWidgetVisible(find(window, f"learn.answer.{number}", QRadioButton))
        QCoreApplication.processEvents()
        answer = find(window, f"learn.answer.{number}", QRadioButton)
        click(answer, QPoint(8, answer.height() // 2))
        if number == 0:
            assert verdict.text().startswith("Not quite")
    assert verdict.text().startswith("Right. Only itself is at least as large")
    # What belongs to no method of its own has a lesson, too; LeNet-5 has no batch norm.
    _choose(window, "Batch norm folding")
    qtbot.waitUntil(lambda: "conv2 has no batch norm behind it" in numbers.text(), timeout=patience)
    assert "ŵ₁₁ = " in numbers.text() and " · 1 = " in numbers.text()


def test_that_the_course_leads_from_step_to_step_and_opens_its_samples(
    qtbot: QtBot, window: MainWindow, patience: int
) -> None:
    page = _open(qtbot, window, patience)
    _choose(window, "3. Filter ℓ₁ norm")
    place, sample = find(window, "learn.course.place", QLabel), find(window, "learn.course.sample", QPushButton)
    assert place.text().startswith("Step 3 of 12")
    assert not sample.isEnabled() and sample.text() == "digits is open"
    click(find(window, "learn.course.next", QPushButton))
    assert place.text().startswith("Step 4 of 12")
    assert "Hover a filter" in find(window, "learn.course.task", QLabel).text()
    assert find(window, "learn.title", QLabel).text() == "Coupled channels"
    with qtbot.waitSignal(window.session.opened, timeout=patience):
        click(sample)
    assert window.session.source == "sample:watch"
    assert not page.sample.isEnabled()


def test_that_what_was_learnt_is_remembered_by_the_next_window(
    qtbot: QtBot, window: MainWindow, patience: int, penjing_home: Path
) -> None:
    page = _open(qtbot, window, patience)
    _choose(window, "2. Weight magnitude")
    asked = lesson("criterion.magnitude", "en").question
    answers = [find(window, f"learn.answer.{number}", QRadioButton) for number in range(len(asked.answers))]
    wrong = next(number for number in range(len(answers)) if number != asked.right)
    heading = page.list.findItems("Course,", Qt.MatchFlag.MatchStartsWith)[0]
    for number, done in ((wrong, 0), (asked.right, 1)):
        page.view.ensureWidgetVisible(answers[number])
        QCoreApplication.processEvents()
        click(answers[number], QPoint(8, answers[number].height() // 2))
        assert heading.text().endswith(f"minutes: {done} of 12")
    # Ticked in the course and in its own place.
    assert len(page.list.findItems("Weight magnitude  ✓", Qt.MatchFlag.MatchEndsWith)) == 2

    again = LearnPage(window.session)
    qtbot.addWidget(again)
    assert again.list.currentItem().text() == "2. Weight magnitude  ✓"
    assert again.place.text().startswith("Step 2 of 12")
    assert again.list.findItems("Course,", Qt.MatchFlag.MatchStartsWith)[0].text().endswith("1 of 12")
    (penjing_home / "lessons.json").write_text('{"right": 3}')
    fresh = LearnPage(window.session)
    qtbot.addWidget(fresh)
    assert fresh.list.currentRow() == 0 and fresh.list.findItems("✓", Qt.MatchFlag.MatchContains) == []


def test_that_a_teacher_writes_a_lesson_and_a_student_opens_it(
    qtbot: QtBot, window: MainWindow, record: Callable[..., Recorder], tmp_path: Path, patience: int
) -> None:
    page = _open(qtbot, window, patience)
    session = window.session
    heard = record(session)
    session.set_layer(["fc1"], "cut", sparsity=0.75)
    taught = session.plan
    click(find(window, "learn.writeOwn", QPushButton))
    dialog = find(window, "lesson", QDialog)
    qtbot.waitExposed(dialog)
    assert isinstance(dialog, LessonDialog)
    save = find(dialog, "lesson.save", QPushButton)
    assert not save.isEnabled() and "title" in find(dialog, "lesson.state", QLabel).text()
    type_over(find(dialog, "lesson.title", QLineEdit), "<b>fc1</b>")
    find(dialog, "lesson.notes", QPlainTextEdit).setPlainText("Look at <i>RAM</i>.")
    click(find(dialog, "lesson.add", QPushButton))
    state = find(dialog, "lesson.state", QLabel)
    assert not save.isEnabled() and "question 1: it asks nothing" in state.text()
    for column, text in enumerate(("What is 1 & 1?", "two | three", "9", "By counting.")):
        dialog.table.item(0, column).setText(text)
    assert not save.isEnabled() and "question 1" in state.text()
    dialog.table.item(0, 2).setText("1")
    assert save.isEnabled()
    path = tmp_path / "own.penjinglesson"
    dialog.write(str(path))
    assert json.loads(path.read_text())["source"] == "sample:digits"

    session.undo_stack.undo()
    assert session.plan != taught
    page.open_file(str(path))
    assert find(window, "learn.own.title", QLabel).text() == "<b>fc1</b>"
    assert find(window, "learn.own.notes", QLabel).textFormat() == Qt.TextFormat.PlainText
    click(find(window, "learn.own.apply", QPushButton))
    assert session.plan == taught
    answer = find(window, "learn.own.0.answer.0", QRadioButton)
    page.own.ensureWidgetVisible(answer)
    QCoreApplication.processEvents()
    click(answer, QPoint(8, answer.height() // 2))
    assert find(window, "learn.own.0.verdict", QLabel).text() == "Right. By counting."
    heard.no_errors()


def test_that_a_lesson_for_another_network_or_a_broken_one_changes_nothing(
    qtbot: QtBot, window: MainWindow, record: Callable[..., Recorder], tmp_path: Path, patience: int
) -> None:
    page = _open(qtbot, window, patience)
    heard, before = record(window.session), window.session.plan
    other = OwnLesson(
        title="Other", plan=Plan().with_layer("block9", sparsity=0.5), source="net.onnx",
        questions=(OwnQuestion(text="?", answers=("a", "b"), right=0),),
    )  # fmt: skip
    (tmp_path / "other.penjinglesson").write_text(other.to_json())
    page.open_file(str(tmp_path / "other.penjinglesson"))
    click(find(window, "learn.own.apply", QPushButton))
    assert window.session.plan == before and "block9" in page.own.told.text()
    (tmp_path / "broken.penjinglesson").write_text("{")
    page.open_file(str(tmp_path / "broken.penjinglesson"))
    assert "broken.penjinglesson" in heard.only().text
    assert find(window, "learn.own.title", QLabel).text() == "Other"


def test_that_try_it_leads_to_the_page_where_there_is_nothing_to_edit(
    qtbot: QtBot, window: MainWindow, patience: int
) -> None:
    _open(qtbot, window, patience)
    _choose(window, "Grad-CAM")
    before = window.session.plan
    click(find(window, "learn.try", QPushButton))
    assert window.workbench.tab == "explore" and window.session.plan == before
