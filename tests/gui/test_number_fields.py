"""Every field for a number says its limits, refuses what is beyond them by saying them, and reads a decimal comma."""

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QToolTip, QWidget
from pytestqt.qtbot import QtBot

from penjing_gui.controls.number_box import CountBox, NumberBox
from penjing_gui.main_window import MainWindow
from tests.gui.test_screenshots import dialogs
from tests.support import said
from tests.support.hands import press

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def box(qtbot: QtBot) -> NumberBox:
    made = NumberBox()
    qtbot.addWidget(made)
    made.setDecimals(2)
    made.setRange(0.1, 4096)
    made.setSuffix(" KiB")
    made.setToolTip("What it may take")
    made.setValue(7)
    with qtbot.waitExposed(made):
        made.show()
    made.setFocus()
    return made


def put(box: QAbstractSpinBox, text: str, *, paste: bool = False) -> None:
    """Replace what a field holds by keys or from the clipboard, and confirm."""
    box.selectAll()
    if paste:
        QGuiApplication.clipboard().setText(text)
        press(box, Qt.Key.Key_V, CTRL)
    else:
        QTest.keyClicks(box, text)
    press(box, Qt.Key.Key_Return)


def heard(box: QAbstractSpinBox) -> bool:
    """Whether the field has just said its limits."""
    QApplication.processEvents()
    return QToolTip.isVisible() and QToolTip.text() == box.limits  # type: ignore[attr-defined]


@pytest.mark.parametrize("paste", [False, True])
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0,25", 0.25),
        ("12,5", 12.5),
        ("1,000", 1000.0),
        ("1,000.5", 1000.5),
        ("3.5", 3.5),
        ("0,001", 7.0),
    ],
)
def test_that_a_comma_is_a_point_but_where_it_groups_thousands(
    box: NumberBox, text: str, value: float, paste: bool
) -> None:
    put(box, text, paste=paste)
    assert box.value() == pytest.approx(value)


@pytest.mark.parametrize("text", ["99999", "nan", "-3", "1e4", "hello", "7" * 5000, "∞", "<b>1</b>"])
def test_that_what_is_beyond_the_limits_changes_nothing_and_has_them_said(box: NumberBox, text: str) -> None:
    put(box, text, paste=True)
    assert box.value() == 7.0 and heard(box)
    assert box.limits == "0.1 to 4,096 KiB in steps of 0.01" and box.toolTip() == f"What it may take\n{box.limits}"


def test_that_a_key_that_is_refused_has_the_limits_said(box: NumberBox) -> None:
    box.selectAll()
    QTest.keyClicks(box, "409")
    assert not heard(box)
    QTest.keyClicks(box, "99")
    assert heard(box) and box.value() == 409


def test_that_a_number_too_small_to_stand_is_taken_back_with_the_limits_said(box: NumberBox) -> None:
    put(box, "0")
    assert box.value() == 7.0 and heard(box)


def test_that_a_whole_number_takes_no_decimals(qtbot: QtBot) -> None:
    box = CountBox()
    qtbot.addWidget(box)
    box.setRange(1, 64)
    with qtbot.waitExposed(box):
        box.show()
    box.setValue(5)
    box.setFocus()
    put(box, "2.5", paste=True)
    assert box.value() == 5 and heard(box) and box.limits == "1 to 64"


def test_that_every_number_field_of_the_window_says_its_limits(bench: MainWindow) -> None:
    bench.workbench.build()
    session = bench.session
    session.set_budgets(msgspec.structs.replace(session.budgets, flash_bytes=16 << 10))
    taught = msgspec.structs.replace(session.plan.distillation, feature=0.5)
    session.edit(msgspec.structs.replace(session.plan, distillation=taught), "what dialogs are for")
    wrong: list[str] = []
    count = 0

    def look(root: QWidget) -> None:
        nonlocal count
        for one in root.findChildren(QAbstractSpinBox):
            count += 1
            known = isinstance(one, NumberBox | CountBox)
            if not known or one.limits not in one.toolTip() or not (one.limits or root is bench):
                wrong.append(said.place(one))

    look(bench)
    for _, dialog in dialogs(bench):
        look(dialog)
        for one in dialog.findChildren(QAbstractSpinBox):
            if one.isVisible() and one.isEnabled():
                one.setFocus()
                press(one, Qt.Key.Key_Return)
                assert dialog.isVisible(), f"Return in {said.place(one)} closes its dialog"
        dialog.reject()
    assert count > 25 and not wrong
