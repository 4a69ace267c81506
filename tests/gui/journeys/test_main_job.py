"""The whole job by mouse and keys: open, look, cut, undo, fit, train, apply, export, proof."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QSlider,
    QSpinBox,
    QTableView,
    QTabWidget,
    QToolButton,
)
from pytestqt.qtbot import QtBot

from penjing.estimation.exact import figures
from penjing_gui import words
from penjing_gui.main_window import MainWindow
from penjing_gui.new_runs import run_name
from tests.gui.conftest import Recorder
from tests.support import pictures
from tests.support.hands import (
    choose,
    choose_tab,
    click,
    click_row,
    double_click,
    drag,
    drag_slider,
    find,
    press,
    type_over,
)

if TYPE_CHECKING:
    from penjing.plan import Plan
    from penjing.results import Figures


def test_that_the_whole_job_is_done_by_mouse_and_keys(
    qtbot: QtBot, window: MainWindow, record: Callable[..., Recorder], tmp_path: Path, patience: int
) -> None:
    session = window.session
    heard = record(session)
    folder = pictures.folder(tmp_path / "pictures")
    window.resize(1280, 800)
    with qtbot.waitSignal(session.opened, timeout=patience):
        click(find(window, "start.sample.digits"))
    tabs = find(window, "tabs.main", QTabWidget)
    qtbot.waitUntil(lambda: session.accuracy_is_current, timeout=patience)

    _cut_by_slider(qtbot, window, patience)
    _cut_in_the_plot(qtbot, window)
    _undo_all(qtbot, window)

    with qtbot.waitSignal(session.job_changed, timeout=patience, check_params_cb=lambda job: job.state == "done"):
        click(find(window, "fit.run"))
    assert session.figures is not None and session.device is not None
    assert session.figures.flash_bytes is not None and session.budgets.flash_bytes is not None
    assert session.figures.flash_bytes <= session.budgets.flash_bytes
    qtbot.waitUntil(lambda: session.accuracy_is_current, timeout=patience)

    choose_tab(tabs, "Train")
    type_over(find(window, "train.epochs", QSpinBox), "2")
    type_over(find(window, "train.batchSize", QSpinBox), "256")
    with qtbot.waitSignal(session.runs_changed, timeout=patience):
        click(find(window, "train.start"))
    (run,) = session.runs
    assert run.kind == "distill" and run.has_network and run.accuracy is not None
    assert [epoch.number for epoch in run.history] == [0, 1, 2]
    qtbot.waitUntil(lambda: session.job is not None and not session.job.active, timeout=patience)

    pictures.picture(window, folder / "job-train.png")

    choose_tab(tabs, "Trade-offs")
    table = find(window, "runs.table", QTableView)
    double_click(table.viewport(), click_row(table, run_name(run)))
    assert session.run == run

    pictures.picture(window, folder / "job-tradeoffs.png")

    choose_tab(tabs, "Export")
    out = tmp_path / "out"
    type_over(find(window, "export.folder", QLineEdit), str(out))
    choose(find(window, "export.format", QComboBox), "onnx-int8")
    with qtbot.waitSignal(session.exported, timeout=patience):
        click(find(window, "export.run"))
    verdict = find(window, "export.verdict", QLabel)
    assert verdict.accessibleName() == "Verdict: passed"
    assert (out / "verdict.json").is_file() and (out / "report.html").is_file()
    assert session.export_result is not None
    for file in session.export_result.files:
        assert (out / file.path).stat().st_size == file.bytes
    qtbot.waitUntil(lambda: session.job is not None and not session.job.active, timeout=patience)
    assert find(window, "export.openFolder", QPushButton).isEnabled()
    assert "proven" in find(window, "status.message", QLabel).text()
    pictures.picture(window, folder / "job-export.png")
    heard.no_errors()


def _cut_by_slider(qtbot: QtBot, window: MainWindow, patience: int) -> None:
    """One drag: exact numbers in the turn of each move, one undo step in all."""
    session = window.session
    click_row(find(window, "layers.table", QTableView), "fc1")
    assert session.selection == ("fc1",)
    seen: list[tuple[Plan, Figures | None, str]] = []
    size = find(window, "estimate.size", QLabel)
    session.plan_changed.connect(lambda plan: seen.append((plan, session.figures, size.accessibleName())))
    steps, size_before = session.undo_stack.count(), size.text()
    drag_slider(find(window, "compress.sparsity", QSlider), 0.7)
    assert len({plan.hash for plan, _, _ in seen}) > 3
    for plan, told, _ in seen:
        assert session.graph is not None and told is not None
        exact = figures(session.graph, plan, tables=session.tables, device=session.device)
        for field in ("params", "nonzero", "macs", "size_bytes", "flash_bytes", "ram_bytes"):
            assert getattr(told, field) == getattr(exact, field), field
    assert session.undo_stack.count() == steps + 1
    assert 0.5 < session.plan.settings("fc1").sparsity < 0.9
    assert size.text() != size_before or not session.device or not session.device.sparse_storage
    assert session.figures is not None and words.size(session.figures.size_bytes) in size.text()
    qtbot.waitUntil(lambda: session.accuracy_is_current, timeout=patience)


def _cut_in_the_plot(qtbot: QtBot, window: MainWindow) -> None:
    """The line in the histogram is the same setting, and one undo step again."""
    session = window.session
    histogram = window.workbench.tabs.widget(0).histogram  # type: ignore[attr-defined]
    steps = session.undo_stack.count()
    x = round(histogram.line_position())
    drag(histogram.viewport(), QPoint(x, 60), QPoint(x + 30, 60))
    theta = session.plan.settings("fc1").threshold
    assert theta is not None and theta > 0
    assert session.undo_stack.count() == steps + 1
    assert histogram.threshold is not None and abs(histogram.threshold - theta) < 1e-9
    press(window, Qt.Key.Key_B)


def _undo_all(qtbot: QtBot, window: MainWindow) -> None:
    session = window.session
    undo = find(window, "edit.undo", QToolButton)
    while session.undo_stack.canUndo():
        click(undo)
    assert session.plan == session.original_plan
