"""Bars of classes and curves of a training: what is drawn is what was told, and words stay readable."""

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QRectF
from pytestqt.qtbot import QtBot

from penjing_gui.plots.bars import MOST_NAMES, Bars
from penjing_gui.plots.curves import Curves


def test_that_a_class_without_samples_has_no_bar(shown: Callable[[Bars], Bars]) -> None:
    plot = shown(Bars())
    plot.show_shares(("a", "b", "c"), (1.0, None, 0.5), (0.25, None, None))
    assert list(plot._outline.opts["x"]) == [0, 2] and list(plot._outline.opts["height"]) == [100, 50]
    assert list(plot._filled.opts["x"]) == [0] and list(plot._filled.opts["height"]) == [25]


def test_that_names_of_many_classes_are_thinned_and_shortened(shown: Callable[[Bars], Bars]) -> None:
    plot = shown(Bars())
    names = tuple(f"a very long class name {number}" for number in range(100))
    plot.show_shares(names, (0.5,) * 100, (0.5,) * 100)
    ((*ticks,),) = plot.getPlotItem().getAxis("bottom")._tickLevels
    assert len(ticks) <= MOST_NAMES and all(len(name) <= 3 for _, name in ticks)
    assert [at for at, _ in ticks][:2] == [0, 5]


def test_that_growing_lines_stay_within_the_axes_with_their_words(
    qtbot: QtBot, shown: Callable[[Curves], Curves]
) -> None:
    plot = shown(Curves(unit=" %"))
    plot.show_level(98.5, "as loaded")
    for count in (1, 2, 10, 200):
        xs = np.arange(count, dtype=float)
        series = {"student": 90 + 5 * (1 - np.exp(-xs / 20)), "<b>second</b>": 90.1 + 5 * (1 - np.exp(-xs / 20))}
        for name, ys in series.items():
            plot.show_series(name, xs.tolist(), ys.tolist())
        qtbot.waitUntil(lambda: not plot._stale)
        (left, right), (low, high) = plot.getViewBox().viewRange()
        for name, ys in series.items():
            assert plot.values(name) == ys.tolist()
            assert left <= xs[0] <= xs[-1] <= right and low <= ys.min() <= ys.max() <= high
            label = plot._lines[name].label
            assert label.toPlainText() == f"{name} {ys[-1]:.4g} %"  # plain, never markup
        assert low <= 98.5 <= high
        room = plot.mapToScene(plot.viewport().rect()).boundingRect()

        def places() -> list[QRectF]:
            """Of the words; a view moves them when it is painted."""
            return [line.label.sceneBoundingRect() for line in plot._lines.values()]

        qtbot.waitUntil(lambda places=places, room=room: all(room.contains(place) for place in places()))
        first, second = places()
        assert abs(first.center().y() - second.center().y()) >= 0.7 * first.height()


def test_that_numbers_that_are_none_break_nothing(qtbot: QtBot, shown: Callable[[Curves], Curves]) -> None:
    plot = shown(Curves())
    plot.show_series("loss", [0, 1, 2], [float("nan")] * 3)
    qtbot.waitUntil(lambda: not plot._stale)
    plot.show_series("loss", [0, 1, 2, 3], [float("nan"), 2.0, 1.0, float("nan")])
    qtbot.waitUntil(lambda: not plot._stale)
    assert plot._lines["loss"].label.toPlainText() == "loss 1"
    plot.clear_series()
    assert plot.values("loss") == ()
