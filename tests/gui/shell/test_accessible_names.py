"""Everything that the keyboard reaches, on every page, dock and dialog, tells assistive tools what it is."""

from collections.abc import Iterator

import msgspec
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QLineEdit, QMessageBox, QVBoxLayout, QWidget
from shiboken6 import isValid

from penjing_gui.main_window import MainWindow
from tests.gui.test_screenshots import dialogs, views
from tests.support import said

MOST_STEPS = 120


def nameless(root: QWidget) -> Iterator[str]:
    """Controls below it that tell nothing, or have no identifier by which they are found."""
    for widget in said.focusable(root):
        if not widget.isVisibleTo(root):
            continue  # it gets its text when it is shown
        told = QAccessible.queryAccessibleInterface(widget)
        name = "" if told is None else told.text(QAccessible.Text.Name)
        if not name.strip() and buddy(root, widget) is None:
            yield f"no name: {said.place(widget)} {type(widget).__name__} {widget.accessibleIdentifier()}"
        elif name.lstrip("&").startswith(("qt_", "plot.")):
            yield f"a name for programs: {name}"


def buddy(root: QWidget, widget: QWidget) -> QLabel | None:
    """The label that names a control beside it."""
    return next((one for one in root.findChildren(QLabel) if one.buddy() is widget and one.text()), None)


def test_that_every_control_of_pages_and_docks_has_a_name(bench: MainWindow) -> None:
    for dock in bench.docks.all():
        dock.show()
    wrong: set[str] = set()
    for _ in views(bench, every=True):
        QCoreApplication.processEvents()
        wrong |= set(nameless(bench))
    bench.show_start()
    wrong |= set(nameless(bench))
    assert not wrong, "\n".join(sorted(wrong))


def test_that_every_control_of_every_dialog_has_a_name_and_is_reached_by_tab(bench: MainWindow) -> None:
    wrong: list[str] = []
    met = 0
    for name, dialog in prepared(bench):
        met += 1
        QCoreApplication.processEvents()
        wrong += [f"{name}: {one}" for one in nameless(dialog)]
        if not (dialog.windowTitle() or isinstance(dialog, QMessageBox)):
            wrong.append(f"{name}: no title")
        reached = reached_by_tab(dialog)
        for widget in said.focusable(dialog):
            usable = widget.isVisible() and widget.isEnabled() and widget.focusProxy() is None
            if usable and widget not in reached and not others_of_group(widget, reached):
                wrong.append(f"{name}: Tab misses {said.place(widget)} {widget.accessibleIdentifier()}")
        press_escape(dialog)
        assert not isValid(dialog) or not dialog.isVisible(), f"Escape does not close {name}"
    assert met >= 9
    assert not wrong, "\n".join(wrong)


def prepared(bench: MainWindow) -> Iterator[tuple[str, QDialog]]:
    """All dialogs, with a network that has something to mend and to pair."""
    session = bench.session
    session.set_budgets(msgspec.structs.replace(session.budgets, flash_bytes=16 << 10))
    distillation = msgspec.structs.replace(session.plan.distillation, feature=0.5)
    session.edit(msgspec.structs.replace(session.plan, distillation=distillation), "feature")
    yield from dialogs(bench)


def reached_by_tab(dialog: QDialog) -> set[QWidget]:
    """What gets the keyboard while Tab is pressed until it is back where it began."""
    dialog.activateWindow()
    found: list[QWidget] = []
    for _ in range(MOST_STEPS):
        focus = QApplication.focusWidget()
        assert focus is not None and dialog.isAncestorOf(focus), said.place(dialog)
        if found and focus is found[0]:
            break
        found.append(focus)
        QTest.keyClick(dialog.windowHandle(), Qt.Key.Key_Tab)
    return set(found)


def others_of_group(widget: QWidget, reached: set[QWidget]) -> bool:
    """Radio buttons are one stop of Tab; arrows go on from there."""
    return any(type(one) is type(widget) and one.parent() is widget.parent() for one in reached) and hasattr(
        widget, "autoExclusive"
    )


def press_escape(dialog: QDialog) -> None:
    QTest.keyClick(dialog.windowHandle(), Qt.Key.Key_Escape)
    QCoreApplication.processEvents()


def test_that_the_sweep_sees_a_control_without_a_name(shell: MainWindow) -> None:
    box = QWidget()
    QVBoxLayout(box).addWidget(QLineEdit())
    assert [one for one in nameless(box) if "QLineEdit" in one]
    box.deleteLater()
