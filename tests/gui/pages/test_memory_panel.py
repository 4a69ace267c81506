"""RAM over the steps in the window: it is the figure's own arena, follows every slider, and leads to the layers."""

import msgspec
import pytest
import torch
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QSlider, QTabWidget
from pytestqt.qtbot import QtBot

from penjing.estimation.tensors import loaded
from penjing.inspection.graph import layer_graph
from penjing.model.recurrent import Recurrent
from penjing.plan import Plan
from penjing_gui.main_window import MainWindow
from penjing_gui.memory import made_by, timeline
from penjing_gui.pages.memory_panel import MemoryPanel
from tests.support.hands import choose_tab, click, drag_slider, find, press
from tests.support.networks import network

# LeNet-5 on 28 × 28 in float: what its first layers need, by hand.
IMAGE, CONV1, POOL1 = 4 * 28 * 28, 4 * 6 * 28 * 28, 4 * 6 * 14 * 14


@pytest.fixture
def panel(bench: MainWindow, qtbot: QtBot) -> MemoryPanel:
    """The panel, its tab clicked."""
    strip = find(bench, "explore.strip", QTabWidget)
    choose_tab(strip, "Memory")
    found = strip.currentWidget()
    assert isinstance(found, MemoryPanel)
    qtbot.waitUntil(found.plot.isVisible)
    return found


def test_that_blocks_of_the_network_as_loaded_are_those_by_hand(bench: MainWindow, panel: MemoryPanel) -> None:
    bench.session.edit(Plan(pipeline=()), "nothing")
    sizes = {one.tensors[0]: (one.first, one.last, one.size) for one in panel.plot.blocks}
    # conv1 and its ReLU are one block that pool1 still reads; steps are layers' places.
    assert sizes["image"] == (0, 0, IMAGE)
    assert sizes["conv1"] == (0, 2, CONV1)
    assert sizes["pool1"] == (2, 3, POOL1)
    shown = panel.timeline
    assert shown is not None and shown.steps[shown.peak_step] == "pool1" and shown.peak == CONV1 + POOL1
    assert {one.tensors[0] for one in panel.plot.blocks if one.at_peak} == {"conv1", "pool1"}
    assert "peak while pool1 runs: conv1 + pool1" in panel.said.text()


def test_that_no_two_blocks_share_a_place_at_a_time_and_the_top_is_the_figure(
    bench: MainWindow, panel: MemoryPanel
) -> None:
    session = bench.session
    for bits, cut in ((8, 0.0), (8, 0.5), (32, 0.25)):
        session.set_defaults("plan", None, activation_bits=bits, filters=cut)
        blocks = panel.plot.blocks
        assert session.figures is not None
        assert max(one.offset + one.size for one in blocks) == session.figures.ram_bytes
        for number, one in enumerate(blocks):
            for other in blocks[number + 1 :]:
                together = one.first <= other.last and other.first <= one.last
                apart = one.offset + one.size <= other.offset or other.offset + other.size <= one.offset
                assert apart or not together


def test_that_it_follows_the_slider_in_the_same_turn_and_only_where_memory_changes(
    bench: MainWindow, panel: MemoryPanel
) -> None:
    session = bench.session
    seen: list[tuple[int | None, int]] = []

    def look(_: object) -> None:
        assert session.figures is not None and panel.timeline is not None
        seen.append((session.figures.ram_bytes, panel.timeline.size))

    session.plan_changed.connect(look)
    drag_slider(find(bench, "compress.filters", QSlider), 0.6)
    assert len({ram for ram, _ in seen}) > 1
    assert all(ram == size for ram, size in seen)
    kept = panel.timeline
    drag_slider(find(bench, "compress.sparsity", QSlider), 0.6)
    assert panel.timeline is kept
    assert session.plan.defaults.sparsity > 0.3


def test_that_a_pointer_names_a_tensor_and_a_click_selects_its_layer(bench: MainWindow, panel: MemoryPanel) -> None:
    session = bench.session
    session.edit(Plan(pipeline=()), "nothing")
    names = [one.tensors[0] for one in panel.plot.blocks]
    at = _point(panel, names.index("conv1"))
    QTest.mouseMove(panel.plot.viewport(), at - QPoint(4, 0))
    QTest.mouseMove(panel.plot.viewport(), at)
    said = panel.pointed.text()
    assert said.startswith("conv1 = relu1") and "18.4 KiB" in said and "from conv1 to pool1" in said
    block = panel.plot.blocks[names.index("conv1")]
    assert f"from 0x{block.offset:X}" in said
    click(panel.plot.viewport(), at)
    assert session.selection == ("conv1",) and session.layer == "conv1"
    # What pooling makes is as large as the filters before it.
    click(panel.plot.viewport(), _point(panel, names.index("pool2")))
    assert session.selection == ("conv2",)


def test_that_keys_go_from_tensor_to_tensor(bench: MainWindow, panel: MemoryPanel) -> None:
    panel.plot.setFocus()
    press(panel.plot, Qt.Key.Key_Right)
    assert panel.pointed.text().startswith("image") and "no layer" in panel.pointed.text()
    press(panel.plot, Qt.Key.Key_Right)
    assert panel.pointed.text().startswith("conv1")
    press(panel.plot, Qt.Key.Key_Return)
    assert bench.session.selection == ("conv1",)


def test_that_a_budget_below_the_peak_is_told_and_drawn(bench: MainWindow, panel: MemoryPanel) -> None:
    session = bench.session
    assert session.figures is not None and session.figures.ram_bytes is not None
    session.set_budgets(msgspec.structs.replace(session.budgets, ram_bytes=session.figures.ram_bytes - 512))
    assert "512 B over the limit" in panel.said.text()
    session.set_budgets(msgspec.structs.replace(session.budgets, ram_bytes=None))
    assert session.device is not None and panel.limit == session.device.ram_bytes


def test_that_holding_b_shows_the_network_as_loaded(bench: MainWindow, panel: MemoryPanel) -> None:
    session = bench.session
    session.set_defaults("bits", None, activation_bits=8)
    QTest.keyPress(bench.windowHandle(), Qt.Key.Key_B)
    assert panel.timeline is not None and panel.timeline.peak == CONV1 + POOL1
    QTest.keyRelease(bench.windowHandle(), Qt.Key.Key_B)
    assert panel.timeline.size < CONV1


def _point(panel: MemoryPanel, index: int) -> QPoint:
    x, y = panel.plot.place_of(index)
    return panel.plot.mapFromScene(x, y)


def test_that_what_a_recurrent_layer_works_in_is_a_block_of_its_own() -> None:
    weight, bias = torch.zeros(32, 13), torch.zeros(32)
    graph = layer_graph(network((6, 5), [("cell", Recurrent("lstm", weight, bias, None, last=False), "x")]))
    blocks = {one.tensors: one for one in timeline(graph, loaded(graph)).blocks}
    states = blocks[("cell/states",)]
    # For each of 8 units a state before a step, one after it, and a cell.
    assert (states.first, states.last, states.size) == (0, 0, 3 * 4 * 8) and made_by(graph, states) is None
