"""Every figure says in its tip, or in that of its tab or column, how it is found out and of what kind it is."""

import re

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QTabBar, QTableView, QTabWidget

from penjing_gui.controls.readout import Readout
from penjing_gui.item_models.runs import RunsModel
from penjing_gui.main_window import MainWindow
from penjing_gui.pages.explore import ExplorePage
from tests.support import said
from tests.support.hands import find

KINDS = ("exact", "predicted", "measured", "score")
_NAMES = ("compress.layers", "data.place", "status.message")
"""Readouts that say names and places, not figures."""


def test_that_every_figure_says_how_it_is_found_out(bench: MainWindow) -> None:
    bench.resize(1280, 800)
    bench.session.measured_generation = -1
    QApplication.processEvents()
    lacking = []
    for one in bench.findChildren(Readout):
        if one.isVisible() and re.search(r"\d", one.text()) and one.accessibleIdentifier() not in _NAMES:
            lacking += [] if one.toolTip() else [said.place(one)]
    assert not lacking
    for identifier in ("estimate.size", "fit.flash", "savings.filters.flash", "layers.totals", "network.said"):
        tip = find(bench, identifier).toolTip().lower()
        assert any(kind in tip for kind in KINDS), identifier


def test_that_the_tabs_of_explore_say_how_what_they_show_is_found_out(bench: MainWindow) -> None:
    page = bench.workbench.tabs.currentWidget()
    assert isinstance(page, ExplorePage)
    strip = find(page, "explore.strip", QTabWidget)
    bars: list[QTabBar] = [page.of_layer.tabs, page.of_filters.tabs, strip.tabBar()]
    tips = {bar.tabText(number): bar.tabToolTip(number) for bar in bars for number in range(bar.count())}
    wrong = [name for name, tip in tips.items() if not any(kind in tip.lower() for kind in KINDS)]
    assert len(tips) >= 12 and not wrong


def test_that_the_columns_of_tables_say_how_their_figures_are_found_out(bench: MainWindow) -> None:
    table = find(bench, "layers.table", QTableView)
    runs = RunsModel(bench.session)
    for model, names in ((table.model(), ("Layer",)), (runs, ("Run",))):
        for column in range(model.columnCount()):
            title = model.headerData(column, Qt.Orientation.Horizontal)
            tip = model.headerData(column, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
            assert tip or title in names, title
