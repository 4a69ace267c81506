"""The Explore page by mouse and keys: the brush, the threshold in the plot, what a locked layer refuses."""

from types import SimpleNamespace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtWidgets import QApplication, QTableView, QToolButton

from penjing.plan import Plan
from penjing_gui.main_window import MainWindow
from penjing_gui.pages.explore import ExplorePage
from tests.support.hands import click, click_row, drag, find, press


@pytest.fixture
def page(bench: MainWindow) -> ExplorePage:
    """The page with conv2 chosen and its picture there, as the engine would send it."""
    bench.resize(1280, 800)
    bench.session.edit(Plan(), "Nothing yet")
    QApplication.processEvents()
    click_row(find(bench, "layers.table", QTableView), "conv2")
    found = bench.workbench.tabs.currentWidget()
    assert isinstance(found, ExplorePage)
    graph = bench.session.graph
    assert graph is not None
    filters = len(graph.by_name["conv2"].output_channels)
    (request,) = (number for number, key in found._asked.items() if key[0] == "conv2")
    block = np.random.default_rng(0).normal(size=(filters, 150)).astype(np.float32)
    bench.session.saliency_received.emit(SimpleNamespace(request=request), block)
    QApplication.processEvents()
    return found


def place(page: ExplorePage, row: int) -> QPoint:
    """Where a filter is drawn."""
    box = page.heatmap.getViewBox()
    found: QPoint = page.heatmap.mapFromScene(box.mapViewToScene(QPointF(70, row + 0.5)))
    return found


def test_that_a_click_on_a_filter_cuts_it_keeps_it_and_leaves_it_to_the_rule(page: ExplorePage) -> None:
    session = page._session
    steps = session.undo_stack.count()
    click(page.heatmap.viewport(), place(page, 3))
    assert session.plan.settings("conv2").cut == (3,) and page.heatmap.cut == (3,)
    assert "1 of 16 filters cut" in page.heatmap.accessibleDescription()
    click(page.heatmap.viewport(), place(page, 3))
    assert session.plan.settings("conv2").keep == (3,) and page.heatmap.cut == ()
    click(page.heatmap.viewport(), place(page, 3))
    own = session.plan.settings("conv2")
    assert (own.cut, own.keep) == ((), ())
    assert session.undo_stack.count() == steps + 3
    assert session.figures_are_current


def test_that_a_kept_filter_is_not_cut_by_the_slider(page: ExplorePage) -> None:
    session = page._session
    session.set_layer(["conv2"], "half", filters=0.5)
    gone = page.heatmap.cut
    assert len(gone) == 8
    row = gone[0]
    click(page.heatmap.viewport(), place(page, row))  # cut by hand
    click(page.heatmap.viewport(), place(page, row))  # kept by hand
    assert row in session.plan.settings("conv2").keep
    assert row not in page.heatmap.cut and len(page.heatmap.cut) == 8


def test_that_what_is_under_the_pointer_is_said_beside_the_title(page: ExplorePage) -> None:
    page.heatmap.setFocus()
    press(page.heatmap, Qt.Key.Key_Down)
    assert "filter 0" in page.pointed.text().lower()
    assert "keep" in page.pointed.text() or "cut" in page.pointed.text()


def test_that_a_drag_of_the_line_is_one_step_and_a_locked_layer_has_none(page: ExplorePage) -> None:
    session, histogram = page._session, page.histogram
    steps = session.undo_stack.count()
    x = round(histogram.line_position())
    drag(histogram.viewport(), QPoint(x, 80), QPoint(x + 40, 80))
    theta = session.plan.settings("conv2").threshold
    assert theta is not None and theta > 0 and session.undo_stack.count() == steps + 1
    values = session.values["conv2"]
    assert histogram.gone == int((np.abs(values) < np.float32(theta)).sum())
    session.set_layer(["conv2"], "lock", locked=True)
    x = round(histogram.line_position())
    drag(histogram.viewport(), QPoint(x, 80), QPoint(x + 40, 80))
    assert session.plan.settings("conv2").threshold == theta


def test_that_log_and_before_are_buttons_with_the_key_b(page: ExplorePage, bench: MainWindow) -> None:
    session, histogram = page._session, page.histogram
    session.set_layer(["conv2"], "half", sparsity=0.5)
    assert histogram.gone == len(session.values["conv2"]) // 2
    click(find(bench, "plot.before", QToolButton))
    assert histogram.gone == 0
    click(find(bench, "plot.before", QToolButton))
    assert histogram.gone == len(session.values["conv2"]) // 2
    click(find(bench, "plot.log", QToolButton))
    assert histogram._log and page.log.isChecked()
