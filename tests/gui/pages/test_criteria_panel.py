"""All criteria side by side: what each would take as counted by hand, missing ones asked for, one taken by a click."""

from types import SimpleNamespace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QComboBox, QTabBar, QTableView
from pytestqt.qtbot import QtBot

from penjing.estimation.tables import Wanted
from penjing.plan import Plan
from penjing_gui.criteria import Judged, judged_filters, judged_weights
from penjing_gui.item_models.strips import STRIP_ROLE
from penjing_gui.main_window import MainWindow
from penjing_gui.pages.criteria_panel import CriteriaPanel
from penjing_gui.pages.explore import ExplorePage
from tests.support.hands import choose, click, click_row, double_click, find, press


@pytest.fixture
def panel(bench: MainWindow) -> CriteriaPanel:
    bench.resize(1280, 900)
    bench.session.edit(Plan(), "Nothing yet")
    click_row(find(bench, "layers.table", QTableView), "conv2")
    tabs = find(bench, "explore.ofFilters", QTabBar)
    number = next(number for number in range(tabs.count()) if tabs.tabText(number) == "All criteria")
    click(tabs, tabs.tabRect(number).center())
    QApplication.processEvents()
    page = bench.workbench.tabs.currentWidget()
    assert isinstance(page, ExplorePage) and page.criteria.isVisible()
    return page.criteria


def row_of(panel: CriteriaPanel, id: str) -> int:
    return next(row for row, one in enumerate(panel.rows) if one.id == id)


def test_that_what_goes_and_how_far_it_agrees_is_counted() -> None:
    ours, theirs = np.array([4.0, 1.0, 3.0, 2.0], np.float32), np.array([1.0, 2.0, 3.0, 4.0], np.float32)
    found = judged_filters(ours, theirs, 2)
    assert found.gone.tolist() == [False, True, False, True] and found.strip.tolist() == [1.0, 0.0, 2 / 3, 1 / 3]
    assert found.agrees == 0.5  # theirs takes the first two, ours the second and the fourth
    blocks = np.array([[1, 2], [3, 4]], np.float32), np.array([[4, 1], [2, 3]], np.float32)
    weights = judged_weights(*blocks, 0.5)
    assert weights.strip.tolist() == [0.0, 1.0] and weights.gone.tolist() == [True, False]
    assert weights.agrees == 0.5  # of {1, 2} the other zeroes one, too


def test_that_rows_agree_with_what_the_scores_say(panel: CriteriaPanel, bench: MainWindow) -> None:
    session = bench.session
    session.set_layer(["conv2"], "half", filters=0.5, filter_criterion="l1")
    own, other = (session.tables.filter_scores["conv2", one] for one in ("l1", "l2"))
    took, takes = (set(np.argsort(scores, kind="stable")[:8].tolist()) for scores in (own, other))
    row = row_of(panel, "l2")
    assert panel.table.item(row, 2).text() == f"{100 * len(took & takes) / 8:.0f} %"
    assert panel.table.item(row_of(panel, "l1"), 0).text().startswith("✓")
    judged = panel.table.item(row_of(panel, "l1"), 1).data(STRIP_ROLE)
    assert isinstance(judged, Judged) and judged.gone.tolist() == [True] * 8 + [False] * 8
    assert "8" in panel.said.text() and "exact" in panel.said.text()


def test_that_missing_scores_are_asked_for_one_by_one(
    panel: CriteriaPanel, bench: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, asked = bench.session, []
    monkeypatch.setattr(session, "request_scores", asked.append)
    click_row(find(bench, "layers.table", QTableView), "fc2")
    qtbot.waitUntil(lambda: any(("fc2", "taylor") in one.filters for one in asked))
    assert all(isinstance(one, Wanted) and len(one.filters) == 1 for one in asked)
    assert "on its way" in panel.table.item(row_of(panel, "taylor"), 1).text()


def test_that_a_double_click_takes_a_criterion(panel: CriteriaPanel, bench: MainWindow) -> None:
    session = bench.session
    index = panel.table.model().index(row_of(panel, "geometric_median"), 0)
    double_click(panel.table.viewport(), panel.table.visualRect(index).center())
    assert session.plan.settings("conv2").filter_criterion == "geometric_median"
    assert session.plan.settings("fc1").filter_criterion != "geometric_median"
    panel.table.setFocus()
    for _ in range(3):
        press(panel.table, Qt.Key.Key_Up)
    press(panel.table, Qt.Key.Key_Return)
    assert session.plan.settings("conv2").filter_criterion == panel.rows[0].id
    session.undo_stack.undo()
    assert session.plan.settings("conv2").filter_criterion == "geometric_median"


def test_that_weights_are_compared_by_what_filters_lose(panel: CriteriaPanel, bench: MainWindow, qtbot: QtBot) -> None:
    session = bench.session
    session.set_layer(["conv2"], "zeros", sparsity=0.25)
    choose(find(bench, "criteria.what", QComboBox), "criterion")
    qtbot.waitUntil(lambda: len(panel._asked) == len(panel.rows))
    generator = np.random.default_rng(0)
    blocks = {}
    for request, (layer, id_) in tuple(panel._asked.items()):
        blocks[id_] = generator.random((16, 150)).astype(np.float32)
        session.saliency_received.emit(SimpleNamespace(request=request, layer=layer), blocks[id_])
    cut = {id_: set(np.argsort(block, axis=None, kind="stable")[:600].tolist()) for id_, block in blocks.items()}
    expected = len(cut["magnitude"] & cut["lamp"]) / 600
    assert panel.table.item(row_of(panel, "lamp"), 2).text() == f"{100 * expected:.0f} %"
