"""The main window with the digits open: real mouse and key events on controls, docks, tabs, menus."""

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QSlider,
    QStyle,
    QStyleOptionSlider,
    QWidget,
)
from pytestqt.qtbot import QtBot

from penjing.plan import Plan
from penjing.planning.fit import Budgets
from penjing_gui.main_window import MainWindow

IDENTIFIERS = (
    "start.sample.watch start.sample.digits start.openModel start.openProject layers.table layers.filter"
    " compress.criterion compress.filterCriterion compress.scope compress.threshold compress.threshold.value"
    " compress.sparsity compress.sparsity.value compress.filters compress.filters.value compress.weightBits"
    " compress.weightBits.value compress.activationBits compress.activationBits.value compress.scheme"
    " compress.granularity compress.calibrator compress.locked fit.device fit.run fit.flash fit.ram fit.flashBudget"
    " fit.ramBudget fit.latencyBudget estimate.accuracy estimate.size estimate.macs estimate.latency estimate.energy"
    " run.measureAll edit.undo edit.redo learn.list tabs.main status.message engine.state"
)


def find(window: MainWindow, identifier: str, kind: type = QWidget) -> QWidget:
    """The one widget with an identifier."""
    found = [one for one in window.findChildren(kind) if one.accessibleIdentifier() == identifier]
    assert len(found) == 1, (identifier, found)
    return found[0]


def handle(slider: QSlider) -> QPoint:
    """The middle of a slider's handle."""
    option = QStyleOptionSlider()
    slider.initStyleOption(option)
    control, part = QStyle.ComplexControl.CC_Slider, QStyle.SubControl.SC_SliderHandle
    return slider.style().subControlRect(control, option, part, slider).center()


def drag(slider: QSlider, by: int, *, steps: int = 12) -> None:
    """Press the handle, move it, let go."""
    at = handle(slider)
    QTest.mousePress(slider, Qt.MouseButton.LeftButton, pos=at)
    for step in range(1, steps + 1):
        QTest.mouseMove(slider, at + QPoint(by * step // steps, 0))
    QTest.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=at + QPoint(by, 0))


def test_that_every_identifier_is_there_once_and_every_control_is_named(bench: MainWindow) -> None:
    for identifier in IDENTIFIERS.split():
        widget = find(bench, identifier)
        assert widget.accessibleName(), identifier


def test_that_a_drag_is_one_undo_step_and_figures_follow_every_move(bench: MainWindow) -> None:
    session = bench.session
    sizes: list[int] = []
    session.plan_changed.connect(lambda plan: sizes.append(session.figures.nonzero))
    before = session.plan
    drag(find(bench, "compress.sparsity"), 40)
    assert len(sizes) > 3
    assert sizes == sorted(sizes, reverse=True)
    assert session.plan.defaults.sparsity > 0.2
    assert session.undo_stack.count() == 1
    QTest.keyClick(bench, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert session.plan == before


def test_that_slider_and_spin_box_show_the_same_and_typing_is_one_step(bench: MainWindow) -> None:
    box = find(bench, "compress.filters.value", QDoubleSpinBox)
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, "40")
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert bench.session.plan.defaults.filters == 0.4
    assert find(bench, "compress.filters").value() == 400
    assert bench.session.undo_stack.count() == 1


def test_that_bits_go_to_the_next_width_that_there_is(bench: MainWindow) -> None:
    bench.session.edit(Plan(), "Reset")
    box, slider = find(bench, "compress.weightBits.value"), find(bench, "compress.weightBits")
    slider.setFocus()
    seen = []
    for _ in range(3):
        QTest.keyClick(slider, Qt.Key.Key_Left)
        seen.append(bench.session.plan.defaults.weight_bits)
    assert seen == [16, 8, 7]
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Up)
    QTest.keyClick(box, Qt.Key.Key_Up)
    assert bench.session.plan.defaults.weight_bits == 16
    assert box.value() == 16


def test_that_a_threshold_shows_the_share_that_it_comes_to(bench: MainWindow) -> None:
    session = bench.session
    name = session.graph.compressible[0].name
    session.select((name,))
    drag(find(bench, "compress.threshold"), 30)
    threshold = session.plan.settings(name).threshold
    ordered = abs(session.values[name])
    share = (ordered < threshold).mean()
    assert 0 < share < 1
    assert abs(find(bench, "compress.sparsity.value").value() - 100 * share) < 0.051


def test_that_a_choice_is_written_for_the_selected_layers_alone(bench: MainWindow) -> None:
    session = bench.session
    first, second = (layer.name for layer in session.graph.compressible[:2])
    session.select((first,))
    box = find(bench, "compress.scheme", QComboBox)
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Down)
    assert session.plan.settings(first).scheme == box.currentData() == "affine"
    assert session.plan.settings(second).scheme == "symmetric"
    session.select(())
    assert box.currentIndex() == -1  # several


def test_that_the_table_edits_what_it_shows(bench: MainWindow) -> None:
    session = bench.session
    table = find(bench, "layers.table")
    rect = table.visualRect(table.model().index(1, 0))
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=rect.center())
    name = session.graph.compressible[1].name
    assert session.selection == (name,)
    assert session.layer == name
    lock = table.visualRect(table.model().index(1, 9))
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(lock.left() + 10, lock.center().y()))
    assert session.plan.settings(name).locked
    assert find(bench, "compress.locked").isChecked()


def test_that_the_filter_is_one_shortcut_away_and_hides_rows(bench: MainWindow, qtbot: QtBot) -> None:
    QTest.keyClick(bench, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    field = find(bench, "layers.filter")
    qtbot.waitUntil(field.hasFocus)
    QTest.keyClicks(field, bench.session.graph.compressible[0].name)
    assert find(bench, "layers.table").model().rowCount() == 1


def test_that_over_budget_is_said_in_words(bench: MainWindow) -> None:
    session = bench.session
    session.edit(Plan(), "Reset")
    over = session.figures.flash_bytes - 16 * 1024
    session.set_budgets(Budgets(flash_bytes=16 * 1024))
    label = find(bench, "fit.flash", QLabel)
    assert f"{over / 1024:.0f} KiB over" in label.text()
    assert label.accessibleName() == f"Flash: {label.text()}"
    box = find(bench, "fit.flashBudget", QDoubleSpinBox)
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, "4000")
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert session.budgets.flash_bytes == 4000 * 1024
    assert "over" not in label.text()


def test_that_readouts_carry_their_values_in_their_names(bench: MainWindow) -> None:
    bench.session.edit(Plan().with_defaults(weight_bits=8, activation_bits=8), "8 bits")
    for identifier, name in (("estimate.size", "Size"), ("estimate.macs", "MACs"), ("estimate.latency", "Latency")):
        label = find(bench, identifier, QLabel)
        assert label.accessibleName() == f"{name}: {label.text()}"
        assert any(sign.isdigit() for sign in label.text())


def test_that_another_device_means_other_figures_and_its_room_as_budget(bench: MainWindow) -> None:
    session = bench.session
    session.set_budgets(Budgets())
    box = find(bench, "fit.device", QComboBox)
    box.setFocus()
    box.setCurrentIndex(box.findData("rp2040") - 1)
    QTest.keyClick(box, Qt.Key.Key_Down)
    assert session.device.name == "rp2040"
    assert session.budgets.ram_bytes == session.device.ram_bytes
    box.setCurrentIndex(1)
    QTest.keyClick(box, Qt.Key.Key_Up)
    assert session.device is None
    assert find(bench, "estimate.latency", QLabel).text() == "–"


def test_that_tabs_and_help_have_their_keys(bench: MainWindow) -> None:
    for number in (4, 0, 2):
        QTest.keyClick(bench, Qt.Key.Key_1 + number, Qt.KeyboardModifier.ControlModifier)
        assert bench.workbench.tabs.currentIndex() == number
    QTest.keyClick(bench, Qt.Key.Key_F1)
    assert bench.workbench.tabs.currentIndex() == 4
    QTest.keyClick(bench, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    assert bench.workbench.tabs.currentIndex() == 3


def test_that_holding_b_shows_the_network_before(bench: MainWindow) -> None:
    heard: list[bool] = []
    bench.session.before_changed.connect(heard.append)
    bench.workbench.tabs.setFocus()
    handle_of_window = bench.windowHandle()
    QTest.keyPress(handle_of_window, Qt.Key.Key_B)
    QTest.keyRelease(handle_of_window, Qt.Key.Key_B)
    assert heard == [True, False]
    find(bench, "layers.filter").setFocus()
    QTest.keyPress(handle_of_window, Qt.Key.Key_B)
    QTest.keyRelease(handle_of_window, Qt.Key.Key_B)
    assert heard == [True, False]
    assert find(bench, "layers.filter").text() == "b"


def test_that_every_control_can_be_reached_by_the_tab_key(bench: MainWindow) -> None:
    wanted = {"compress.sparsity", "compress.weightBits.value", "compress.locked", "fit.flashBudget", "layers.table"}
    find(bench, "layers.filter").setFocus()
    met: set[str] = set()
    for _ in range(80):
        focus = QApplication.focusWidget()
        met.add(focus.accessibleIdentifier())
        QTest.keyClick(focus, Qt.Key.Key_Tab)
    assert wanted <= met, wanted - met


def test_that_the_window_is_as_small_as_a_small_screen(bench: MainWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: bench.docks.compress.width() >= 280)
    assert (bench.width(), bench.height()) == (1280, 800)


def test_that_layout_comes_back(bench: MainWindow, qtbot: QtBot) -> None:
    bench.docks.fit.hide()
    bench.show_start()
    assert not bench.docks.layers.isVisible()
    bench.show_workbench()
    qtbot.waitUntil(bench.docks.layers.isVisible)
    assert not bench.docks.fit.isVisible()


def test_that_icons_and_palette_follow_the_theme(bench: MainWindow) -> None:
    before = find(bench, "run.measureAll").icon().pixmap(16, 16).toImage()
    from penjing_gui import theme

    app = QApplication.instance()
    assert isinstance(app, QApplication)
    theme.apply(app, "dark")
    after = find(bench, "run.measureAll").icon().pixmap(16, 16).toImage()
    theme.apply(app, "light")
    assert before != after
