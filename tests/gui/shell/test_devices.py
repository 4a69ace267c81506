"""Devices in the window: the comparison, a measured time that becomes a profile, what the plan saves on each."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLabel, QLineEdit, QPushButton, QSlider, QTableView
from pytestqt.qtbot import QtBot

from penjing.devices.profiles import device
from penjing.devices.writing import save_device
from penjing.estimation.exact import figures
from penjing_gui.dialogs.devices import DevicesDialog
from penjing_gui.dialogs.measured_time import MeasuredTime
from penjing_gui.main_window import MainWindow
from penjing_gui.session import Session
from penjing_gui.words import size
from tests.gui.conftest import Recorder
from tests.support.hands import click, drag_slider, find


def opened(bench: MainWindow, qtbot: QtBot) -> DevicesDialog:
    """The comparison, as its shortcut opens it."""
    QTest.keyClick(bench, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: any(one.isVisible() for one in bench.findChildren(DevicesDialog)))
    return next(one for one in bench.findChildren(DevicesDialog) if one.isVisible())


def cells(table: QTableView, column: int) -> list[str]:
    model = table.model()
    return [str(model.index(row, column).data()) for row in range(model.rowCount())]


@pytest.fixture
def integers(bench: MainWindow) -> MainWindow:
    """The digits with a plan of 4-bit weights and some zeros on the STM32U575."""
    bench.session.set_device("stm32u575")
    bench.session.set_defaults("test", filters=0.0, weight_bits=4, activation_bits=8, sparsity=0.5)
    return bench


def test_that_the_plan_is_compared_on_every_device_and_the_chosen_one_is_used(
    integers: MainWindow, qtbot: QtBot
) -> None:
    dialog = opened(integers, qtbot)
    table = find(dialog, "devices.table", QTableView)
    assert table.model().rowCount() == 22
    assert dialog.current is not None and dialog.current.device == "stm32u575"
    session = integers.session
    assert session.graph is not None
    expected = figures(session.graph, session.plan, tables=session.tables, device=device("rp2040"))
    titles = cells(table, 0)
    row = titles.index(device("rp2040").title)
    assert cells(table, 3)[row] == size(expected.flash_bytes)
    # 35 % for the core, and 25 more because its 4 bits are unpacked by a counted ratio.
    assert cells(table, 5)[row].startswith(f"{expected.latency_ms:.1f} ms ± 60 %")
    assert cells(table, 9)[row] == "0 B"  # too few zeros to store kept weights alone
    place = table.visualRect(table.model().index(row, 0)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    details = find(dialog, "devices.details", QLabel)
    assert device("rp2040").title in details.text() and "kept weights alone" in details.text()
    click(find(dialog, "devices.use", QPushButton))
    assert session.device is not None and session.device.name == "rp2040"


def test_that_libraries_and_devices_that_do_not_fit_are_shown_as_wished(integers: MainWindow, qtbot: QtBot) -> None:
    save_device(msgspec.structs.replace(device("rp2040"), name="tiny", title="Tiny", aliases=(), ram_bytes=1000))
    dialog = opened(integers, qtbot)
    table = find(dialog, "devices.table", QTableView)
    assert cells(table, 2)[cells(table, 0).index("Tiny *")] == "no"
    click(find(dialog, "devices.libraries", QCheckBox))
    assert cells(table, 1).count("x-cube-ai") == 3  # L4R5, U575 and H7A3
    click(find(dialog, "devices.fitting", QCheckBox))
    assert "no" not in cells(table, 2) and "Tiny *" not in cells(table, 0) and len(cells(table, 0)) > 22
    QTest.keyClick(dialog, Qt.Key.Key_Escape)


def test_that_a_battery_lasts_as_its_fields_say(integers: MainWindow, qtbot: QtBot) -> None:
    dialog = opened(integers, qtbot)
    table = find(dialog, "devices.table", QTableView)
    row = cells(table, 0).index(device("stm32u575").title)
    before = float(cells(table, 7)[row].replace(",", ""))
    cell = find(dialog, "devices.cell", QDoubleSpinBox)
    cell.setFocus()
    cell.selectAll()
    QTest.keyClicks(cell, "440")
    QTest.keyClick(cell, Qt.Key.Key_Tab)
    assert float(cells(table, 7)[row].replace(",", "")) == pytest.approx(2 * before, abs=1)
    assert cells(table, 7)[cells(table, 0).index(device("nrf52840").title)] == "–"
    QTest.keyClick(dialog, Qt.Key.Key_Escape)


def test_that_a_pasted_time_becomes_a_profile_of_ones_own_that_is_chosen(
    integers: MainWindow, qtbot: QtBot, penjing_home: Path
) -> None:
    dialog = opened(integers, qtbot)
    click(find(dialog, "devices.measured", QPushButton))
    qtbot.waitUntil(lambda: any(one.isVisible() for one in dialog.findChildren(MeasuredTime)))
    measured = dialog.findChildren(MeasuredTime)[0]
    field, save = find(measured, "measured.time", QLineEdit), find(measured, "measured.save", QPushButton)
    result = find(measured, "measured.result", QLabel)
    assert not save.isEnabled()
    QTest.keyClicks(field, "soon")
    assert "'soon'" in result.text() and not save.isEnabled()
    field.clear()
    QTest.keyClicks(field, "12,5 ms")  # a decimal comma is a point
    assert "12.5 ms" in result.text() and "%" in result.text() and save.isEnabled()
    name = find(measured, "measured.name", QLineEdit)
    name.selectAll()
    QTest.keyClicks(name, "My Board")
    assert not save.isEnabled() and "My Board" in result.text()
    name.selectAll()
    QTest.keyClicks(name, "my-board")
    click(save)
    session = integers.session
    assert session.device is not None and session.device.name == "my-board"
    assert session.figures is not None and session.figures.latency_ms == pytest.approx(12.5, rel=0.05)
    assert (penjing_home / "devices" / "my-board.toml").is_file()
    selector = find(integers, "fit.device", QComboBox)
    assert selector.currentData() == "my-board" and " *" in selector.currentText()
    assert dialog.model.rowCount() == 23
    QTest.keyClick(dialog, Qt.Key.Key_Escape)


def test_that_what_the_plan_saves_follows_the_slider_and_says_what_it_does_not(
    integers: MainWindow, qtbot: QtBot
) -> None:
    session = integers.session
    panel = find(integers, "savings")
    zeros = find(integers, "savings.zeros.flash", QLabel)
    filters = find(integers, "savings.filters.flash", QLabel)
    qtbot.waitUntil(lambda: zeros.text() == "0 B")
    assert filters.text() == "–"
    height, place = panel.height(), panel.pos()
    heard: list[str] = []
    session.figures_changed.connect(lambda: heard.append(filters.text()))
    drag_slider(find(integers, "compress.filters", QSlider), 0.5)
    qtbot.waitUntil(lambda: filters.text() not in ("–", "0 B"))
    assert session.graph is not None
    without = session.plan.with_defaults(filters=0.0)
    both = [
        figures(session.graph, plan, tables=session.tables, device=session.device) for plan in (without, session.plan)
    ]
    saved = (both[0].flash_bytes or 0) - (both[1].flash_bytes or 0)
    qtbot.waitUntil(lambda: filters.text() == size(saved))
    drag_slider(find(integers, "compress.sparsity", QSlider), 0.8)
    note = find(integers, "savings.note", QLabel)
    qtbot.waitUntil(lambda: "kept weights alone" in note.text())
    assert (panel.height(), panel.pos()) == (height, place)
    session.set_device(None)
    qtbot.waitUntil(lambda: filters.text() == "–")


def test_that_a_wrong_profile_of_ones_own_costs_a_notice_and_not_the_list(
    bench: MainWindow, qtbot: QtBot, penjing_home: Path, record: Callable[[Session], Recorder]
) -> None:
    folder = penjing_home / "devices"
    folder.mkdir(parents=True)
    (folder / "wrong.toml").write_text('name = "wrong"')
    heard = record(bench.session)
    bench.session.devices_changed.emit()
    qtbot.waitUntil(lambda: len(heard.notices) == 1)
    assert "wrong.toml" in heard.only().text and "title" in heard.only().text
    assert find(bench, "fit.device", QComboBox).count() == 23  # 22 devices, and none
