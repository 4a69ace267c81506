"""The history by mouse and keys: keep, name, pin, branch, take away; any number of runs compared."""

from collections.abc import Callable

from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QComboBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTabWidget,
    QTreeWidget,
    QTreeWidgetItem,
)
from pytestqt.qtbot import QtBot

from penjing.plan import Plan
from penjing.worker.change import Change, Flip
from penjing_gui.main_window import MainWindow
from penjing_gui.new_runs import run_name
from penjing_gui.pages.flips_table import MOST, Flipped, FlipsTable, flipped
from penjing_gui.pages.history_panel import HistoryPanel
from penjing_gui.plots.confusions import Confusions
from penjing_gui.plots.overlay import Overlay
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
    assert [run_name(run) for run in session.runs] == ["Kept 2"] and session.runs[0].parent is None
    heard.only().actions[0].run()
    assert session.runs == before


def test_that_any_runs_are_compared_sample_by_sample_without_being_measured_first(
    qtbot: QtBot, window: MainWindow, record: Callable[..., Recorder], patience: int
) -> None:
    session = window.session
    heard = record(session)
    with qtbot.waitSignal(session.opened, timeout=patience):
        click(find(window, "start.sample.digits"))
    qtbot.waitUntil(lambda: session.accuracy_is_current, timeout=patience)
    choose_tab(find(window, "tabs.main", QTabWidget), "Trade-offs")
    lower = find(window, "tradeoffs.lower", QTabWidget)
    choose_tab(lower, "History")
    tree = find(window, "history.tree", QTreeWidget)
    plans = [Plan().with_defaults(weight_bits=bits, activation_bits=8) for bits in (8, 2)]
    for plan in plans:
        session.edit(plan, "bits")
        click(find(window, "history.keep", QPushButton))
    panel = window.findChild(HistoryPanel)
    tree.clearSelection()
    for name in ("as loaded", "Kept 1", "Kept 2"):
        _items(tree)[name].setSelected(True)
    assert len(panel.selected) == 3
    choose_tab(lower, "Compare")
    qtbot.waitUntil(lambda: all(session.judgements.of(plan) for plan in (Plan(), *plans)), timeout=patience)
    table = find(window, "compare.table", QTableWidget)
    rows = {table.verticalHeaderItem(row).text(): row for row in range(table.rowCount())}
    assert [table.horizontalHeaderItem(column).text() for column in range(3)] == ["as loaded", "Kept 1", "Kept 2"]

    def cells(name: str) -> list[str]:
        return [table.item(rows[name], column).text() for column in range(3)]

    assert "8 bits" in cells("fc1")[1] and "2 bits" in cells("fc1")[2]
    judged = [session.judgements.of(plan) for plan in (Plan(), *plans)]
    changes = [one.change for one in judged if one is not None and one.change is not None]
    assert [text.split(" lost")[0] for text in cells("Flipped")] == [str(one.lost) for one in changes]
    assert changes[0].lost == 0 < changes[2].lost
    shares = [one.per_class[0] for one in judged if one is not None]
    told = [f"{100 * share:.1f} %" for share in shares if share is not None]
    assert cells(f"Class {session.data.classes[0]}") == told  # type: ignore[union-attr]
    assert find(window, "compare.hint", QLabel).text().startswith("Flipped")
    _look_closer(qtbot, window, changes[1:], patience)
    heard.no_errors()


def _look_closer(qtbot: QtBot, window: MainWindow, changes: list[Change], patience: int) -> None:
    """The flipped samples with their pictures, the confusions, the weights."""
    view = find(window, "compare.view", QComboBox)
    flips = find(window, "compare.flips", FlipsTable)
    assert flips.isVisible() and flips.columnCount() == 5
    named = {flip.sample for change in changes for flip in change.flips}
    shown = {int(flips.item(row, 0).text()) for row in range(flips.rowCount())}
    assert shown <= named and len(shown) == min(MOST, len(named))
    qtbot.waitUntil(lambda: not flips.item(0, 0).icon().isNull(), timeout=patience)
    first = next(flip for flip in changes[1].flips if str(flip.sample) == flips.item(0, 0).text())
    classes = window.session.data.classes  # type: ignore[union-attr]
    mark = "✓" if first.now == first.truth else "✕"
    assert flips.item(0, 4).text() == f"{mark} {classes[first.now]}"

    view.setFocus()
    press(view, Qt.Key.Key_Down)
    plot = find(window, "plot.confusions", Confusions)
    assert plot.isVisible()
    cell = next(one for one in changes[1].confusion if one.truth != one.chosen)
    # The third matrix stands right of the other two, each as wide as its classes and a gap.
    at = QPointF(2 * 10 * 1.12 + cell.chosen + 0.5, cell.truth + 0.5)
    place = plot.mapFromScene(plot.getPlotItem().vb.mapViewToScene(at))
    QTest.mouseMove(window.windowHandle(), plot.viewport().mapTo(window, place))
    said = f"Kept 2: {classes[cell.truth]} taken for {classes[cell.chosen]}, {cell.samples} of "
    qtbot.waitUntil(lambda: plot.toolTip().startswith(said), timeout=5000)

    press(view, Qt.Key.Key_Down)
    weights = find(window, "plot.compareWeights", Overlay)
    assert weights.isVisible() and len(weights.listDataItems()) == 3
    layer = find(window, "compare.layer", QComboBox)
    layer.setFocus()
    press(layer, Qt.Key.Key_Home)
    assert window.session.layer == "conv1"
    # METHODS §2: a symmetric grid of 2 bits has three values a filter, and zero is one of them.
    spread = window.session.judgements.of(Plan().with_defaults(weight_bits=2, activation_bits=8)).weights["conv1"]  # type: ignore[union-attr]
    line = weights.listDataItems()[2]
    assert tuple(line.yData) == spread.counts and 0 < spread.zeros < 6 * 25


def test_that_samples_are_ordered_by_how_many_runs_flip_them_and_unknown_ones_stay_open() -> None:
    def change(*flips: tuple[int, int, int, int], lost: int) -> Change:
        named = tuple(Flip(sample=a, truth=b, before=c, now=d) for a, b, c, d in flips)
        return Change(seen=9, lost=lost, gained=0, moved=0, p_value=1.0, flips=named)

    both, more = change((4, 1, 1, 2), (5, 0, 0, 3), lost=2), change((5, 0, 0, 1), lost=2)
    # The second run lost one more than it names: whether sample 4 is it, nobody knows.
    assert flipped([both, more]) == (Flipped(5, 0, 0, (3, 1)), Flipped(4, 1, 1, (2, None)))
    assert flipped([both, change(lost=0)])[0] == Flipped(4, 1, 1, (2, 1))
