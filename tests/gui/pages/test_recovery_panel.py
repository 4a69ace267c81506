"""Remedies: asked for, told one by one, ranked with their bytes, applied with one click that can be undone."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from penjing.planning.recovery import Candidate, Recovered, candidates
from penjing.worker import messages as wire
from penjing_gui.main_window import MainWindow
from penjing_gui.pages.recovery_panel import RecoveryPanel


@pytest.fixture
def panel(bench: MainWindow, monkeypatch: pytest.MonkeyPatch) -> RecoveryPanel:
    """The panel of a plan that rounds one layer to 2 bits, as somebody sees it."""
    sent: list[wire.Message] = []
    monkeypatch.setattr(bench.session.engine, "send", sent.append)
    bench.session.set_defaults("", filters=0.0)
    bench.session.set_layer(["conv2"], "", weight_bits=2)
    found = bench.findChild(RecoveryPanel)
    assert found is not None
    strip = bench.findChildren(type(found.parent().parent()))[0]
    strip.setCurrentWidget(found)
    found.sent = sent  # type: ignore[attr-defined]
    return found


def asked(panel: RecoveryPanel) -> wire.WantRecovery:
    sent: list[wire.Message] = panel.sent  # type: ignore[attr-defined]
    return [message for message in sent if isinstance(message, wire.WantRecovery)][-1]


def tell(panel: RecoveryPanel, *gains: tuple[str, float]) -> None:
    plan = panel.session.plan
    request = asked(panel)
    assert request.plan == plan
    known = {one.remedy: one for one in reversed(candidates(plan, "conv2"))}
    found = tuple(Recovered(candidate=known[name], gained=gain, half=0.01, nearer=gain) for name, gain in gains)  # type: ignore[index]
    panel.session.engine.received.emit(
        wire.Recovery(request=request.request, layer="conv2", done=len(found) + 2, total=len(found) + 3, found=found)
    )


def test_that_remedies_are_ranked_with_their_bytes_and_one_click_applies_the_best(panel: RecoveryPanel) -> None:
    before = panel.session.plan
    QTest.mouseClick(panel.look, Qt.MouseButton.LeftButton)
    assert not panel.look.isEnabled()
    tell(panel, ("keep", 0.30), ("bits", 0.28), ("gptq", 0.10))
    shown = [(found.candidate.remedy, more) for found, more in panel.rows]
    assert [remedy for remedy, _ in shown] == ["gptq", "bits", "keep"]
    # conv2 has 2,400 weights: 3 bits are stored as 4 here, 600 bytes more than 2; float32 takes 9,000 more.
    assert [more for _, more in shown] == [0, 600, 9000]
    assert "conv2" in panel.said.text()
    assert panel.table.item(0, 1).text() == "+10.0 ± 1.0"
    button = panel.table.cellWidget(0, 3)
    assert isinstance(button, QPushButton)
    button.click()
    assert panel.session.plan.settings("conv2").rounding == "gptq"
    assert panel.rows == []
    assert panel.look.isEnabled()
    panel.session.undo_stack.undo()
    assert panel.session.plan == before


def test_that_remedies_of_another_plan_are_not_shown(panel: RecoveryPanel) -> None:
    QTest.mouseClick(panel.look, Qt.MouseButton.LeftButton)
    panel.session.set_layer(["conv2"], "", weight_bits=3)
    assert panel.look.isEnabled()
    request = asked(panel)
    late = Recovered(candidate=Candidate(remedy="gptq", plan=request.plan), gained=0.1, half=0.01, nearer=0.1)
    panel.session.engine.received.emit(
        wire.Recovery(request=request.request, layer="conv2", done=3, total=4, found=(late,))
    )
    assert panel.rows == []


def test_that_an_empty_panel_says_what_to_do_at_every_step(panel: RecoveryPanel) -> None:
    assert panel.empty.isVisible() and "Look for remedies" in panel.empty.hint.text()
    QTest.mouseClick(panel.look, Qt.MouseButton.LeftButton)
    assert panel.empty.isVisible() and "as soon as it is measured" in panel.empty.text.text()
    tell(panel, ("keep", 0.30))
    assert panel.table.isVisible() and not panel.empty.isVisible()
    panel.session.set_layer(["conv2"], "", weight_bits=3)  # another plan: what was found is forgotten
    assert panel.empty.isVisible()
    QTest.mouseClick(panel.look, Qt.MouseButton.LeftButton)
    number = asked(panel).request
    panel.session.engine.received.emit(wire.Recovery(request=number, layer="conv2", done=3, total=3))
    assert "Nothing that was tried" in panel.empty.text.text() and panel.empty.hint.text()
