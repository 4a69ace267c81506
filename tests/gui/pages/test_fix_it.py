"""Over budget: [Fix it…] in the Fit dock offers remedies with their figures; one click, one undo step."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from penjing.estimation.exact import figures
from penjing.plan import Plan
from penjing.planning.fit import Budgets
from penjing_gui import words
from penjing_gui.dialogs.remedies import RemediesDialog
from penjing_gui.main_window import MainWindow
from tests.gui.conftest import Recorder
from tests.support.hands import click, find, press, type_over

EIGHT = Plan().with_defaults(weight_bits=8, activation_bits=8)


@pytest.fixture
def over(bench: MainWindow) -> MainWindow:
    """An 8-bit plan on a device that has room, with a budget that the plan does not keep."""
    session = bench.session
    session.set_device("stm32l4r5")
    session.edit(EIGHT, "eight")
    now = session.figures
    assert now is not None and now.flash_bytes is not None
    type_over(find(bench, "fit.flashBudget"), str(now.flash_bytes * 7 // 10 // 1024))
    return bench


def offered(qtbot: QtBot, window: MainWindow) -> RemediesDialog:
    """The dialog behind the button, with all its rows."""
    click(find(window, "fit.fix", QPushButton))
    dialog = next(one for one in QApplication.topLevelWidgets() if isinstance(one, RemediesDialog))
    qtbot.waitUntil(lambda: not dialog._next.isActive())
    return dialog


def test_that_it_is_offered_over_budget_alone_and_nothing_moves(over: MainWindow) -> None:
    session, button = over.session, find(over, "fit.fix", QPushButton)
    places = {name: find(over, name).pos() for name in ("estimate.size", "fit.flash", "fit.ramBudget")}
    assert button.isVisible() and button.accessibleIdentifier() == "fit.fix"
    assert "over" in find(over, "fit.flash", QLabel).text()
    session.set_budgets(Budgets())
    QApplication.processEvents()
    assert not button.isVisible()
    assert {name: find(over, name).pos() for name in places} == places


def test_that_a_row_tells_what_its_click_gives_and_undo_takes_it_back(qtbot: QtBot, over: MainWindow) -> None:
    session = over.session
    dialog = offered(qtbot, over)
    assert {"fit", "bits", "filters", "budget"} <= {row.change for row in dialog.rows}
    row = next(row for row in dialog.rows if row.change == "filters")
    told = [label.text() for label in dialog.findChildren(QLabel)]
    assert f"✓ {words.size(row.figures.flash_bytes)}" in told
    now, limit = session.figures, session.budgets.flash_bytes
    assert now is not None and now.flash_bytes is not None and limit is not None
    assert f"▲ {words.size(now.flash_bytes)}: {words.size(now.flash_bytes - limit)} over" in told
    steps = session.undo_stack.count()
    click(find(dialog, "remedies.apply.filters", QPushButton))
    qtbot.waitUntil(lambda: not dialog_open())
    assert session.graph is not None and session.figures == figures(
        session.graph, row.plan, tables=session.tables, device=session.device
    )
    assert session.figures.flash_bytes == row.figures.flash_bytes
    assert session.undo_stack.count() == steps + 1
    assert not find(over, "fit.fix", QPushButton).isVisible()
    # Without a window manager no window gets the keyboard back by itself; a box for numbers may have it then.
    over.activateWindow()
    find(over, "fit.flashBudget").setFocus()
    press(over, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert session.plan == EIGHT and find(over, "fit.fix", QPushButton).isVisible()


def test_that_a_plan_made_for_the_budget_is_applied_by_the_keyboard_alone(qtbot: QtBot, over: MainWindow) -> None:
    session = over.session
    dialog = offered(qtbot, over)
    assert find(dialog, "remedies.apply.fit", QPushButton).hasFocus()
    press(dialog, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not dialog_open())
    assert session.figures is not None and session.figures.flash_bytes is not None
    assert session.budgets.flash_bytes is not None
    assert session.figures.flash_bytes <= session.budgets.flash_bytes
    assert session.plan.distillation == EIGHT.distillation


def test_that_a_budget_or_a_device_is_taken_back_by_the_notice(
    qtbot: QtBot, over: MainWindow, record: type[Recorder]
) -> None:
    session = over.session
    heard = record(session)
    budgets = session.budgets
    dialog = offered(qtbot, over)
    click(find(dialog, "remedies.apply.budget", QPushButton))
    qtbot.waitUntil(lambda: not dialog_open())
    assert session.device is not None and session.budgets.flash_bytes == session.device.flash_bytes
    assert heard.only().actions
    qtbot.waitUntil(lambda: find(over, "notice.back").isVisible())
    click(find(over, "notice.back", QPushButton))
    assert session.budgets == budgets


def test_that_escape_leaves_the_plan_alone(qtbot: QtBot, over: MainWindow) -> None:
    dialog = offered(qtbot, over)
    press(dialog, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not dialog_open())
    assert over.session.plan == EIGHT


def dialog_open() -> bool:
    return any(isinstance(one, RemediesDialog) and one.isVisible() for one in QApplication.topLevelWidgets())
