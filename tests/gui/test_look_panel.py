"""Where the network looks, in the window: an example is chosen, both networks' maps come and follow the plan."""

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot
from torch import nn

from penjing.exporting.onnx_float import float_proto
from penjing.inspection.input_saliency import input_saliency
from penjing.loading.data import open_data
from penjing.loading.open import open_model
from penjing_gui.main_window import MainWindow
from penjing_gui.pages.look_panel import LookPanel
from penjing_gui.plots.look import FOR, LookPlot, shades
from tests.support.networks import network


def panel_of(window: MainWindow) -> LookPanel:
    """The panel, with its tab in front."""
    window.workbench.tabs.setCurrentIndex(0)
    page = window.workbench.tabs.widget(0)
    strip = page.strip  # type: ignore[attr-defined]
    found = next(panel for panel in strip.panels if isinstance(panel, LookPanel))
    strip.setCurrentWidget(found)
    return found


@pytest.mark.parametrize("sample", ["digits", "watch"])
def test_that_an_example_is_looked_into_before_and_after(
    qtbot: QtBot, window: MainWindow, patience: int, sample: str
) -> None:
    session = window.session
    with qtbot.waitSignal(session.opened, timeout=patience):
        session.open_source(f"sample:{sample}")
    panel = panel_of(window)
    session.set_defaults("bits", None, weight_bits=4, activation_bits=8)

    def shown() -> bool:
        told = panel._look
        return told is not None and told.index == panel.sample.value() and told.after is not None

    qtbot.waitUntil(shown, timeout=patience)
    panel.sample.setFocus()
    QTest.keyClick(panel.sample, Qt.Key.Key_Up)
    assert panel.sample.value() == 1
    qtbot.waitUntil(shown, timeout=patience)
    model = open_model(f"sample:{sample}")
    data = open_data(f"sample:{sample}", model=model)
    expected = input_saliency(model, data.batch(data.val, slice(1, 2)), method=panel.method.currentData())
    told = panel._look
    assert told is not None and told.before is not None
    assert told.before.chosen == expected.chosen
    np.testing.assert_allclose(panel._arrays["before"], expected.values, rtol=1e-3, atol=1e-4)
    assert data.classes[expected.chosen] in panel.before_said.text()
    before = panel._arrays["after"].copy()
    # Another plan: what is shown of the old one is marked until the new one has been measured.
    session.set_defaults("bits", None, weight_bits=2)
    assert panel.after_said.text().endswith("…")
    qtbot.waitUntil(lambda: not np.array_equal(panel._arrays["after"], before), timeout=patience)
    qtbot.waitUntil(lambda: not panel.after_said.text().endswith("…"), timeout=patience)
    panel.method.setCurrentIndex(1)
    panel.method.activated.emit(1)
    qtbot.waitUntil(lambda: panel._look is not None and panel._look.method == "gradient_input", timeout=patience)
    assert bool((panel._arrays["before"] < 0).any())


def test_that_without_data_the_panel_says_so(window: MainWindow) -> None:
    window.workbench.build()
    panel = panel_of(window)
    panel.show_now()
    assert panel.nothing.text() and panel.nothing.isVisibleTo(panel) and not panel.sample.isEnabled()


def test_that_colours_tell_sign_and_size() -> None:
    found = shades(np.array([[0.5, -1.0], [0.0, 4.0]], np.float32), 2.0)
    alphas = found[..., 3] / 255
    np.testing.assert_allclose(alphas, [[0.2125, 0.425], [0, 0.85]], atol=0.003)
    assert "#{:02X}{:02X}{:02X}".format(*found[0, 0, :3]) == FOR
    assert not np.array_equal(found[0, 0, :3], found[0, 1, :3])


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 8), (4, 8, 8), (6, 20), (12,)])
def test_that_every_kind_of_example_is_drawn(qtbot: QtBot, shape: tuple[int, ...]) -> None:
    plot = LookPlot()
    qtbot.addWidget(plot)
    plot.resize(200, 160)
    empty = plot.grab().toImage()
    random = np.random.default_rng(0)
    example = random.standard_normal(shape).astype(np.float32)
    values = random.standard_normal(shape[1:] or shape).astype(np.float32)
    plot.show_look(example, values, axis="time")
    assert _changed(plot, empty) > 0.1
    axis = plot.getPlotItem().getAxis("bottom")
    assert axis.isVisible() == (len(shape) < 3)  # places in a picture count nothing
    plot.show_look(np.zeros(shape, np.float32), np.zeros(shape[1:] or shape, np.float32), axis="time")


def _changed(widget: QWidget, before: QImage) -> float:
    """The share of pixels that are not what they were."""
    image = widget.grab().toImage()
    places = [(x, y) for x in range(0, image.width(), 2) for y in range(0, image.height(), 2)]
    return sum(image.pixel(*at) != before.pixel(*at) for at in places) / len(places)


def test_that_a_network_without_convolutions_is_looked_into_by_what_it_can_answer(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, patience: int
) -> None:
    session, random = window.session, np.random.default_rng(0)
    (tmp_path / "mlp.onnx").write_bytes(
        float_proto(
            network((6,), [("a", nn.Linear(6, 5), ""), ("r", nn.ReLU(), ""), ("b", nn.Linear(5, 3), "")])
        ).SerializeToString()
    )
    np.savez(tmp_path / "mlp.npz", x=random.standard_normal((60, 6), np.float32), y=random.integers(0, 3, 60))
    with qtbot.waitSignal(session.opened, timeout=patience):
        session.open_source(str(tmp_path / "mlp.onnx"), str(tmp_path / "mlp.npz"))
    panel = panel_of(window)
    qtbot.waitUntil(lambda: panel._look is not None and panel._look.before is not None, timeout=patience)
    assert panel.method.currentData() == "gradient_input" and panel.before.isVisible() and not panel.nothing.isVisible()
    # Who asks for Grad-CAM is told why there is none, in place of the pictures.
    panel.method.setCurrentIndex(0)
    panel.method.activated.emit(0)
    qtbot.waitUntil(lambda: panel.nothing.isVisible(), timeout=patience)
    assert "convolution" in panel.nothing.text() and not panel.before.isVisible()
