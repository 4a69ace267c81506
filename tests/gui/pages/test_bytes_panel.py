"""Bytes by storage and format in the window: as counted by hand, while a slider moves, and as the files really are."""

import math
from pathlib import Path

import pytest
from PySide6.QtWidgets import QSlider, QTabWidget
from pytestqt.qtbot import QtBot

from penjing.devices.units import size_text
from penjing.exporting.export import export_model
from penjing.pipeline.run import run_plan
from penjing.worker.opening import Open
from penjing_gui.controls.readout import Readout
from penjing_gui.main_window import MainWindow
from penjing_gui.pages.bytes_panel import BytesPanel
from tests.support.hands import choose_tab, drag_slider, find

# LeNet-5: weights and biases of its layers, by hand.
LENET = {"conv1": (150, 6), "conv2": (2400, 16), "fc1": (48000, 120), "fc2": (10080, 84), "fc3": (840, 10)}


@pytest.fixture
def panel(bench: MainWindow, qtbot: QtBot) -> BytesPanel:
    """The panel, its tab clicked."""
    strip = find(bench, "explore.strip", QTabWidget)
    choose_tab(strip, "Bytes")
    found = strip.currentWidget()
    assert isinstance(found, BytesPanel)
    qtbot.waitUntil(lambda: found.cells["dense"][1].text() != "–")
    return found


def test_that_every_storage_takes_the_bytes_counted_by_hand_while_the_slider_moves(
    bench: MainWindow, panel: BytesPanel, qtbot: QtBot
) -> None:
    session = bench.session
    session.set_defaults("plan", None, weight_bits=8, filters=0.0)
    session.select(["fc1"])
    drag_slider(find(bench, "compress.sparsity", QSlider), 0.7)
    sparsity = session.plan.settings("fc1").sparsity
    assert 0.5 < sparsity < 0.9
    count, biases = LENET["fc1"]
    kept = count - round(sparsity * count)
    expected = {
        "dense": count,
        "bitmask": math.ceil(count / 8) + kept,
        "index8": 2 * kept,
    }
    texts = {row: size_text(size + 4 * biases) for row, size in expected.items()}
    qtbot.waitUntil(lambda: {row: panel.cells[row][0].text() for row in texts} == texts)
    all_of_them = sum(weights + 4 * biases for weights, biases in LENET.values())
    assert panel.cells["dense"][1].text() == size_text(all_of_them)
    assert panel.cells["codebook"][0].text() == "–"


def test_that_a_codebook_has_a_row_of_its_own(bench: MainWindow, panel: BytesPanel, qtbot: QtBot) -> None:
    session = bench.session
    session.select(["fc1"])
    session.set_defaults("plan", None, weight_bits=32, filters=0.0, sparsity=0.0, codebook=16)
    count, biases = LENET["fc1"]
    text = size_text(count // 2 + 16 * 4 + 4 * biases)  # 4 bits for each of 48000 indices, 16 values in float32
    qtbot.waitUntil(lambda: panel.cells["codebook"][0].text() == text)


def test_that_files_of_every_format_are_as_large_as_was_shown(
    bench: MainWindow, panel: BytesPanel, digits: tuple[Open, object], tmp_path: Path, qtbot: QtBot
) -> None:
    session = bench.session
    session.set_defaults("plan", None, weight_bits=8, activation_bits=8, filters=0.25)
    opened = digits[0]
    model = run_plan(opened.model, session.plan, opened.data, graph=opened.graph, training=False).model
    for format in ("onnx", "onnx-int8", "c99", "penjingnet"):
        real = sum(file.bytes for file in export_model(model, tmp_path, format=format) if file.format == format)
        found = session.file_size(format)
        assert found is not None
        assert found.bytes == pytest.approx(real, rel=0.02)
        cell, text = panel.files[format], f"{size_text(found.bytes)} ± 2 %"
        qtbot.waitUntil(lambda cell=cell, text=text: cell.text() == text)


def test_that_the_file_for_the_device_follows_every_slider(bench: MainWindow, qtbot: QtBot) -> None:
    session, shown = bench.session, find(bench, "estimate.file", Readout)
    qtbot.waitUntil(lambda: "C99" in shown.text())
    before = shown.text()
    drag_slider(find(bench, "compress.filters", QSlider), 0.6)
    size = session.file_size()
    assert size is not None and size.format == "c99"
    qtbot.waitUntil(lambda: shown.text().startswith(size_text(size.bytes)))
    assert shown.text() != before
    session.set_defaults("plan", None, weight_bits=32, activation_bits=32)  # C cannot carry floats
    qtbot.waitUntil(lambda: "ONNX (int8, QDQ)" in shown.text())
