"""The Explore page by mouse and keys: the brush, the threshold in the plot, what a locked layer refuses."""

from types import SimpleNamespace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
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
    (request,) = (number for number, key in found.saliency._asked.items() if key[0] == "conv2")
    block = np.random.default_rng(0).normal(size=(filters, 150)).astype(np.float32)
    bench.session.saliency_received.emit(SimpleNamespace(request=request), block)
    QApplication.processEvents()
    return found


def place(page: ExplorePage, row: int) -> QPoint:
    """Where a filter is drawn."""
    box = page.saliency.heatmap.getViewBox()
    found: QPoint = page.saliency.heatmap.mapFromScene(box.mapViewToScene(QPointF(70, row + 0.5)))
    return found


def test_that_a_click_on_a_filter_cuts_it_keeps_it_and_leaves_it_to_the_rule(page: ExplorePage) -> None:
    session = page._session
    steps = session.undo_stack.count()
    click(page.saliency.heatmap.viewport(), place(page, 3))
    assert session.plan.settings("conv2").cut == (3,) and page.saliency.heatmap.cut == (3,)
    assert "1 of 16 filters cut" in page.saliency.heatmap.accessibleDescription()
    click(page.saliency.heatmap.viewport(), place(page, 3))
    assert session.plan.settings("conv2").keep == (3,) and page.saliency.heatmap.cut == ()
    click(page.saliency.heatmap.viewport(), place(page, 3))
    own = session.plan.settings("conv2")
    assert (own.cut, own.keep) == ((), ())
    assert session.undo_stack.count() == steps + 3
    assert session.figures_are_current


def test_that_a_kept_filter_is_not_cut_by_the_slider(page: ExplorePage) -> None:
    session = page._session
    session.set_layer(["conv2"], "half", filters=0.5)
    gone = page.saliency.heatmap.cut
    assert len(gone) == 8
    row = gone[0]
    click(page.saliency.heatmap.viewport(), place(page, row))  # cut by hand
    click(page.saliency.heatmap.viewport(), place(page, row))  # kept by hand
    assert row in session.plan.settings("conv2").keep
    assert row not in page.saliency.heatmap.cut and len(page.saliency.heatmap.cut) == 8


def test_that_what_is_under_the_pointer_is_said_beside_the_title(page: ExplorePage) -> None:
    page.saliency.heatmap.setFocus()
    press(page.saliency.heatmap, Qt.Key.Key_Down)
    assert "filter 0" in page.saliency.pointed.text().lower()
    assert "keep" in page.saliency.pointed.text() or "cut" in page.saliency.pointed.text()


def test_that_a_drag_brushes_filters_in_one_step_that_can_be_undone(page: ExplorePage, bench: MainWindow) -> None:
    session, saliency = page._session, page.saliency
    view, steps = saliency.heatmap.viewport(), session.undo_stack.count()
    drag(view, place(page, 2), place(page, 5))
    assert session.plan.settings("conv2").cut == (2, 3, 4, 5) == saliency.heatmap.cut
    assert session.undo_stack.count() == steps + 1
    assert "cut by hand: 2–5" in saliency.heatmap.accessibleDescription()
    click(find(bench, "saliency.brush.keep", QToolButton))
    drag(view, place(page, 7), place(page, 4))  # upwards, too
    own = session.plan.settings("conv2")
    assert own.cut == (2, 3) and own.keep == (4, 5, 6, 7)
    click(find(bench, "saliency.brush.free", QToolButton))
    drag(view, place(page, 3), place(page, 6))
    own = session.plan.settings("conv2")
    assert own.cut == (2,) and own.keep == (7,)
    session.undo_stack.undo()
    assert session.plan.settings("conv2").keep == (4, 5, 6, 7)
    QTest.mouseMove(page.window().windowHandle(), QPoint(2, 2))  # away from the picture
    QApplication.processEvents()
    assert "cut by hand: 2–3" in saliency.pointed.text() and "protected: 4–7" in saliency.pointed.text()


def test_that_shift_and_arrows_brush_and_say_what_a_cut_goes_through(page: ExplorePage, bench: MainWindow) -> None:
    session, saliency = page._session, page.saliency
    aimed: list[frozenset[int]] = []
    session.channels_aimed.connect(aimed.append)
    saliency.heatmap.setFocus()
    press(saliency.heatmap, Qt.Key.Key_Down)
    for _ in range(3):
        press(saliency.heatmap, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    graph = session.graph
    assert graph is not None and saliency.heatmap.outlined == 1
    assert aimed[-1] == frozenset(graph.by_name["conv2"].output_channels[:4])
    assert "0–3" in saliency.pointed.text() and "fc1" in saliency.pointed.text()
    press(saliency.heatmap, Qt.Key.Key_Return)
    assert session.plan.settings("conv2").cut == (0, 1, 2, 3)


def test_that_filters_of_the_last_layer_say_that_they_cannot_be_cut(page: ExplorePage, bench: MainWindow) -> None:
    session, saliency = page._session, page.saliency
    click_row(find(bench, "layers.table", QTableView), "fc3")
    (request,) = (number for number, key in saliency._asked.items() if key[0] == "fc3")
    session.saliency_received.emit(SimpleNamespace(request=request), np.ones((10, 84), np.float32))
    saliency.heatmap.setFocus()
    press(saliency.heatmap, Qt.Key.Key_Down)
    assert "cannot be cut" in saliency.pointed.text()


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
