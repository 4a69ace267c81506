"""The history by mouse and keys: keep, name, pin, branch, take away; any number of runs compared."""

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton, QTableWidget, QTabWidget, QTreeWidget, QTreeWidgetItem
from pytestqt.qtbot import QtBot

from penjing.plan import Plan, Settings
from penjing_gui.layer_view import LayerView
from penjing_gui.main_window import MainWindow
from penjing_gui.pages.compare_panel import weights_under
from penjing_gui.pages.history_panel import HistoryPanel
from tests.gui.conftest import Recorder
from tests.support.hands import choose_tab, click, find, press


def _items(tree: QTreeWidget) -> dict[str, QTreeWidgetItem]:
    found = tree.findItems("", Qt.MatchFlag.MatchContains | Qt.MatchFlag.MatchRecursive)
    return {item.text(0): item for item in found}


def _click_item(tree: QTreeWidget, name: str) -> None:
    item = _items(tree)[name]
    tree.scrollToItem(item)
    click(tree.viewport(), tree.visualItemRect(item).center())


def test_that_runs_are_kept_named_pinned_branched_and_taken_away(
    qtbot: QtBot, window: MainWindow, record: Callable[..., Recorder], patience: int
) -> None:
    session = window.session
    with qtbot.waitSignal(session.opened, timeout=patience):
        click(find(window, "start.sample.digits"))
    qtbot.waitUntil(lambda: session.accuracy_is_current, timeout=patience)
    choose_tab(find(window, "tabs.main", QTabWidget), "Trade-offs")
    choose_tab(find(window, "tradeoffs.lower", QTabWidget), "History")
    tree = find(window, "history.tree", QTreeWidget)
    click(find(window, "history.keep", QPushButton))
    (first,) = session.runs
    assert first.kind == "kept" and first.plan == session.plan and first.accuracy is not None

    # What is kept after a branch comes from it.
    _click_item(tree, "Kept 1")
    click(find(window, "history.branch", QPushButton))
    session.set_layer(["fc1"], "cut", sparsity=0.8)
    session.apply_run(first.id)
    click(find(window, "history.keep", QPushButton))
    assert session.runs[1].parent == first.id
    assert _items(tree)["Kept 2"].parent() is _items(tree)["Kept 1"]

    _click_item(tree, "Kept 1")
    click(find(window, "history.rename", QPushButton))
    editor = tree.findChild(QLineEdit)
    editor.selectAll()
    qtbot.keyClicks(editor, "gentle")
    press(editor, Qt.Key.Key_Return)
    assert session.runs[0].name == "gentle" and "gentle" in _items(tree)
    click(find(window, "history.pin", QPushButton))
    assert session.runs[0].pinned
    assert not find(window, "history.remove").isEnabled()
    click(find(window, "history.pin", QPushButton))
    assert not session.runs[0].pinned

    heard = record(session)
    before = session.runs
    click(find(window, "history.remove", QPushButton))
    # The child is not lost with its parent.
    assert [run.name for run in session.runs] == ["Kept 2"] and session.runs[0].parent is None
    heard.only().actions[0].run()
    assert session.runs == before


def test_that_runs_are_compared_with_their_plans_classes_and_flips(
    qtbot: QtBot, window: MainWindow, patience: int
) -> None:
    session = window.session
    with qtbot.waitSignal(session.opened, timeout=patience):
        click(find(window, "start.sample.digits"))
    qtbot.waitUntil(lambda: session.accuracy_is_current, timeout=patience)
    choose_tab(find(window, "tabs.main", QTabWidget), "Trade-offs")
    lower = find(window, "tradeoffs.lower", QTabWidget)
    choose_tab(lower, "History")
    tree = find(window, "history.tree", QTreeWidget)
    for bits in (8, 2):
        session.edit(Plan().with_defaults(weight_bits=bits, activation_bits=8), "bits")
        qtbot.waitUntil(lambda: session.accuracy_is_current, timeout=patience)
        session.measure_all()
        qtbot.waitUntil(lambda: session.judgements.of(session.plan) is not None, timeout=patience)
        click(find(window, "history.keep", QPushButton))
    panel = window.findChild(HistoryPanel)
    tree.clearSelection()
    for name in ("Kept 1", "Kept 2"):
        _items(tree)[name].setSelected(True)
    assert len(panel.selected) == 2
    choose_tab(lower, "Compare")
    table = find(window, "compare.table", QTableWidget)
    rows = {table.verticalHeaderItem(row).text(): row for row in range(table.rowCount())}
    assert [table.horizontalHeaderItem(column).text() for column in range(2)] == ["Kept 1", "Kept 2"]

    def cells(name: str) -> list[str]:
        return [table.item(rows[name], column).text() for column in range(2)]

    assert "8 bits" in cells("fc1")[0] and "2 bits" in cells("fc1")[1]
    lost = [session.judgements.of(run.plan).change.lost for run in session.runs]  # type: ignore[union-attr]
    assert [text.startswith(f"{count} lost") for text, count in zip(cells("Flipped"), lost, strict=True)] == [True] * 2
    shares = [session.judgements.of(run.plan).per_class[0] for run in session.runs]  # type: ignore[union-attr]
    told = [f"{100 * share:.1f} %" for share in shares if share is not None]
    assert cells(f"Class {session.data.classes[0]}") == told  # type: ignore[union-attr]
    hint = next(label for label in lower.currentWidget().findChildren(QLabel) if label.property("muted"))
    assert hint.text().startswith("Flipped")


def test_that_the_weights_of_a_plan_are_cut_zeroed_and_rounded() -> None:
    weights = np.array([[0.2, -0.1, 0.5], [0.3, 0.7, -0.2], [-0.4, 0.1, 0.6]])
    seen = LayerView(
        layer=None,
        settings=Settings(),
        threshold=0.3,
        zeroed=4,
        left=9,
        cut=np.array([False, False, True]),  # type: ignore[arg-type]
    )
    # METHODS §5 without its last filter: θ = 0.3, then 4 bits with S = 0.5/7 and 0.7/7.
    found = weights_under(weights, seen, Settings(weight_bits=4))
    np.testing.assert_allclose(found, [0, 0, 0.5, 0.3, 0.7, 0], atol=1e-12)
