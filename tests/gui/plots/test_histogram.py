"""The histogram with its draggable threshold: what hands do and what is counted."""

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from penjing_gui.plots.histogram import BINS, Cut, Histogram
from tests.support.hands import drag, press

VALUES = np.sort(np.random.default_rng(3).normal(0, 0.1, 5000).astype(np.float32))
LARGEST = float(np.abs(VALUES).max())


@pytest.fixture
def plot(shown: Callable[[Histogram], Histogram]) -> Histogram:
    found = shown(Histogram())
    found.show_values(VALUES, axis="weight", count="weights")
    found.show_cut(Cut(threshold=0.05), np.zeros(0))
    return found


def gestures(plot: Histogram) -> list[tuple[float, bool]]:
    heard: list[tuple[float, bool]] = []
    plot.threshold_dragged.connect(lambda theta, over: heard.append((theta, over)))
    return heard


def test_that_a_drag_tells_every_move_and_its_end_once(plot: Histogram) -> None:
    heard = gestures(plot)
    x = round(plot.line_position())
    drag(plot.viewport(), QPoint(x, 100), QPoint(x + 60, 100))
    moves = [theta for theta, over in heard if not over]
    assert len(moves) > 3 and np.diff(moves).min() > -1e-6
    assert [over for _, over in heard].count(True) == 1 and heard[-1][1]
    # Sixty pixels of an axis that is 2 · LARGEST wide, and a little more.
    scale = 2 * LARGEST * 1.02 / plot.getViewBox().width()
    assert heard[-1][0] == pytest.approx(0.05 + 60 * scale, abs=2 * scale)


def test_that_what_goes_is_what_lies_strictly_below_the_threshold(plot: Histogram) -> None:
    for theta in (0.0, 0.05, float(np.abs(VALUES[17])), 2 * LARGEST):
        plot.show_cut(Cut(threshold=theta), np.zeros(0))
        assert plot.gone == int((np.abs(VALUES) < np.float32(theta)).sum())
    plot.set_before(True)
    assert plot.gone == 0


def test_that_scores_are_cut_from_zero_on_and_have_one_line(plot: Histogram) -> None:
    scores = np.sort(VALUES**2)
    plot.show_values(scores, axis="score", count="weights", symmetric=False)
    plot.show_cut(Cut(threshold=0.01), np.zeros(0))
    assert plot.gone == int((scores < np.float32(0.01)).sum())
    assert [line.isVisible() for line in plot._lines] == [False, True]


def test_that_arrow_keys_move_the_threshold_within_its_range(plot: Histogram) -> None:
    heard = gestures(plot)
    plot.setFocus()
    press(plot, Qt.Key.Key_Right)
    assert heard == [(pytest.approx(0.05 + LARGEST / 200), True)]
    plot.show_cut(Cut(threshold=0.0), np.zeros(0))
    press(plot, Qt.Key.Key_Left)
    assert heard[-1] == (0.0, True)
    plot.show_cut(Cut(threshold=0.05, movable=False), np.zeros(0))
    press(plot, Qt.Key.Key_Right)
    assert len(heard) == 2  # locked


def test_that_bars_are_the_counts_and_logarithms_of_them(plot: Histogram) -> None:
    plot.show_cut(None, np.zeros(0))
    counts, _ = np.histogram(VALUES.astype(np.float64), bins=BINS, range=(-LARGEST, LARGEST))
    drawn = plot._kept.getData()[1]
    assert drawn.sum() == len(VALUES)
    # A value on an edge may lie on either side of it.
    assert np.abs(np.cumsum(drawn) - np.cumsum(counts)).max() <= 1
    plot.set_log(True)
    np.testing.assert_allclose(10 ** plot._kept.getData()[1], np.maximum(drawn, 0.5))


def test_that_numbers_below_zero_have_a_true_minus(plot: Histogram) -> None:
    axis = plot.getPlotItem().getAxis("bottom")
    assert axis.tickStrings([-0.2, 0.0, 0.2], 1.0, 0.2) == ["−0.2", "0", "0.2"]


def test_that_without_values_it_says_why_and_has_no_axes(plot: Histogram) -> None:
    plot.say_empty("It has no weights to compress.")
    axes = [plot.getPlotItem().getAxis(side) for side in ("left", "bottom")]
    assert plot._label.toPlainText() == "It has no weights to compress." and not any(axis.isVisible() for axis in axes)
    assert plot.threshold is None and not plot._lines[0].isVisible()
    plot.show_values(VALUES, axis="weight", count="weights")
    assert not plot._label.toPlainText() and all(axis.isVisible() for axis in axes)
