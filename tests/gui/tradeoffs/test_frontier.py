"""The budget is dragged in the plot of runs: the plan that meets it at the least predicted loss follows."""

import pytest
from PySide6.QtCore import QPoint, QPointF
from PySide6.QtWidgets import QTabWidget
from pytestqt.qtbot import QtBot

from penjing.estimation.exact import figures
from penjing.planning.fit import fit
from penjing.planning.presets import preset
from penjing.results import Accuracy
from penjing.worker import messages as wire
from penjing_gui import frontier
from penjing_gui.main_window import MainWindow
from penjing_gui.plots.scatter import Scatter
from tests.support.hands import choose_tab, drag, find

KIB = 1024


@pytest.fixture
def plot(bench: MainWindow, qtbot: QtBot) -> Scatter:
    """The plot of runs, with the network as loaded and the plan in it, on a device."""
    session = bench.session
    session.set_device("stm32l4r5")
    told = Accuracy(value=0.98, low=0.97, high=0.99, n=1000)
    session.engine.received.emit(wire.Baseline(request=0, accuracy=told, final=True))
    choose_tab(find(bench, "tabs.main", QTabWidget), "Trade-offs")
    found = find(bench, "plot.tradeoffs", Scatter)
    qtbot.waitUntil(lambda: found.isVisible() and found.limit is not None)
    return found


def place(plot: Scatter, at: float) -> QPoint:
    """Where a value of the lower axis is on the widget."""
    box = plot.getViewBox()
    middle = sum(box.viewRange()[1]) / 2
    return plot.mapFromScene(box.mapViewToScene(QPointF(at, middle)))


def pull(plot: Scatter, to: float) -> None:
    assert plot.limit is not None
    drag(plot.viewport(), place(plot, plot.limit), place(plot, to))


def test_that_a_drag_of_the_budget_moves_the_sliders_of_all_layers_as_one_step(
    bench: MainWindow, plot: Scatter
) -> None:
    session = bench.session
    assert session.graph is not None and session.device is not None
    before, steps = session.plan, session.undo_stack.count()
    flash: list[int | None] = []
    session.figures_changed.connect(lambda: flash.append(session.figures and session.figures.flash_bytes))
    pull(plot, 40.0)
    limit = session.budgets.flash_bytes
    assert limit == pytest.approx(40 * KIB, rel=0.1)
    assert plot.limit == pytest.approx((limit or 0) / KIB, abs=1 / KIB)  # whole bytes
    # The very plan that the search finds, which really fits; on the way others were shown.
    start = preset("gentle", session.graph, device=session.device)
    expected = fit(session.graph, session.tables, session.device, session.budgets, start=start)
    assert session.plan.layers == expected.plan.layers and session.plan.defaults == expected.plan.defaults
    found = figures(session.graph, session.plan, tables=session.tables, device=session.device)
    assert found.flash_bytes is not None and found.flash_bytes <= (limit or 0)
    assert len(set(flash)) > 2
    assert session.undo_stack.count() == steps + 1
    session.undo_stack.undo()
    assert session.plan == before


def test_that_a_network_whose_fit_takes_long_is_fitted_when_the_hand_lets_go(
    bench: MainWindow, plot: Scatter, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, asked = bench.session, list[int | None]()
    monkeypatch.setattr(frontier, "SLOW", -1.0)
    monkeypatch.setattr(session, "fit", lambda: asked.append(session.budgets.flash_bytes))
    pull(plot, 40.0)
    assert asked == [session.budgets.flash_bytes]


def test_that_without_a_budget_the_line_waits_at_the_edge(bench: MainWindow, plot: Scatter) -> None:
    session = bench.session
    session.set_budgets(type(session.budgets)())
    assert plot.limit is not None and session.baseline is not None
    assert plot.limit * KIB > (session.baseline.flash_bytes or 0)
    pull(plot, 60.0)
    assert session.budgets.flash_bytes == pytest.approx(60 * KIB, rel=0.1)
