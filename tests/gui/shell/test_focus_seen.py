"""Where the keyboard is, is seen: every control that Tab reaches is drawn otherwise while it has it."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication, QPoint, QRect, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QSlider, QWidget

from penjing_gui.main_window import MainWindow
from tests.support import said
from tests.support.hands import click, find, handle

AROUND = 3
"""Pixels beside a control in which a ring may be drawn."""
LEAST = 12
"""Pixels that have to differ."""
MOST_STEPS = 120


def drawn(window: QWidget, area: QRect) -> NDArray[np.uint32]:
    """What the window shows there."""
    image = window.grab(area).toImage().convertToFormat(QImage.Format.Format_RGB32)
    return np.frombuffer(image.constBits(), np.uint32).reshape(image.height(), image.width()).copy()


def rings(window: QWidget) -> list[QWidget]:
    """That are seen."""
    return [one for one in window.findChildren(QWidget, "focusRing") if one.isVisible()]


def test_that_every_control_shows_that_it_has_the_keyboard(bench: MainWindow) -> None:
    unseen: dict[str, None] = {}
    met = 0
    bench.activateWindow()
    for number, name in enumerate(bench.workbench.NAMES):
        bench.workbench.tabs.setCurrentIndex(number)
        for _ in range(5):
            QCoreApplication.processEvents()
        bench.workbench.tabs.setFocus()
        passed: set[QWidget] = set()
        for _ in range(MOST_STEPS):
            QTest.keyClick(bench.windowHandle(), Qt.Key.Key_Tab)
            QCoreApplication.processEvents()
            widget = QApplication.focusWidget()
            assert widget is not None
            if widget in passed:
                break
            passed.add(widget)
            area = QRect(widget.mapTo(bench, QPoint(0, 0)), widget.size())
            area = area.adjusted(-AROUND, -AROUND, AROUND, AROUND) & bench.rect()
            if area.isEmpty() or widget.visibleRegion().isEmpty():
                continue
            with_focus = drawn(bench, area)
            QTest.keyClick(bench.windowHandle(), Qt.Key.Key_Backtab)
            QCoreApplication.processEvents()
            without = drawn(bench, area)
            QTest.keyClick(bench.windowHandle(), Qt.Key.Key_Tab)
            QCoreApplication.processEvents()
            met += 1
            if with_focus.shape == without.shape and (with_focus != without).sum() < LEAST:
                unseen[f"{name}: {said.place(widget)} {widget.accessibleIdentifier()}"] = None
    assert met > 60
    assert not unseen, "\n".join(unseen)


def test_that_a_click_draws_no_ring(bench: MainWindow) -> None:
    box = find(bench, "layers.filter")
    click(box)
    slider = find(bench, "compress.filters", QSlider)
    click(slider, handle(slider).center())
    slider.setFocus(Qt.FocusReason.MouseFocusReason)
    assert not rings(bench)
    QTest.keyClick(bench.windowHandle(), Qt.Key.Key_Tab)
    QTest.keyClick(bench.windowHandle(), Qt.Key.Key_Backtab)
    assert slider.hasFocus()
    (ring,) = rings(bench)
    assert slider.mapTo(bench, slider.rect().center()) == ring.mapTo(bench, ring.rect().center())
