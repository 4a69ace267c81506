"""An applied run that was trained is what the panels show, by its own network, and they say so."""

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTabWidget
from pytestqt.qtbot import QtBot

from penjing.inspection.input_saliency import input_saliency
from penjing.loading.data import open_data
from penjing.loading.open import open_model
from penjing.model.model import Model
from penjing.model.penjingnet_format import encode
from penjing.plan import Plan
from penjing.project.values import Run
from penjing.results import Accuracy
from penjing.worker.snapshot import NETWORK
from penjing_gui.edits import for_all
from penjing_gui.main_window import MainWindow
from penjing_gui.pages.class_panel import ClassPanel
from penjing_gui.pages.look_panel import LookPanel
from penjing_gui.pages.samples_panel import SamplesPanel
from penjing_gui.session import Session
from tests.support.hands import choose_tab, find

_FLIP = Qt.ItemDataRole.UserRole
_CHOSEN = 7
"""The class that the network of the run answers always."""


def _biased(model: Model) -> Model:
    """A network that is sure of one class whatever it is shown."""
    found = model.copy()
    last = [name for name, _, _ in found.layers()][-1]
    bias = found.module.get_submodule(last).bias
    assert bias is not None
    bias.data[_CHOSEN] += 1000.0
    return found


def _applied(session: Session, id: str, name: str, plan: Plan, accuracy: Accuracy) -> Run:
    """A run that says it was trained, in the list and applied."""
    assert session.figures is not None
    run = Run(
        id=id,
        name=name,
        kind="distill",
        created="2026-01-01T00:00:00+00:00",
        plan=plan,
        figures=session.figures,
        accuracy=accuracy,
        has_network=True,
    )
    session.add_run(run)
    session.apply_run(id)
    return run


def test_that_samples_classes_and_looks_are_those_of_the_trained_network(
    qtbot: QtBot, window: MainWindow, patience: int
) -> None:
    session = window.session
    with qtbot.waitSignal(session.opened, timeout=patience):
        session.open_source("sample:digits")
    model = open_model("sample:digits")
    trained, data = _biased(model), open_data("sample:digits", model=model)
    truth = data.val.y
    assert truth is not None
    folder = session.projects.run_folder("taught")
    folder.mkdir(parents=True)
    (folder / NETWORK).write_bytes(encode(trained))
    right = float((truth == _CHOSEN).mean())
    accuracy = Accuracy(value=right, low=right, high=right, n=len(truth), kind="measured")
    plan = for_all(session.plan, {"sparsity": 0.25})
    run = _applied(session, "taught", "Distilled 1", plan, accuracy)

    strip = find(window, "explore.strip", QTabWidget)
    classes = strip.currentWidget()
    assert isinstance(classes, ClassPanel)
    qtbot.waitUntil(lambda: "Distilled 1, trained" in classes.hint.text(), timeout=patience)
    shares = session.judgements.of(plan, run)
    assert shares is not None
    assert shares.per_class == tuple(float(number == _CHOSEN) for number in range(len(data.classes)))

    choose_tab(strip, "Samples")
    samples = strip.currentWidget()
    assert isinstance(samples, SamplesPanel)
    lost = [flip.sample for flip in shares.change.flips if flip.lost] if shares.change is not None else []
    qtbot.waitUntil(lambda: samples.list.count() > 0, timeout=patience)
    listed = [samples.list.item(row).data(_FLIP) for row in range(samples.list.count())]
    assert {flip.sample for flip in listed} <= set(lost) and all(flip.now == _CHOSEN for flip in listed)
    assert samples.said.text().startswith("Distilled 1, trained")
    assert session.accuracy == accuracy, "the plan without training was measured"

    choose_tab(strip, "Where it looks")
    look = strip.currentWidget()
    assert isinstance(look, LookPanel)
    qtbot.waitUntil(lambda: "Distilled 1, trained" in look.after_said.text(), timeout=patience)
    example = data.batch(data.val, slice(0, 1))
    before = input_saliency(model, example, method=look.method.currentData())
    after = input_saliency(trained, example, method=look.method.currentData(), target=before.target)
    told = look._look
    assert told is not None and told.after is not None and told.generation is None
    assert told.after.chosen == _CHOSEN == after.chosen
    np.testing.assert_allclose(look._arrays["after"], after.values, rtol=1e-3, atol=1e-4)

    # Another plan is one without training again, and the panel says so.
    session.set_defaults("bits", None, weight_bits=3)
    assert look.after_said.text().endswith("…")
    qtbot.waitUntil(lambda: look.after_said.text().startswith("plan, untrained"), timeout=patience)
    qtbot.waitUntil(lambda: not look.after_said.text().endswith("…"), timeout=patience)


def test_that_a_run_whose_network_is_gone_says_so(qtbot: QtBot, window: MainWindow, patience: int) -> None:
    session = window.session
    with qtbot.waitSignal(session.opened, timeout=patience):
        session.open_source("sample:digits")
    plan = for_all(session.plan, {"sparsity": 0.25})
    accuracy = Accuracy(value=0.5, low=0.4, high=0.6, n=1000, kind="measured")
    run = _applied(session, "gone", "Lost 1", plan, accuracy)
    strip = find(window, "explore.strip", QTabWidget)
    classes = strip.currentWidget()
    assert isinstance(classes, ClassPanel)
    qtbot.waitUntil(lambda: session.judgements.of(plan, run) is not None, timeout=patience)
    assert "model.penjingnet" in classes.hint.text()
    choose_tab(strip, "Samples")
    samples = strip.currentWidget()
    assert isinstance(samples, SamplesPanel)
    assert "model.penjingnet" in samples.said.text() and samples.list.count() == 0
