"""The picture of a layer: clicks and keys find the filter that is drawn there."""

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest

from penjing_gui import theme
from penjing_gui.plots.heatmap import MOST_COLUMNS, MOST_ROWS, Heatmap
from tests.gui.plots.conftest import pixel
from tests.support.hands import click, press

ROWS, COLUMNS = 12, 30


@pytest.fixture
def plot(shown: Callable[[Heatmap], Heatmap]) -> Heatmap:
    found = shown(Heatmap())
    found.show_values(np.ones((ROWS, COLUMNS), np.float32), columns="input × kernel", rows="filter")
    cut = np.zeros(ROWS, np.bool_)
    cut[[2, 7]] = True
    found.show_filters(cut, [f"filter {row}" for row in range(ROWS)], frozenset({4}))
    return found


def test_that_a_click_chooses_the_filter_under_it(plot: Heatmap) -> None:
    heard: list[int] = []
    plot.filter_chosen.connect(heard.append)
    for row in (0, 5, ROWS - 1):
        click(plot.viewport(), pixel(plot, COLUMNS / 2, row + 0.5))
    assert heard == [0, 5, ROWS - 1]
    click(plot.viewport(), pixel(plot, -1, 3))  # beside the picture
    assert len(heard) == 3


def test_that_the_pointer_hears_words_and_none_once_it_leaves(plot: Heatmap) -> None:
    heard: list[str] = []
    plot.pointed.connect(heard.append)
    QTest.mouseMove(plot.windowHandle(), plot.viewport().mapTo(plot, pixel(plot, 3, 8.5)))
    QTest.mouseMove(plot.windowHandle(), plot.viewport().mapTo(plot, pixel(plot, -1, 8.5)))
    assert heard[0] == "filter 8" and heard[-1] == ""


def test_that_keys_walk_from_filter_to_filter(plot: Heatmap) -> None:
    chosen: list[int] = []
    plot.filter_chosen.connect(chosen.append)
    plot.setFocus()
    for _ in range(3):
        press(plot, Qt.Key.Key_Down)
    press(plot, Qt.Key.Key_Space)
    press(plot, Qt.Key.Key_Up)
    press(plot, Qt.Key.Key_Return)
    assert chosen == [2, 1]
    for _ in range(2 * ROWS):
        press(plot, Qt.Key.Key_Down)
    press(plot, Qt.Key.Key_Space)
    assert chosen[-1] == ROWS - 1


def test_that_filters_that_go_fade_into_the_paper_in_both_themes(plot: Heatmap) -> None:
    assert plot.cut == (2, 7)
    for chosen in (theme.LIGHT, theme.DARK):
        plot.setPalette(theme.palette(chosen))
        picture = plot.grab().toImage()
        inks = [picture.pixelColor(pixel(plot, 15.2, row + 0.5)) for row in (2, 7, 3)]
        paper = QColor(chosen.surface)
        # A filter's pixels may hold a trace of the row beside it, as many as its place gives.
        assert _distance(inks[0], inks[1]) <= 6 < _distance(inks[0], inks[2])
        assert _distance(inks[0], paper) < 0.35 * _distance(inks[2], paper)


def test_that_a_large_layer_is_averaged_and_no_filter_lost(plot: Heatmap) -> None:
    block = np.repeat(np.arange(3 * MOST_ROWS, dtype=np.float32)[:, None], 2 * MOST_COLUMNS, axis=1)
    plot.show_values(block, columns="input × kernel", rows="filter")
    drawn = plot._image.image
    assert drawn.shape == (MOST_ROWS, MOST_COLUMNS)
    np.testing.assert_allclose(drawn[:, 0], np.arange(MOST_ROWS) * 3 + 1)  # the mean of every three rows
    heard: list[int] = []
    plot.filter_chosen.connect(heard.append)
    click(plot.viewport(), pixel(plot, 10, 1000.5))
    assert abs(heard[0] - 1000) <= 3 * MOST_ROWS / plot.getViewBox().height()


def _distance(one: QColor, other: QColor) -> int:
    return sum(abs(a - b) for a, b in zip(one.getRgb()[:3], other.getRgb()[:3], strict=True))


def test_that_no_picture_is_no_dark_field_and_has_no_axes(shown: Callable[[Heatmap], Heatmap]) -> None:
    plot = shown(Heatmap())
    axes = [plot.getPlotItem().getAxis(side) for side in ("left", "bottom")]
    plot.show_values(np.zeros((0, 0), np.float32), columns="", rows="")
    assert not plot._image.isVisible() and not any(axis.isVisible() for axis in axes)
    plot.show_values(np.ones((3, 4), np.float32), columns="input", rows="filter")
    assert plot._image.isVisible() and all(axis.isVisible() for axis in axes)
