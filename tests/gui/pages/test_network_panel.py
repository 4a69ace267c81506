"""The Network dock: one selection with the table, colours of the present plan, ties shown before a cut, search."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit, QTableView, QToolButton

from penjing.plan import Plan
from penjing_gui.controls.network import NetworkPanel
from penjing_gui.layer_numbers import numbers
from penjing_gui.main_window import MainWindow
from penjing_gui.plots.scale import Legend
from tests.support.hands import choose, click, click_row, find, press, type_over


@pytest.fixture
def panel(bench: MainWindow) -> NetworkPanel:
    bench.resize(1280, 900)
    bench.session.edit(Plan(), "Nothing yet")
    QApplication.processEvents()
    found: NetworkPanel = bench.docks.network.widget()
    assert found.isVisible()
    return found


def at(panel: NetworkPanel, name: str) -> QPoint:
    panel.plot.jump(name)
    QApplication.processEvents()
    return panel.plot.place_of(name).toPoint()


def test_that_a_click_selects_everywhere_and_the_table_selects_here(panel: NetworkPanel, bench: MainWindow) -> None:
    session = bench.session
    table = find(bench, "layers.table", QTableView)
    click(panel.plot.viewport(), at(panel, "fc2"))
    assert session.selection == ("fc2",) and session.layer == "fc2"
    assert [index.data() for index in table.selectionModel().selectedRows()] == ["fc2"]
    window, view = panel.window().windowHandle(), panel.plot.viewport()
    place = view.mapTo(panel.window(), at(panel, "conv1"))
    QTest.mouseClick(window, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, place)
    assert session.selection == ("fc2", "conv1")
    click_row(table, "conv2")
    assert panel.plot.cursor_at == "conv2"


def test_that_a_layer_without_weights_is_shown_and_the_selection_stays(panel: NetworkPanel, bench: MainWindow) -> None:
    session = bench.session
    graph = session.graph
    assert graph is not None
    relu = next(layer.name for layer in graph.layers if not layer.compressible)
    session.select(["fc1"])
    click(panel.plot.viewport(), at(panel, relu))
    assert session.selection == ("fc1",) and session.layer == relu
    assert session.texts.of("layer.no_weights") in panel.said.text()


def test_that_every_number_colours_the_layers_and_says_its_unit_and_kind(
    panel: NetworkPanel, bench: MainWindow
) -> None:
    session = bench.session
    graph = session.graph
    assert graph is not None
    session.set_defaults("all", filters=0.0, weight_bits=4, activation_bits=8)
    session.set_layer(["fc1"], "zeros", sparsity=0.75)
    box, legend = find(bench, "network.number", QComboBox), find(bench, "network.legend", Legend)
    expected = {
        "params": {"fc1": "48.1 k"},
        "kept": {"fc1": "12.0 k"},
        "sparsity": {"fc1": "75 %", "fc2": "0 %"},
        "weightBits": {"fc2": "4"},
        "macs": {"fc1": "48.0 k"},
        "ram": {"fc1": "120 B"},
    }
    for one in numbers():
        choose(box, one.id)
        if one.id in ("sensitivity",):  # nothing was tried without an engine
            assert legend.ends == ("", "") and panel.said.text()
            continue
        assert legend.ends[1].endswith(("exact", "predicted")), one.id
        assert one.how in box.toolTip()
        for layer, text in expected.get(one.id, {}).items():
            assert panel.plot.text_of(layer) == text, one.id
    choose(box, "error")
    errors = session.tables.bit_errors["fc2"]
    assert panel.plot.text_of("fc2") == f"{100 * errors[4] ** 0.5:.1f} %"


def test_that_colours_follow_a_plan_and_a_hidden_dock_does_nothing(panel: NetworkPanel, bench: MainWindow) -> None:
    session = bench.session
    choose(find(bench, "network.number", QComboBox), "weightBits")
    session.set_defaults("bits", weight_bits=2)
    QTest.qWait(100)
    assert panel.plot.text_of("conv2") == "2"
    bench.docks.network.hide()
    session.set_defaults("bits", weight_bits=5)
    QTest.qWait(100)
    assert panel.plot.text_of("conv2") == "2"
    bench.docks.network.show()
    QApplication.processEvents()
    assert panel.plot.text_of("conv2") == "5"


def test_that_layers_a_cut_goes_through_are_outlined_while_a_hand_aims(panel: NetworkPanel, bench: MainWindow) -> None:
    session = bench.session
    graph = session.graph
    assert graph is not None
    session.aim_at(frozenset({graph.by_name["conv1"].output_channels[0]}))
    assert panel.plot.is_coupled("conv1") and panel.plot.is_coupled("conv2")
    assert not panel.plot.is_coupled("fc2")
    session.aim_at(frozenset())
    assert not panel.plot.is_coupled("conv1")


def test_that_a_search_finds_and_return_jumps(panel: NetworkPanel, bench: MainWindow) -> None:
    field = find(bench, "network.search", QLineEdit)
    type_over(field, "fc")
    assert bench.session.layer == "fc1"
    press(field, Qt.Key.Key_Return)
    assert bench.session.layer == "fc2" and panel.plot.cursor_at == "fc2"


def test_that_buttons_zoom(panel: NetworkPanel, bench: MainWindow) -> None:
    zoom = panel.plot.zoom
    click(find(bench, "network.larger", QToolButton))
    assert panel.plot.zoom == pytest.approx(1.25 * zoom)
    click(find(bench, "network.smaller", QToolButton))
    click(find(bench, "network.fit", QToolButton))
    view = panel.plot.viewport().rect()
    assert all(view.contains(panel.plot.place_of(node.name).toPoint()) for node in panel.plot.nodes)
