"""Without a mouse: Tab reaches every control of every page, keys do the job, no key or letter means two things."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QWidget
from pytestqt.qtbot import QtBot

from penjing_gui import language
from penjing_gui.main_window import MainWindow
from tests.support import said

MOST_STEPS = 400


def focus() -> QWidget:
    """What has the keyboard."""
    widget = QApplication.focusWidget()
    assert widget is not None
    return widget


def reached_by_tab(window: MainWindow) -> set[QWidget]:
    """Every widget that gets the keyboard while Tab is pressed until it is back where it began."""
    window.activateWindow()
    found: list[QWidget] = []
    for _ in range(MOST_STEPS):
        QTest.keyClick(focus(), Qt.Key.Key_Tab)
        if found and focus() is found[0]:
            break
        found.append(focus())
    return set(found)


def test_that_tab_reaches_every_control_of_every_page(bench: MainWindow) -> None:
    missed = []
    for number, name in enumerate(bench.workbench.NAMES):
        bench.workbench.tabs.setCurrentIndex(number)
        for _ in range(3):
            QCoreApplication.processEvents()
        bench.workbench.tabs.setFocus()
        reached = reached_by_tab(bench)
        for widget in said.focusable(bench):
            usable = widget.isVisible() and widget.isEnabled() and widget.focusProxy() is None
            if usable and widget not in reached:
                missed.append(f"{name}: {said.place(widget)}")
    assert not missed, "\n".join(missed)


def tab_to(identifier: str) -> QWidget:
    """Press Tab until a control has the keyboard."""
    for _ in range(MOST_STEPS):
        if focus().accessibleIdentifier() == identifier:
            return focus()
        QTest.keyClick(focus(), Qt.Key.Key_Tab)
    raise AssertionError(f"Tab does not reach {identifier}")


def type_number(identifier: str, text: str) -> None:
    """Write over what a field holds."""
    field = tab_to(identifier)
    QTest.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(field, text)


def test_that_the_job_can_be_done_with_keys_alone(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, patience: int
) -> None:
    session = window.session
    control = Qt.KeyboardModifier.ControlModifier
    with qtbot.waitSignal(session.opened, timeout=patience):
        QTest.keyClick(focus(), Qt.Key.Key_Return)  # the first sample is the default
    QTest.keyClick(window, Qt.Key.Key_F, control)
    first = session.graph.compressible[0].name  # type: ignore[union-attr]
    QTest.keyClicks(focus(), first)
    QTest.keyClick(focus(), Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: session.selection == (first,))
    for _ in range(MOST_STEPS):
        if focus().accessibleIdentifier() == "compress.weightBits":
            break
        QTest.keyClick(focus(), Qt.Key.Key_Tab)
    before = session.plan
    QTest.keyClick(focus(), Qt.Key.Key_Home)
    assert session.plan.settings(first).weight_bits == 2
    QTest.keyClick(window, Qt.Key.Key_Z, control)
    assert session.plan == before
    with qtbot.waitSignal(session.job_changed, timeout=patience, check_params_cb=lambda job: job.state == "done"):
        QTest.keyClick(tab_to("fit.run"), Qt.Key.Key_Space)
    assert session.plan != before and session.figures is not None
    assert session.figures.flash_bytes <= session.budgets.flash_bytes  # type: ignore[operator]
    QTest.keyClick(window, Qt.Key.Key_3, control)
    type_number("train.epochs", "1")
    type_number("train.batchSize", "256")
    with qtbot.waitSignal(session.runs_changed, timeout=patience):
        QTest.keyClick(tab_to("train.start"), Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: session.job is not None and not session.job.active, timeout=patience)
    QTest.keyClick(tab_to("train.apply"), Qt.Key.Key_Space)
    assert session.run == session.runs[0]
    QTest.keyClick(window, Qt.Key.Key_E, control)
    type_number("export.folder", str(tmp_path / "out"))
    with qtbot.waitSignal(session.exported, timeout=patience):
        QTest.keyClick(tab_to("export.run"), Qt.Key.Key_Space)
    assert (tmp_path / "out" / "verdict.json").is_file()
    qtbot.waitUntil(lambda: session.job is not None and not session.job.active, timeout=patience)
    for key, number in ((Qt.Key.Key_4, 3), (Qt.Key.Key_5, 4), (Qt.Key.Key_1, 0)):
        QTest.keyClick(window, key, control)
        assert window.workbench.tabs.currentIndex() == number
    QTest.keyClick(window, Qt.Key.Key_E, control)
    assert window.workbench.tab == "export"


def test_that_no_key_means_two_things(bench: MainWindow) -> None:
    keys = [
        (key.toString(QKeySequence.SequenceFormat.PortableText), action)
        for action in bench.findChildren(QAction)
        if action.shortcutContext() in (Qt.ShortcutContext.WindowShortcut, Qt.ShortcutContext.ApplicationShortcut)
        for key in action.shortcuts()
    ]
    twice = [key for key, count in Counter(key for key, _ in keys).items() if count > 1]
    assert len(keys) > 15 and twice == []


@pytest.mark.parametrize("spoken", ["en", "zh_CN"])
def test_that_no_letter_of_a_menu_means_two_things(
    qtbot: QtBot, qapp: QApplication, window: MainWindow, spoken: str
) -> None:
    before = window.actions_
    language.apply(qapp, spoken, window.session.texts)
    if spoken != "en":
        qtbot.waitUntil(lambda: window.actions_ is not before)
    try:
        twice = [
            f"{menu.title()}: &{letter}"
            for menu in menus(window)
            for letter, count in Counter(letters(menu.actions())).items()
            if count > 1
        ]
        bar = Counter(letters(window.menuBar().actions()))
    finally:
        language.apply(qapp, "en", window.session.texts)
        QCoreApplication.processEvents()
    assert twice == [] and set(bar.values()) == {1}


def menus(window: MainWindow) -> Iterator[QMenu]:
    """Of the menu bar, with those inside them."""
    for action in window.menuBar().actions():
        menu = action.menu()
        assert isinstance(menu, QMenu)
        yield menu
        yield from (inner for one in menu.actions() if isinstance(inner := one.menu(), QMenu))


def letters(actions: list[QAction]) -> Iterator[str]:
    """The marked letters of entries."""
    for action in actions:
        _, mark, tail = action.text().replace("&&", "").partition("&")
        if mark and tail:
            yield tail[0].upper()
