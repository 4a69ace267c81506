"""Plots alone in a window of their own, at a size at which pixels can be aimed at."""

from collections.abc import Callable
from typing import TypeVar

import pytest
from PySide6.QtCore import QPoint, QPointF
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from penjing_gui import theme
from penjing_gui.plots.canvas import Canvas

C = TypeVar("C", bound=Canvas)


@pytest.fixture
def shown(qtbot: QtBot, qapp: QApplication) -> Callable[[C], C]:
    """Shows a plot."""
    theme.apply(qapp, "light")

    def show(plot: C) -> C:
        qtbot.addWidget(plot)
        plot.resize(640, 320)
        with qtbot.waitExposed(plot):
            plot.show()
        qapp.processEvents()
        return plot

    return show


def pixel(plot: Canvas, x: float, y: float) -> QPoint:
    """Where a value lies in the viewport."""
    found: QPoint = plot.mapFromScene(plot.getViewBox().mapViewToScene(QPointF(x, y)))
    return found
