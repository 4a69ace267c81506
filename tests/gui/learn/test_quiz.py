"""A question is judged however its answer is chosen."""

from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from penjing_gui.learn.quiz import Quiz


def test_that_an_answer_that_an_assistive_tool_chooses_is_judged(qtbot: QtBot, qapp: QApplication) -> None:
    quiz = Quiz()
    qtbot.addWidget(quiz)
    quiz.ask("Which?", ("this", "that", "none"), 1, "Because.")
    heard: list[bool] = []
    quiz.answered.connect(lambda: heard.append(True))
    for number, said in ((0, "Not quite; try another answer."), (1, "Right. Because.")):
        actions = QAccessible.queryAccessibleInterface(quiz.answers[number]).actionInterface()
        name = next(one for one in actions.actionNames() if one in ("Toggle", "Press"))
        actions.doAction(name)
        assert quiz.verdict.text() == quiz.verdict.accessibleName() == said
    assert heard == [True]
    quiz.ask("Another?", ("a", "b"), 0, "")
    assert quiz.verdict.text() == "" and heard == [True]
