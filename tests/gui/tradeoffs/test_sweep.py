"""A sweep by mouse: the dialog, runs that appear while it goes, cancel, going on, what the plot says and writes."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QDialog, QLabel, QLineEdit, QPushButton, QSpinBox, QTableView, QTabWidget
from pytestqt.qtbot import QtBot

from penjing.project.values import Run
from penjing_gui.main_window import MainWindow
from penjing_gui.pages.tradeoffs import TradeoffsPage
from penjing_gui.plots.scatter import Point, Scatter, pareto
from tests.gui.conftest import Recorder
from tests.support.clusters import cluster
from tests.support.hands import choose, choose_tab, click, find, type_over


def test_that_a_sweep_fills_the_plot_while_it_runs_and_goes_on_after_a_cancel(
    qtbot: QtBot, window: MainWindow, record: Callable[..., Recorder], tmp_path: Path, patience: int
) -> None:
    session = window.session
    heard = record(session)
    with qtbot.waitSignal(session.opened, timeout=patience):
        click(find(window, "start.sample.digits"))
    choose_tab(find(window, "tabs.main", QTabWidget), "Trade-offs")
    click(find(window, "tradeoffs.sweep", QPushButton))
    dialog = find(window, "sweep", QDialog)
    qtbot.waitExposed(dialog)
    type_over(find(dialog, "sweep.trials", QSpinBox), "400")
    click(find(dialog, "sweep.start", QPushButton))
    assert not find(dialog, "sweep.start").isEnabled()
    qtbot.waitUntil(lambda: len(session.runs) >= 3, timeout=patience)
    assert "on the front" in find(dialog, "sweep.state", QLabel).text()
    with qtbot.waitSignal(session.job_changed, timeout=patience, check_params_cb=lambda job: not job.active):
        click(find(dialog, "sweep.cancel", QPushButton))
    assert session.job is not None and session.job.state == "cancelled"
    known = session.runs
    assert len({run.plan.hash for run in known}) == len(known)
    assert all(run.kind == "sweep" and run.accuracy is not None and run.figures.latency_ms for run in known)

    # The same sweep goes on: what is known already is no new run.
    click(find(dialog, "sweep.start", QPushButton))
    qtbot.waitUntil(lambda: len(session.runs) > len(known), timeout=patience)
    assert session.runs[: len(known)] == known
    with qtbot.waitSignal(session.job_changed, timeout=patience, check_params_cb=lambda job: not job.active):
        click(find(dialog, "sweep.cancel", QPushButton))
    click(find(dialog, "sweep.close", QPushButton))

    _plot_applies(qtbot, window)
    _writes(window, tmp_path)
    heard.no_errors()


def test_that_a_sweep_runs_on_the_workers_of_a_scheduler_that_is_typed_in(
    qtbot: QtBot, window: MainWindow, record: Callable[..., Recorder], tmp_path: Path, patience: int
) -> None:
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    session = window.session
    heard = record(session)
    with cluster(tmp_path) as address:
        with qtbot.waitSignal(session.opened, timeout=patience):
            click(find(window, "start.sample.digits"))
        choose_tab(find(window, "tabs.main", QTabWidget), "Trade-offs")
        click(find(window, "tradeoffs.sweep", QPushButton))
        dialog = find(window, "sweep", QDialog)
        qtbot.waitExposed(dialog)
        start, state = find(dialog, "sweep.start", QPushButton), find(dialog, "sweep.state", QLabel)
        field = find(dialog, "sweep.scheduler", QLineEdit)
        type_over(field, "127.0.0.1")
        assert not start.isEnabled() and "tcp://127.0.0.1:8786" in state.text()
        type_over(field, address)
        type_over(find(dialog, "sweep.trials", QSpinBox), "3")
        click(start)
        with qtbot.waitSignal(session.job_changed, timeout=patience, check_params_cb=lambda job: not job.active):
            pass
        assert session.job is not None and session.job.state == "done"
        assert len(session.runs) >= 3 and state.text().startswith("Done: ")
        import distributed

        with distributed.Client(address, set_as_default=False) as client:  # type: ignore[no-untyped-call]
            tried = client.run(lambda dask_worker: len(dask_worker.state.log))
        assert sum(count > 0 for count in tried.values()) == 2
    heard.no_errors()
    click(find(dialog, "sweep.close", QPushButton))


def _plot_applies(qtbot: QtBot, window: MainWindow) -> None:
    """A click on a point selects its row; a double click applies its plan, undoably."""
    session = window.session
    scatter = find(window, "plot.tradeoffs", Scatter)
    choose(find(window, "tradeoffs.axis", QComboBox), "size_bytes")
    run = min(session.runs, key=lambda one: one.figures.size_bytes)
    assert run.accuracy is not None
    at = QPointF(run.figures.size_bytes / 1024, 100 * run.accuracy.value)
    place = scatter.mapFromScene(scatter.getPlotItem().vb.mapViewToScene(at))
    place = scatter.viewport().mapTo(window, place)
    before = session.plan
    QTest.mouseDClick(window.windowHandle(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    qtbot.waitUntil(lambda: session.plan == run.plan, timeout=5000)
    assert session.run == run
    session.undo_stack.undo()
    assert session.plan == before


def _writes(window: MainWindow, folder: Path) -> None:
    page = window.findChild(TradeoffsPage)
    page.write_csv(str(folder / "runs.csv"))
    rows = list(csv.DictReader(io.StringIO((folder / "runs.csv").read_text("utf-8-sig"))))
    assert [row["id"] for row in rows][:2] == ["loaded", "now"]
    runs = {run.id: run for run in window.session.runs}
    for row in rows[2:]:
        run = runs[row["id"]]
        assert run.accuracy is not None
        assert float(row["accuracy"]) == run.accuracy.value
        assert int(row["size_bytes"]) == run.figures.size_bytes
        assert row["plan_hash"] == run.plan.hash
    page.write_plot(str(folder / "runs.svg"))
    assert "<svg" in (folder / "runs.svg").read_text()
    page.write_plot(str(folder / "runs.png"))
    assert QImage(str(folder / "runs.png")).width() == 2 * page.scatter.width()


def test_that_a_plot_that_cannot_be_written_costs_one_notice(
    qtbot: QtBot, window: MainWindow, record: Callable[..., Recorder], tmp_path: Path
) -> None:
    window.workbench.build()
    page = window.findChild(TradeoffsPage)
    heard = record(window.session)
    page.write_plot(str(tmp_path / "no" / "folder.svg"))
    assert heard.only().level == "error" and "No such file" in heard.only().text


def test_that_hovering_a_point_says_its_plan_as_plain_text(qtbot: QtBot) -> None:
    scatter = Scatter()
    qtbot.addWidget(scatter)
    scatter.resize(400, 300)
    with qtbot.waitExposed(scatter):
        scatter.show()
    point = Point(id="a", name="<b>a</b>", size=10, accuracy=90, fits=True, kind=0, tip="<b>a</b>\nconv1: 4 bits")
    scatter.show_points([point], frozenset())
    view = scatter.getPlotItem().vb
    at = scatter.mapFromScene(view.mapViewToScene(QPointF(10, 90)))
    for place in (at - QPoint(40, 40), at):
        QTest.mouseMove(scatter.windowHandle(), scatter.viewport().mapTo(scatter, place))
    qtbot.waitUntil(lambda: "conv1: 4 bits" in view.toolTip(), timeout=5000)
    assert "&lt;b&gt;a&lt;/b&gt;" in view.toolTip()


def test_that_the_front_is_what_no_other_point_beats() -> None:
    def point(id: str, size: float, accuracy: float) -> Point:
        return Point(id=id, name=id, size=size, accuracy=accuracy, fits=True, kind=0)

    points = [point("a", 4, 90), point("b", 4, 95), point("c", 2, 50), point("d", 9, 95), point("e", 9, 96)]
    assert [one.id for one in pareto(points)] == ["c", "b", "e"]


def test_that_the_table_and_the_plot_have_one_selection(qtbot: QtBot, window: MainWindow, patience: int) -> None:
    with qtbot.waitSignal(window.session.opened, timeout=patience):
        click(find(window, "start.sample.digits"))
    qtbot.waitUntil(lambda: window.session.accuracy_is_current, timeout=patience)
    choose_tab(find(window, "tabs.main", QTabWidget), "Trade-offs")
    page = window.findChild(TradeoffsPage)
    page.scatter.chosen.emit("loaded", False)
    assert [row.id for row in page.chosen] == ["loaded"]
    page.scatter.chosen.emit("now", True)
    assert [row.id for row in page.chosen] == ["loaded", "now"]
    table = find(window, "runs.table", QTableView)
    click(table.viewport(), table.visualRect(page.model.index(1, 0)).center())
    assert [row.id for row in page.chosen] == ["now"]


def test_that_a_run_that_is_found_leaves_the_selection_as_it_is(
    qtbot: QtBot, window: MainWindow, patience: int
) -> None:
    session = window.session
    with qtbot.waitSignal(session.opened, timeout=patience):
        click(find(window, "start.sample.digits"))
    choose_tab(find(window, "tabs.main", QTabWidget), "Trade-offs")
    page = window.findChild(TradeoffsPage)
    qtbot.waitUntil(lambda: len(page.model.rows) == 2, timeout=patience)
    page.scatter.chosen.emit("loaded", False)
    assert session.figures is not None
    run = Run(id="kept-1", name="one", kind="kept", created="", plan=session.plan, figures=session.figures)
    session.add_run(run)
    assert [row.id for row in page.model.rows] == ["loaded", "now", "kept-1"]
    assert [row.id for row in page.chosen] == ["loaded"]
    table = find(window, "runs.table", QTableView)
    wide = Run(id="kept-2", name="two", kind="kept", created="", plan=session.plan,
               figures=msgspec.structs.replace(session.figures, flash_bytes=1023 * 1024**2 + 511 * 1024))  # fmt: skip
    before = table.columnWidth(3)
    session.add_run(wide)
    qtbot.waitUntil(lambda: table.columnWidth(3) > before, timeout=5000)
