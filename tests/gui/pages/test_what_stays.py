"""What no plan changes is listed with the reason where layers are: in table and network, beside the sliders."""

import csv
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QSlider, QTableView
from torch import nn

from penjing.errors import note
from penjing.exporting.onnx_float import float_proto
from penjing.model.modules import Add, AddConstant
from penjing.worker import messages as wire
from penjing.worker.gathered import first_tables
from penjing.worker.opening import Open, open_source
from penjing_gui.controls.layers import LayersPanel
from penjing_gui.controls.readout import Readout
from penjing_gui.controls.short_note import ShortNote
from penjing_gui.item_models.layers import STAYS, Column
from penjing_gui.main_window import MainWindow
from penjing_gui.opening import Pending
from penjing_gui.pages.saliency_view import SaliencyView
from tests.support.hands import click, click_row, drag_slider, find, press
from tests.support.networks import cumulative_sum, network

NODES: list[Any] = [
    ("conv", nn.Conv2d(3, 4, 3), ""),
    ("same", nn.Conv2d(4, 4, 1), ""),
    ("sums", cumulative_sum((4, 4, 4)), ""),
    ("both", Add(), "same sums"),
    ("shift", AddConstant(torch.ones(1, 4, 4, 4)), ""),
    ("flat", nn.Flatten(), ""),
    ("fc", nn.Linear(64, 2), ""),
]
YET = "cannot be compressed yet"


@pytest.fixture
def odd(shell: MainWindow, tmp_path: Path) -> MainWindow:
    """The window with a network of which an operator and a stored tensor stay as they are."""
    path = tmp_path / "odd.onnx"
    path.write_bytes(float_proto(network((3, 6, 6), NODES)).SerializeToString())
    opened, announced = open_source(wire.OpenSource(request=0, source=str(path)), lambda progress: None)
    session = shell.session
    tables = first_tables(opened.evidence, session.exchange.folder, request=0, on_layer=lambda number: None)
    session.adopt(Pending(request=0, source=str(path), data=None), announced, tables)
    shell.resize(1280, 900)
    QApplication.processEvents()
    return shell


def rows(table: QTableView) -> list[str]:
    return [table.model().index(row, 0).data() for row in range(table.model().rowCount())]


def test_that_the_table_lists_what_stays_after_all_others_in_any_order(odd: MainWindow) -> None:
    table = find(odd, "layers.table", QTableView)
    assert rows(table) == ["conv", "same", "fc", "sums", "shift.add"]
    for order, first in ((Qt.SortOrder.AscendingOrder, "same"), (Qt.SortOrder.DescendingOrder, "fc")):
        table.sortByColumn(Column.PARAMS, order)
        assert rows(table)[0] == first and set(rows(table)[3:]) == {"sums", "shift.add"}
        for row, name in enumerate(rows(table)):
            stays = name in ("sums", "shift.add")
            assert table.columnSpan(row, STAYS) == (len(Column) - STAYS if stays else 1)
            said = table.model().index(row, STAYS).data()
            assert (said == "stays as it is") == stays


def test_that_the_reason_is_in_the_tip_and_heard_by_assistive_tools(odd: MainWindow) -> None:
    table = find(odd, "layers.table", QTableView)
    model = table.model()
    row = rows(table).index("shift.add")
    assert YET in model.index(row, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert YET in model.index(row, 0).data(Qt.ItemDataRole.AccessibleDescriptionRole)
    assert YET in model.index(row, STAYS).data(Qt.ItemDataRole.AccessibleTextRole)
    # Filters that stay in a layer that can be compressed otherwise are told of, too.
    assert "at 'both'" in model.index(rows(table).index("same"), 0).data(Qt.ItemDataRole.ToolTipRole)
    assert "outputs of the network" in model.index(rows(table).index("fc"), 0).data(Qt.ItemDataRole.ToolTipRole)


def test_that_its_cells_cannot_be_edited(odd: MainWindow) -> None:
    table, session = find(odd, "layers.table", QTableView), odd.session
    model, plan = table.model(), session.plan
    row = rows(table).index("shift.add")
    for column in Column:
        flags = model.flags(model.index(row, column))
        assert not flags & (Qt.ItemFlag.ItemIsEditable | Qt.ItemFlag.ItemIsUserCheckable)
    assert not model.setData(model.index(row, Column.BITS), 4)
    assert not model.setData(model.index(row, Column.LOCKED), Qt.CheckState.Checked, Qt.ItemDataRole.CheckStateRole)
    assert session.plan == plan


def test_that_selecting_it_rests_the_sliders_and_says_why(odd: MainWindow) -> None:
    table, session = find(odd, "layers.table", QTableView), odd.session
    note, slider = find(odd, "compress.stays", ShortNote), find(odd, "compress.sparsity", QSlider)
    assert not note.isVisible() and slider.isEnabled()
    click_row(table, "fc")
    press(table, Qt.Key.Key_Down)
    assert session.selection == ("sums",)
    assert note.isVisible() and note.text() and not slider.isEnabled()
    press(table, Qt.Key.Key_Down)
    assert session.selection == ("shift.add",) and YET in note.text() and YET in note.accessibleName()
    click_row(table, "fc")
    assert slider.isEnabled() and "outputs of the network" in note.text()
    click_row(table, "conv")
    assert not note.isVisible()


def test_that_an_edit_of_several_layers_leaves_it_alone(odd: MainWindow) -> None:
    session = odd.session
    session.select(["conv", "shift.add", "fc"])
    note, slider = find(odd, "compress.stays", ShortNote), find(odd, "compress.sparsity", QSlider)
    assert "shift.add" in note.text() and slider.isEnabled()
    drag_slider(slider, 0.5)
    assert set(session.plan.layers) == {"conv", "fc"} and session.plan.settings("conv").sparsity > 0.3


def test_that_a_box_of_the_network_selects_it_in_the_table_and_says_why(odd: MainWindow) -> None:
    session, plot = odd.session, odd.docks.network.widget().plot
    plot.jump("shift.add")
    QApplication.processEvents()
    click(plot.viewport(), plot.place_of("shift.add").toPoint())
    assert session.selection == ("shift.add",) and YET in plot.accessibleDescription()
    table = find(odd, "layers.table", QTableView)
    assert [index.data() for index in table.selectionModel().selectedRows()] == ["shift.add"]
    # A box without numbers is only shown: the selection stays.
    plot.jump("both")
    QApplication.processEvents()
    click(plot.viewport(), QPoint(plot.place_of("both").toPoint()))
    assert session.selection == ("shift.add",) and session.layer == "both"


def test_that_the_table_as_a_file_has_a_column_of_reasons(odd: MainWindow) -> None:
    panel = odd.docks.layers.widget()
    assert isinstance(panel, LayersPanel)
    found = {row["Layer"]: row for row in csv.DictReader(io.StringIO(panel.model.as_csv()))}
    assert YET in found["shift.add"]["Stays because"] and found["conv"]["Stays because"] == ""
    assert found["shift.add"]["Params"] == "64" and found["shift.add"]["Bits"] == ""


def test_that_filters_that_stay_say_so_under_their_picture(odd: MainWindow) -> None:
    session, said = odd.session, find(odd, "saliency.pointed", Readout)
    view = find(odd, "plot.saliency").parentWidget()
    assert isinstance(view, SaliencyView)
    for layer, told in (("same", "at 'both'"), ("conv", "0 of 4 filters cut")):
        session.select([layer])
        request = next(number for number, key in view._asked.items() if key[0] == layer)
        session.saliency_received.emit(SimpleNamespace(request=request), np.ones((4, 4), np.float32))
        assert told in said.text()


def test_that_all_that_was_noticed_while_reading_is_one_notice_which_goes_with_its_network(
    odd: MainWindow, digits: tuple[Open, wire.Opened]
) -> None:
    session = odd.session
    notes = (note("load.dtype_changed", dtype="double"), note("load.dtype_changed", dtype="int32"))
    notice = session.texts.remarks((*notes, notes[0]), key="loaded")
    assert notice.text == "Values of type double became float32.\n… and 1 more"
    assert notice.details.splitlines()[1] == "Values of type int32 became float32."
    shown = [one.text for one in odd.notices.notices]
    assert any("run as the file has them" in text for text in shown)  # of the operator that nobody knows
    opened, announced = digits
    tables = first_tables(opened.evidence, session.exchange.folder, request=0, on_layer=lambda number: None)
    session.adopt(Pending(request=0, source="sample:digits", data=None), announced, tables)
    assert not odd.notices.notices


def test_that_training_says_beforehand_what_no_gradient_passes(odd: MainWindow) -> None:
    start, status = find(odd, "train.start", QPushButton), find(odd, "train.status", QLabel)
    assert "“sums” (CumSum)" in status.text() and "Leave the training steps out" in status.text()
    assert not start.isEnabled()
    odd.session.edit(msgspec.structs.replace(odd.session.plan, pipeline=("prune", "quantize")), "Without training")
    assert "No step of the plan trains" in status.text()
