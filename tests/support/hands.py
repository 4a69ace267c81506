"""Hands for tests of the window: they press, drag and type as people do, through the window's own input queue."""

from typing import TypeVar

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QSlider, QStyle, QStyleOptionSlider, QTableView, QTabWidget, QWidget

LEFT = Qt.MouseButton.LeftButton
NONE = Qt.KeyboardModifier.NoModifier
W = TypeVar("W", bound=QWidget)


def find(root: QWidget, identifier: str, kind: type[W] = QWidget) -> W:  # type: ignore[assignment]
    """The one widget that carries an identifier."""
    found = [widget for widget in root.findChildren(kind) if widget.accessibleIdentifier() == identifier]
    assert len(found) == 1, f"{identifier}: {len(found)} widgets"
    return found[0]


def click(widget: QWidget, at: QPoint | None = None) -> None:
    """Press and release the left button on a widget that can be seen."""
    assert widget.isVisible() and widget.isEnabled(), widget.accessibleIdentifier()
    place = _in_window(widget, widget.rect().center() if at is None else at)
    QTest.mouseClick(widget.window().windowHandle(), LEFT, NONE, place)


def double_click(widget: QWidget, at: QPoint) -> None:
    """As a person does it: a click, then the second one of the double click."""
    window, place = widget.window().windowHandle(), _in_window(widget, at)
    QTest.mouseClick(window, LEFT, NONE, place)
    QTest.mouseDClick(window, LEFT, NONE, place)


def drag(widget: QWidget, start: QPoint, end: QPoint, *, steps: int = 8) -> None:
    """Press, move in steps, release."""
    window = widget.window().windowHandle()
    QTest.mouseMove(window, _in_window(widget, start))
    QTest.mousePress(window, LEFT, NONE, _in_window(widget, start))
    for step in range(1, steps + 1):
        QTest.mouseMove(window, _in_window(widget, start + (end - start) * step / steps))
    QTest.mouseRelease(window, LEFT, NONE, _in_window(widget, end))


def handle(slider: QSlider) -> QRect:
    """Where the handle of a slider is."""
    option = QStyleOptionSlider()
    slider.initStyleOption(option)
    control, part = QStyle.ComplexControl.CC_Slider, QStyle.SubControl.SC_SliderHandle
    return slider.style().subControlRect(control, option, part, slider)


def drag_slider(slider: QSlider, share: float, *, steps: int = 8) -> None:
    """Drag the handle to a share of the slider's way."""
    start = handle(slider).center()
    drag(slider, start, QPoint(round(share * slider.width()), start.y()), steps=steps)


def click_row(table: QTableView, text: str) -> QPoint:
    """Click the row that shows a text in its first column; where that was."""
    model = table.model()
    for row in range(model.rowCount()):
        index = model.index(row, 0)
        if index.data() == text:
            table.scrollTo(index)
            at = table.visualRect(index).center()
            click(table.viewport(), at)
            return at
    raise AssertionError(f"no row {text!r}")


def choose_tab(tabs: QTabWidget, text: str) -> None:
    """Click a tab by its title."""
    bar = tabs.tabBar()
    number = next(number for number in range(bar.count()) if bar.tabText(number) == text)
    click(bar, bar.tabRect(number).center())
    assert tabs.currentIndex() == number


def choose(box: QComboBox, data: object) -> None:
    """Choose an entry with the keys: focus, Home, then down."""
    box.setFocus()
    press(box, Qt.Key.Key_Home)
    for _ in range(box.findData(data)):
        press(box, Qt.Key.Key_Down)
    assert box.currentData() == data


def press(widget: QWidget, key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE) -> None:
    """Press and release one key where the keyboard is."""
    QTest.keyClick(widget.window().windowHandle(), key, modifiers)


def type_over(widget: QWidget, text: str) -> None:
    """Replace what a field holds, and confirm."""
    widget.setFocus()
    press(widget, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    for character in text:
        QTest.keyClick(widget, character)
    press(widget, Qt.Key.Key_Return)


def _in_window(widget: QWidget, at: QPoint) -> QPoint:
    return widget.mapTo(widget.window(), at)
