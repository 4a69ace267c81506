"""The Export page with the digits open: cards, formats, checklist, what a verdict shows; real mouse and keys."""

from pathlib import Path
from typing import Any, Literal

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QLabel, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from penjing.devices.profiles import devices
from penjing.estimation.exact import figures
from penjing.results import ExportedFile, Rung, RunResult, Verdict
from penjing_gui import theme, words
from penjing_gui.main_window import MainWindow
from penjing_gui.pages.device_cards import DeviceCard
from penjing_gui.pages.export import ExportPage
from penjing_gui.pages.proofs import Proofs
from tests.support.hands import choose, click, find, press, type_over


@pytest.fixture
def page(bench: MainWindow) -> ExportPage:
    """The page in front, in a window of 1280 × 800."""
    bench.resize(1280, 800)
    press(bench, Qt.Key.Key_4, Qt.KeyboardModifier.ControlModifier)
    found = bench.workbench.tabs.currentWidget()
    assert isinstance(found, ExportPage)
    return found


def card(page: ExportPage, name: str) -> DeviceCard:
    """A device's card, scrolled into view."""
    found = page.devices.cards[name]
    page.devices.ensureWidgetVisible(found)
    return found


def lines(shown: DeviceCard) -> list[str]:
    """What stands on a card."""
    return [label.text() for label in shown.findChildren(QLabel)]


def result_of(bench: MainWindow, *, passed: bool = True) -> RunResult:
    """An export as its job tells it: 32 samples in a folder, and a proof of each kind."""
    session = bench.session
    assert session.baseline is not None and session.figures is not None
    samples = tuple(
        ExportedFile(path=f"model_c99/samples/{number}.bin", bytes=1000 + number, format="c99") for number in range(32)
    )
    rungs = (
        Rung(name="parity", passed=True, detail="64 samples: the same class on 100.00 %"),
        Rung(name="integer", passed=passed, detail="one step beside"),
        Rung(name="compiled", passed=None, detail="no compiler"),
    )
    return RunResult(
        baseline=session.baseline,
        compressed=session.figures,
        plan_hash=session.plan.hash,
        files=(ExportedFile(path="model.onnx", bytes=111_796, format="onnx"), *samples),
        verdict=Verdict(
            passed=passed,
            agreement=1.0,
            accuracy=None,
            max_abs_diff=None,
            size_error=None,
            first_divergent_layer=None,
            rungs=rungs,
        ),
    )


def test_that_a_card_says_what_the_plan_takes_and_choosing_one_chooses_for_all(qtbot: QtBot, page: ExportPage) -> None:
    session = page._session
    session.set_device(None)
    qtbot.waitUntil(lambda: not page.devices._waiting)
    assert list(page.devices.cards) == [one.name for one in devices()]
    for one in devices():
        exact = figures(session.graph, session.plan, tables=session.tables, device=one)
        told = lines(page.devices.cards[one.name])
        # A microcontroller goes by its name, with its board in the tip.
        assert told[0] == (one.title.split(" (")[0] if one.kind == "microcontroller" else one.title)
        assert page.devices.cards[one.name].toolTip().startswith(one.title)
        for line, value, room in zip(
            told[2:4], (exact.flash_bytes, exact.ram_bytes), (one.flash_bytes, one.ram_bytes), strict=True
        ):
            if value is not None and room is not None:
                assert line.startswith("✓ " if value <= room else "▲ ")
                assert words.size(value) in line and words.size(room) in line
    click(card(page, "rp2040"))
    assert session.device is not None and session.device.name == "rp2040"
    press(page, Qt.Key.Key_Right)
    names = [one.name for one in devices()]
    following = names[names.index("rp2040") + 1]
    press(page, Qt.Key.Key_Space)
    assert session.device.name == following
    assert [name for name, one in page.devices.cards.items() if one.isChecked()] == [following]


def test_that_every_line_of_a_card_can_be_read(qtbot: QtBot, page: ExportPage) -> None:
    qtbot.waitUntil(lambda: not page.devices._waiting)
    for shown in page.devices.cards.values():
        inside = shown.rect()
        for label in shown.findChildren(QLabel):
            assert inside.contains(label.geometry()), (lines(shown), label.geometry())
            assert label.height() >= label.fontMetrics().height()
        for label in shown.findChildren(QLabel)[2:]:
            assert label.fontMetrics().horizontalAdvance(label.text()) <= label.width(), label.text()
    visible = page.devices.viewport().rect()
    assert all(
        shown.y() >= 0 and shown.geometry().bottom() <= visible.bottom() for shown in page.devices.cards.values()
    )


def test_that_samples_are_one_row_and_every_proof_has_a_sign(page: ExportPage, bench: MainWindow) -> None:
    page._show_result(result_of(bench, passed=False))
    texts = [label.text() for label in find(page, "export.proofs", Proofs).findChildren(QLabel)]
    samples = sum(1000 + number for number in range(32))
    assert "model_c99/samples: 32 files" in texts
    assert f"{samples:,} bytes" in texts and words.size(samples) in texts
    assert not [text for text in texts if text.endswith(".bin")]
    assert [text for text in texts if text in ("✓", "✕", "○")] == ["✓", "✕", "○"]
    badge = find(page, "export.verdict", QLabel)
    assert badge.accessibleName() == "Verdict: failed" and badge.text() == "✕ Failed"
    click(find(page, "export.copyReport", QPushButton))
    report = QGuiApplication.clipboard().text()
    assert "failed" in report and "model_c99/samples/31.bin: 1,031 bytes" in report and "no compiler" in report


@pytest.mark.parametrize("choice", ["light", "dark"])
def test_that_the_list_of_proofs_stands_on_the_ground_of_its_card(
    qapp: QApplication, page: ExportPage, bench: MainWindow, choice: Literal["light", "dark"]
) -> None:
    page._show_result(result_of(bench))
    theme.apply(qapp, choice)
    qapp.processEvents()
    picture = page.grab().toImage()
    card_ = find(page, "export.proofs", Proofs)
    inside = card_.mapTo(page, card_.rect().bottomLeft())
    beside = page.verdict.mapTo(page, page.verdict.rect().topRight())
    ratio = picture.devicePixelRatio()
    pixels = [picture.pixelColor(int(x * ratio), int(y * ratio)) for x, y in (inside.toTuple(), beside.toTuple())]
    assert pixels[0] == pixels[1]
    theme.apply(qapp, "light")


def test_that_a_format_says_what_it_is_for_and_no_folder_no_export(page: ExportPage) -> None:
    choose(find(page, "export.format", QComboBox), "c99")
    assert "microcontrollers" in page.format_says.text()
    choose(find(page, "export.format", QComboBox), "")
    assert page.format_says.text().startswith("Writes ")
    run = find(page, "export.run", QPushButton)
    assert run.isEnabled()
    folder = find(page, "export.folder", QLineEdit)
    assert Path(folder.text()).name == "digits-export"
    type_over(folder, "")
    press(folder, Qt.Key.Key_Delete)
    assert not run.isEnabled()


def test_that_a_verdict_is_of_the_plan_that_it_proves(page: ExportPage, bench: MainWindow) -> None:
    session = bench.session
    session.results.plan = session.plan
    session.results.exported = result_of(bench)
    session.exported.emit(session.results.exported)
    assert "✓" in _proof(page)
    session.set_defaults("Bits", weight_bits=2)
    assert "○" in _proof(page) and page.verdict.stale.isVisible()
    session.undo_stack.undo()
    assert "✓" in _proof(page) and not page.verdict.stale.isVisible()


def _proof(page: ExportPage) -> str:
    """The last line of the checklist."""
    return " ".join(label.text() for label in page.checklist.findChildren(QLabel)[-3:])


def test_that_how_c_computes_is_asked_where_c_is_written_and_goes_to_the_job(
    qtbot: QtBot, page: ExportPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    session = page._session
    session.set_device("raspberry-pi-4")
    twice, calls = (find(page, name, QCheckBox) for name in ("export.roundTwice", "export.cmsisNn"))
    assert not twice.isVisible() and not calls.isVisible()
    session.set_device("nrf52840")  # whose format is C
    assert twice.isVisible() and calls.isVisible()
    sent: list[Any] = []
    monkeypatch.setattr(session.jobs, "run", lambda message, title, request: sent.append(message))
    type_over(find(page, "export.folder", QLineEdit), str(tmp_path / "out"))
    click(find(page, "export.run", QPushButton))
    for box in (calls, twice):
        click(box, QPoint(8, box.height() // 2))
    click(find(page, "export.run", QPushButton))
    assert [(one.rounding, one.kernels) for one in sent] == [("single", "generated"), ("double", "cmsis-nn")]
