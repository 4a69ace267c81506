"""The error of each number of bits: as float64 says, and a click or a key sets the bits."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QTabBar, QTableView

from penjing.plan import Plan
from penjing.worker import messages as wire
from penjing.worker.opening import Open
from penjing_gui.main_window import MainWindow
from penjing_gui.pages.bits_panel import BitsPanel
from penjing_gui.pages.explore import ExplorePage
from tests.support.hands import choose, click, click_row, find, press


@pytest.fixture
def panel(bench: MainWindow) -> BitsPanel:
    bench.resize(1280, 800)
    bench.session.edit(Plan(), "Nothing yet")
    click_row(find(bench, "layers.table", QTableView), "fc2")
    tabs = find(bench, "explore.ofLayer", QTabBar)
    number = next(number for number in range(tabs.count()) if tabs.tabText(number) == "Bits")
    click(tabs, tabs.tabRect(number).center())
    QApplication.processEvents()
    page = bench.workbench.tabs.currentWidget()
    assert isinstance(page, ExplorePage) and page.bits.isVisible()
    return page.bits


def test_that_the_curve_is_the_signal_to_noise_ratio_of_rounded_weights(
    panel: BitsPanel, digits: tuple[Open, wire.Opened]
) -> None:
    weight = digits[0].evidence.model.weight("fc2").numpy().astype(np.float64)
    for bits in (2, 4, 8):
        scale = np.abs(weight).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
        lost = weight - np.rint(weight / scale) * scale
        expected = 10 * np.log10((weight**2).sum() / (lost**2).sum())
        assert panel.plot.curve[bits] == pytest.approx(expected, rel=1e-3)
    choose(panel.measure, "error")
    assert panel.plot.curve[8] == pytest.approx(100 * 10 ** (-expected / 20), rel=1e-3)


def test_that_a_click_and_a_key_set_the_bits_undoably(panel: BitsPanel, bench: MainWindow) -> None:
    session = bench.session
    steps = session.undo_stack.count()
    x, y = panel.plot.place_of(4)
    click(panel.plot.viewport(), QPoint(round(x), round(y)))
    assert session.plan.settings("fc2").weight_bits == 4 and session.undo_stack.count() == steps + 1
    assert session.plan.settings("fc1").weight_bits == 32
    panel.plot.setFocus()
    press(panel.plot, Qt.Key.Key_Right)
    press(panel.plot, Qt.Key.Key_Return)
    assert session.plan.settings("fc2").weight_bits == 5
    assert "5 bits" in panel.said.text() and "exact" in panel.said.text()
    session.undo_stack.undo()
    assert session.plan.settings("fc2").weight_bits == 4


def test_that_a_layer_without_weights_says_what_to_choose(panel: BitsPanel, bench: MainWindow) -> None:
    graph = bench.session.graph
    assert graph is not None
    bench.session.select((), current=next(layer.name for layer in graph.layers if not layer.compressible))
    assert "Choose a layer that a plan can change" in panel.said.text() and not panel.plot.curve
