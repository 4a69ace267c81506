"""The Layers dock as people use it: several layers edited at once, settings copied to others, the table as a file."""

import csv
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QMenu, QTableView

from penjing.plan import Plan
from penjing_gui.controls.layers import LayersPanel
from penjing_gui.copied_settings import paste_settings
from penjing_gui.item_models.layers import Column
from penjing_gui.main_window import MainWindow
from tests.support.hands import LEFT, click, click_row, double_click, find, press

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def table(bench: MainWindow) -> QTableView:
    bench.resize(1280, 900)
    bench.session.edit(Plan(), "Nothing yet")
    QApplication.processEvents()
    return find(bench, "layers.table", QTableView)


def cell(table: QTableView, name: str, column: Column) -> QPoint:
    model = table.model()
    row = next(row for row in range(model.rowCount()) if model.index(row, 0).data() == name)
    return table.visualRect(model.index(row, column)).center()


def test_that_a_lock_is_set_for_all_selected_layers_in_one_step(table: QTableView, bench: MainWindow) -> None:
    session = bench.session
    click_row(table, "conv1")
    place = table.viewport().mapTo(bench, cell(table, "fc1", Column.LAYER))
    QTest.mouseClick(bench.windowHandle(), LEFT, SHIFT, place)
    assert session.selection == ("conv1", "conv2", "fc1")
    steps = session.undo_stack.count()
    click(table.viewport(), cell(table, "conv2", Column.LOCKED))
    assert [session.plan.settings(name).locked for name in ("conv1", "conv2", "fc1", "fc2")] == [True] * 3 + [False]
    assert session.undo_stack.count() == steps + 1
    assert session.selection == ("conv1", "conv2", "fc1")


def test_that_bits_chosen_by_a_double_click_are_those_of_all_selected_layers(
    table: QTableView, bench: MainWindow
) -> None:
    session = bench.session
    click_row(table, "conv1")
    place = table.viewport().mapTo(bench, cell(table, "fc1", Column.LAYER))
    QTest.mouseClick(bench.windowHandle(), LEFT, SHIFT, place)
    double_click(table.viewport(), cell(table, "conv2", Column.BITS))
    box = table.findChild(QComboBox)
    assert box is not None and session.selection == ("conv1", "conv2", "fc1")
    press(box, Qt.Key.Key_Home)
    assert [session.plan.settings(name).weight_bits for name in ("conv1", "conv2", "fc1", "fc2")] == [2, 2, 2, 32]
    # A click on a name chooses that layer alone.
    click_row(table, "conv2")
    assert session.selection == ("conv2",)


def test_that_settings_are_copied_by_keys_and_brushed_filters_stay_a_layers_own(
    table: QTableView, bench: MainWindow
) -> None:
    session = bench.session
    session.set_layer(["conv2"], "mine", sparsity=0.5, weight_bits=4, cut=(3, 15))
    session.set_layer(["conv1"], "own", keep=(1,))
    click_row(table, "conv2")
    press(bench, Qt.Key.Key_C, CTRL | SHIFT)
    click_row(table, "conv1")
    place = table.viewport().mapTo(bench, cell(table, "fc2", Column.LAYER))
    QTest.mouseClick(bench.windowHandle(), LEFT, CTRL, place)
    press(bench, Qt.Key.Key_V, CTRL | SHIFT)
    for name in ("conv1", "fc2"):
        own = session.plan.settings(name)
        assert (own.sparsity, own.weight_bits, own.cut) == (0.5, 4, ())
    assert session.plan.settings("conv1").keep == (1,) and session.plan.settings("fc1").weight_bits == 32
    session.undo_stack.undo()
    assert session.plan.settings("fc2").weight_bits == 32


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no settings"),
        ("hello", "holds no settings"),
        ("[1, 2]", "holds no settings"),
        ('{"sparsity":0.5}, "layers": {}', "holds no settings"),
        ("x" * 2_000_000, "holds no settings"),
        ('{"sparsity": 7}', "defaults.sparsity is 7.0"),
        ('{"sparsity": "0,5"}', "it must be a number, and it is text"),
        ('{"colour": 1}', "defaults.colour"),
    ],
)
def test_that_what_is_no_settings_changes_nothing_and_says_why(bench: MainWindow, text: str, told: str) -> None:
    session, heard = bench.session, []
    session.noticed.connect(heard.append)
    before = session.plan
    QApplication.clipboard().setText(text)
    paste_settings(session)
    assert session.plan == before and len(heard) == 1
    assert told in heard[0].text and heard[0].hint


def test_that_the_tables_menu_copies_pastes_and_saves(table: QTableView, bench: MainWindow) -> None:
    session = bench.session
    session.set_layer(["fc1"], "mine", weight_bits=3)
    for layer, entry in (("fc1", "Copy Settings of Layer"), ("fc3", "Paste Settings")):
        click_row(table, layer)
        table.customContextMenuRequested.emit(cell(table, layer, Column.LAYER))
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        action = next(one for one in menu.actions() if one.text().replace("&", "") == entry)
        click(menu, menu.actionGeometry(action).center())
    assert session.plan.settings("fc3").weight_bits == 3


def test_that_the_table_is_written_with_plain_numbers(bench: MainWindow, table: QTableView, tmp_path: Path) -> None:
    bench.session.set_layer(["fc1"], "half", sparsity=0.5)
    panel = bench.docks.layers.widget()
    assert isinstance(panel, LayersPanel)
    panel._write_csv(str(tmp_path / "layers.csv"))
    with (tmp_path / "layers.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["Layer"]: row for row in csv.DictReader(file)}
    graph = bench.session.graph
    assert graph is not None and list(rows) == [layer.name for layer in graph.compressible]
    assert float(rows["fc1"]["Sparsity"]) == 0.5 and int(rows["fc1"]["Params"]) == graph.by_name["fc1"].params
