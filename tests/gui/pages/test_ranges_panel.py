"""Activation ranges: asked for once a layer, lines where the plan's calibrator puts the codes, words for the rest."""

import pytest
from PySide6.QtWidgets import QApplication, QTabBar, QTableView
from pytestqt.qtbot import QtBot

from penjing.plan import Plan
from penjing.worker import messages as wire
from penjing.worker.opening import Open
from penjing.worker.ranges import ranges
from penjing_gui.main_window import MainWindow
from penjing_gui.pages.explore import ExplorePage
from penjing_gui.pages.ranges_panel import RangesPanel
from tests.support.hands import click, click_row, find


@pytest.fixture
def panel(bench: MainWindow, digits: tuple[Open, wire.Opened], monkeypatch: pytest.MonkeyPatch) -> RangesPanel:
    """The panel, with answers as the engine gives them."""
    session = bench.session

    def request(layer: str, bits: int) -> int:
        number = session.next_request()
        asked.append(wire.WantRanges(request=number, layer=layer, bits=bits))
        return number

    asked: list[wire.WantRanges] = []
    monkeypatch.setattr(session, "request_ranges", request)
    bench.resize(1280, 800)
    session.edit(Plan(), "Nothing yet")
    click_row(find(bench, "layers.table", QTableView), "fc1")
    tabs = find(bench, "explore.ofLayer", QTabBar)
    number = next(number for number in range(tabs.count()) if tabs.tabText(number) == "Activations")
    click(tabs, tabs.tabRect(number).center())
    page = bench.workbench.tabs.currentWidget()
    assert isinstance(page, ExplorePage)
    page.ranges.asked_of = asked  # type: ignore[attr-defined]
    return page.ranges


def answer(panel: RangesPanel, digits: tuple[Open, wire.Opened], qtbot: QtBot) -> wire.Ranges:
    asked = panel.asked_of  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: bool(asked))
    found = ranges(digits[0], asked.pop())
    panel.session.ranges_received.emit(found)
    QApplication.processEvents()
    return found


def test_that_lines_stand_where_the_calibrator_of_the_plan_puts_the_codes(
    panel: RangesPanel, digits: tuple[Open, wire.Opened], qtbot: QtBot
) -> None:
    session = panel.session
    assert "On its way" in panel.said.text()
    found = answer(panel, digits, qtbot)
    assert panel.plot.covered is None and "not rounded" in panel.said.text()
    for calibrator in ("minmax", "percentile", "mse"):
        session.set_layer(["fc1"], "codes", activation_bits=8, calibrator=calibrator)
        low, high = found.covered[calibrator]
        assert panel.plot.covered == pytest.approx((min(low, 0), max(high, 0)))
        assert f"codes from 0 to {high:.3g}" in panel.said.text() and "measured" in panel.said.text()
    assert not panel.asked_of  # type: ignore[attr-defined]  # known already
    session.set_layer(["fc1"], "fewer", activation_bits=4)
    fewer = answer(panel, digits, qtbot)
    assert fewer.bits == 4 and panel.plot.covered == pytest.approx((0, fewer.covered["mse"][1]))


def test_that_a_layer_without_weights_says_what_to_choose(panel: RangesPanel) -> None:
    graph = panel.session.graph
    assert graph is not None
    panel.session.select((), current=next(layer.name for layer in graph.layers if not layer.compressible))
    assert "Choose a layer that a plan can change" in panel.said.text()
