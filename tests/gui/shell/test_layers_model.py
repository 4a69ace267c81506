"""The table of layers: Qt's own checks, and what its cells say."""

from PySide6.QtCore import QSortFilterProxyModel, Qt
from pytestqt.modeltest import ModelTester

from penjing.plan import Plan
from penjing_gui.item_models.layers import SORT_ROLE, Column, LayersModel
from penjing_gui.session import Session


def test_that_qt_finds_nothing_wrong_with_the_model(session: Session, qtmodeltester: ModelTester) -> None:
    model = LayersModel(session)
    qtmodeltester.check(model)
    session.set_defaults("Bits", weight_bits=5)
    proxy = QSortFilterProxyModel()
    proxy.setSourceModel(model)
    qtmodeltester.check(proxy)


def test_that_nothing_open_is_an_empty_table(closed: Session, qtmodeltester: ModelTester) -> None:
    model = LayersModel(closed)
    qtmodeltester.check(model)
    assert model.rowCount() == 0


def test_that_cells_say_what_the_plan_does(session: Session) -> None:
    session.edit(Plan(), "Reset")
    model = LayersModel(session)
    layer = session.graph.compressible[0]
    value = lambda column: model.index(0, column).data(SORT_ROLE)  # noqa: E731
    assert value(Column.BEFORE) == value(Column.NOW) == 4 * (layer.weights + layer.bias)
    session.set_layer((layer.name,), "Zeros", sparsity=0.5, weight_bits=8)
    assert value(Column.SPARSITY) == 0.5
    assert value(Column.BITS) == 8
    assert value(Column.NOW) < value(Column.BEFORE)


def test_that_an_edit_in_the_table_edits_all_selected_layers(session: Session) -> None:
    model = LayersModel(session)
    names = [layer.name for layer in session.graph.compressible]
    session.select(names[:2])
    assert model.setData(model.index(0, Column.BITS), 4)
    assert [session.plan.settings(name).weight_bits for name in names[:2]] == [4, 4]
    assert session.plan.settings(names[2]).weight_bits != 4
    assert model.setData(model.index(2, Column.LOCKED), Qt.CheckState.Checked.value, Qt.ItemDataRole.CheckStateRole)
    assert session.plan.settings(names[2]).locked
    assert not session.plan.settings(names[0]).locked


def test_that_nonsense_is_refused_by_a_cell(session: Session) -> None:
    model, before = LayersModel(session), session.plan
    for column, wrong in ((Column.BITS, 9), (Column.BITS, "x"), (Column.SPARSITY, 101), (Column.LAYER, "name")):
        assert not model.setData(model.index(0, column), wrong)
    assert session.plan == before


def test_that_a_table_file_holds_numbers_and_no_formulas(session: Session) -> None:
    from penjing_gui.item_models import layers

    lines = LayersModel(session).as_csv().splitlines()
    assert len(lines) == 1 + len(session.graph.compressible)
    assert lines[1].split(",")[2] == str(session.graph.compressible[0].params)
    assert layers._quoted('=1+1,"x"') == '"\'=1+1,""x"""'
