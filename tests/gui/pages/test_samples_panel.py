"""Samples judged otherwise, in the window: those that they are, with their margins, and looked into by a click."""

import math

import numpy as np
import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSpinBox, QTabWidget
from pytestqt.qtbot import QtBot

from penjing.compression.simulation import simulate
from penjing.inspection.graph import layer_graph
from penjing.loading.data import open_data
from penjing.loading.open import open_model
from penjing.pipeline.run import run_plan
from penjing_gui import theme
from penjing_gui.main_window import MainWindow
from penjing_gui.pages.look_panel import LookPanel
from penjing_gui.pages.sample_cards import LINES
from penjing_gui.pages.samples_panel import SamplesPanel
from penjing_gui.session import Session
from penjing_gui.thumbnails import spectrogram, thumbnail
from tests.support.hands import choose_tab, click, double_click, find, press

_FLIP = Qt.ItemDataRole.UserRole


def test_that_the_samples_shown_are_those_that_the_plan_judges_otherwise(
    qtbot: QtBot, window: MainWindow, patience: int
) -> None:
    session = window.session
    with qtbot.waitSignal(session.opened, timeout=patience):
        session.open_source("sample:digits")
    session.set_defaults("bits", None, weight_bits=2, filters=0.0)
    session.measure_all()
    strip = find(window, "explore.strip", QTabWidget)
    choose_tab(strip, "Samples")
    panel = strip.currentWidget()
    assert isinstance(panel, SamplesPanel)

    model = open_model("sample:digits")
    data = open_data("sample:digits", model=model)
    finished = run_plan(model, session.plan, data, graph=layer_graph(model), training=False, measuring=False)
    values, truth = data.batch(data.val, slice(None)), data.val.y
    assert truth is not None
    with torch.no_grad():
        before, now = (simulate(one)(values).double().numpy() for one in (model, finished.model))
    was, became = before.argmax(1) == truth, now.argmax(1) == truth
    lost, gained = set(np.flatnonzero(was & ~became).tolist()), set(np.flatnonzero(became & ~was).tolist())
    assert lost and gained

    def all_seen() -> bool:
        return session.change is not None and session.change.seen == len(truth) and session.accuracy_is_current

    qtbot.waitUntil(all_seen, timeout=patience)
    assert panel.buttons["lost"].text() == f"Lost {len(lost)}"
    assert panel.buttons["gained"].text() == f"Gained {len(gained)}"
    p = _mcnemar(len(lost), len(gained))
    assert panel.said.text().startswith("plan, untrained")
    assert (f"p {p:.3f}: " if p >= 0.001 else "p < 0.001: hardly chance") in panel.said.text()
    assert ("hardly" in panel.said.text()) == (p < 0.05)

    def drawn() -> bool:
        rows = [panel.list.item(row) for row in range(panel.list.count())]
        return bool(rows) and all(not one.icon().isNull() and one.data(LINES)[2] for one in rows)

    qtbot.waitUntil(drawn, timeout=patience)
    flips = [panel.list.item(row).data(_FLIP) for row in range(panel.list.count())]
    assert {flip.sample for flip in flips} <= lost
    # The surest before come first.
    sure = [_margin(before[flip.sample], flip.truth) for flip in flips]
    assert sure == sorted(sure, reverse=True)
    for row, flip in enumerate(flips[:8]):
        name, change, margins = panel.list.item(row).data(LINES)
        assert name == data.classes[truth[flip.sample]]
        assert change == f"→ {data.classes[int(now[flip.sample].argmax())]}"
        told = [float(part.replace("−", "-")) for part in margins.split(" → ")]
        assert told[0] == pytest.approx(_margin(before[flip.sample], flip.truth), abs=0.06)
        # Rounded answers may differ by a step between one batch and another.
        assert told[1] == pytest.approx(_margin(now[flip.sample], flip.truth), abs=0.3)

    _look_into(qtbot, window, panel, strip)
    choose_tab(strip, "Samples")
    click(panel.buttons["gained"])
    qtbot.waitUntil(lambda: panel.list.count() == min(len(gained), 60), timeout=patience)
    assert {panel.list.item(row).data(_FLIP).sample for row in range(panel.list.count())} <= gained
    assert panel.list.item(0).data(LINES)[1].endswith("→ ✓")

    # The network as loaded is what it is.
    session.edit(session.original_plan.__class__(pipeline=()), "nothing")
    qtbot.waitUntil(lambda: all_seen() and session.change is not None and not session.change.lost, timeout=patience)
    qtbot.waitUntil(lambda: panel.list.count() == 0, timeout=patience)
    assert "judged as before" in panel.said.text()


def _look_into(qtbot: QtBot, window: MainWindow, panel: SamplesPanel, strip: QTabWidget) -> None:
    """A click chooses the example that the other tab looks into; a double click and Return go there."""
    look = next(one for one in strip.findChildren(LookPanel))
    at = panel.list.visualItemRect(panel.list.item(1)).center()
    click(panel.list.viewport(), at)
    sample = panel.list.item(1).data(_FLIP).sample
    assert find(window, "look.sample", QSpinBox).value() == sample == look.sample.value()
    assert strip.currentWidget() is panel
    press(panel.list, Qt.Key.Key_Right)
    assert look.sample.value() == panel.list.item(2).data(_FLIP).sample
    double_click(panel.list.viewport(), at)
    assert strip.currentWidget() is look and look.sample.value() == sample


def test_that_without_data_or_measurement_it_says_so(closed: Session, qtbot: QtBot) -> None:
    panel = SamplesPanel(closed)
    qtbot.addWidget(panel)
    panel.show()
    assert "data" in panel.said.text() and not panel.buttons["lost"].isEnabled()


def test_that_a_session_without_a_measurement_says_so(session: Session, qtbot: QtBot) -> None:
    panel = SamplesPanel(session)
    qtbot.addWidget(panel)
    panel.show()
    assert panel.said.text() == "Not measured yet." and panel.list.count() == 0


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 40, 20), (6, 100), (12,)])
def test_that_every_kind_of_example_has_a_picture_of_its_own(qapp: object, shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    pictures = [
        thumbnail(random.standard_normal(shape).astype(np.float32), width=84, height=60, inks=theme.LIGHT).toImage()
        for _ in range(2)
    ]
    assert pictures[0] != pictures[1]
    blank = thumbnail(np.zeros(0, np.float32), width=84, height=60, inks=theme.LIGHT).toImage()
    assert pictures[0] != blank and pictures[0].size() == blank.size()


def test_that_a_spectrogram_finds_the_frequency_of_a_tone() -> None:
    steps = np.arange(512)
    # Windows of 128 steps: 16 periods in each.
    tone = np.sin(2 * np.pi * steps * 16 / 128)[None] + 5.0
    found = spectrogram(tone.astype(np.float32))
    assert found.shape[0] == 65
    assert (found.argmax(axis=0) == 16).all()
    # A Hann window of n points sums to n / 2 about: the amplitude 1 shows as n / 4.
    np.testing.assert_allclose(found[16], 128 / 4, rtol=0.02)


def _margin(logits: np.ndarray, truth: int) -> float:
    return float(logits[truth] - np.delete(logits, truth).max())


def _mcnemar(lost: int, gained: int) -> float:
    n = lost + gained
    return min(1.0, 2 * sum(math.comb(n, k) for k in range(min(lost, gained) + 1)) / 2**n)
