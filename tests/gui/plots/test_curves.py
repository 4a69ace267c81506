"""Curves that grow: drawn once a frame and only where they are seen, on axes that stay as long as there is room."""

import itertools

import numpy as np
import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QTabWidget, QWidget
from pytestqt.qtbot import QtBot

from penjing_gui.plots.curves import Curves

_FRAMES = 700
"""Milliseconds in which what waits is drawn."""


@pytest.fixture
def curves(qtbot: QtBot) -> Curves:
    """On the screen, empty."""
    plot = Curves()
    qtbot.addWidget(plot)
    plot.resize(600, 220)
    with qtbot.waitExposed(plot):
        plot.show()
    return plot


def _drawn(plot: Curves, name: str) -> list[float]:
    """What the line itself holds."""
    ys = plot._lines[name].curve.yData
    return [] if ys is None else np.asarray(ys).tolist()


def test_that_points_of_one_frame_are_drawn_once_and_all_are_there(curves: Curves, qtbot: QtBot) -> None:
    xs: list[float] = []
    ys: list[float] = []
    times = 0

    def count() -> None:
        nonlocal times
        times += 1

    for step in range(200):
        xs.append(float(step))
        ys.append(2.0 / (step + 1))
        curves.show_series("loss", xs, ys)
        if step == 0:
            curves._lines["loss"].curve.sigPlotChanged.connect(count)
    assert list(curves.values("loss")) == ys
    qtbot.waitUntil(lambda: _drawn(curves, "loss") == ys, timeout=5000)
    QTest.qWait(_FRAMES)
    assert times == 1


def test_that_a_hidden_plot_is_drawn_when_it_is_seen(qtbot: QtBot) -> None:
    tabs, plot = QTabWidget(), Curves()
    qtbot.addWidget(tabs)
    tabs.addTab(QWidget(), "front")
    tabs.addTab(plot, "behind")
    with qtbot.waitExposed(tabs):
        tabs.show()
    plot.show_series("loss", [0.0, 1.0], [3.0, 2.0])
    QTest.qWait(_FRAMES)
    assert _drawn(plot, "loss") == []
    tabs.setCurrentIndex(1)
    assert _drawn(plot, "loss") == [3.0, 2.0]


def test_that_axes_stay_while_there_is_room_and_always_hold_every_point(curves: Curves, qtbot: QtBot) -> None:
    random = np.random.default_rng(0)
    xs: list[float] = []
    ys: list[float] = []
    seen: list[tuple[tuple[float, float], tuple[float, float]]] = []
    for step in range(400):
        xs.append(float(step))
        ys.append(float(2 * np.exp(-step / 80) + 0.2 * random.random()))
        curves.show_series("loss", xs, ys)
        curves._drawn_at = 0.0  # the next frame is due at once
        if step % 4 == 0:
            qtbot.waitUntil(lambda: len(_drawn(curves, "loss")) == len(ys), timeout=5000)
            across, up = (tuple(one) for one in curves.getViewBox().viewRange())
            assert across[0] <= 0 and step <= across[1] and up[0] <= min(ys) and max(ys) <= up[1]
            # Lines fill the plot: no more than two thirds of it are room for words and for what comes.
            assert step < 2 or step >= (across[1] - across[0]) / 3
            seen.append((across, up))
    changes = sum(one != other for one, other in itertools.pairwise(seen))
    assert changes < len(seen) / 3


def test_that_the_word_beside_a_line_says_its_last_number(curves: Curves, qtbot: QtBot) -> None:
    curves.show_series("accuracy", [0.0, 1.0, 2.0], [50.0, 61.25, float("nan")])
    label = curves._lines["accuracy"].label
    qtbot.waitUntil(lambda: label.toPlainText() == "accuracy 61.25", timeout=5000)
    # A second series of the same length as nothing at all.
    curves.show_series("other", [], [])
    QTest.qWait(_FRAMES)
    assert curves._lines["other"].label.toPlainText() == ""


def test_that_a_level_is_within_the_axes(curves: Curves, qtbot: QtBot) -> None:
    curves.show_series("accuracy", [0.0, 1.0], [50.0, 60.0])
    qtbot.waitUntil(lambda: len(_drawn(curves, "accuracy")) == 2, timeout=5000)
    curves.show_level(95.0, "as loaded")
    low, high = curves.getViewBox().viewRange()[1]
    assert low <= 50 and high >= 95
