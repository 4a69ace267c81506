"""Preferences by mouse and keys: every choice takes effect at once, says its limits, and can be taken back."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QComboBox, QDialog, QDoubleSpinBox, QLabel, QPushButton, QSpinBox, QWidget
from pytestqt.qtbot import QtBot

from penjing.worker import cache
from penjing.worker.messages import Tune
from penjing_gui import language, theme
from penjing_gui.dialogs.preferences import most_threads
from penjing_gui.engine import Link
from penjing_gui.main_window import MainWindow
from penjing_gui.plots.scale import SCALE
from penjing_gui.settings import PREFERENCES, Recent, Settings
from tests.support.hands import choose, click, find, press, type_over


@pytest.fixture(autouse=True)
def colors_of_before() -> Iterator[None]:
    yield
    SCALE.use("cividis")


def test_that_colors_of_maps_change_at_once_and_go_back(bench: MainWindow, qtbot: QtBot) -> None:
    bench.session.select(["fc1"])
    heatmap = find(bench, "plot.saliency")
    qtbot.waitUntil(heatmap.isVisible)
    values = np.linspace(0, 1, 200, dtype=np.float32).reshape(10, 20)
    heatmap.show_values(values, columns="input", rows="filter")  # type: ignore[attr-defined]
    before = pixels(heatmap)
    dialog = opened(bench)
    choose(find(dialog, "preferences.colormap", QComboBox), "grey")
    qtbot.waitUntil(lambda: not np.array_equal(pixels(heatmap), before))
    inside = inside_of(heatmap)
    assert np.ptp(inside, axis=2).max() <= 3  # red, green and blue alike
    assert np.ptp(inside) > 30
    choose(find(dialog, "preferences.colormap", QComboBox), "viridis")
    qtbot.waitUntil(lambda: bool(np.ptp(inside_of(heatmap), axis=2).max() > 60))
    click(find(dialog, "preferences.reset", QPushButton))
    qtbot.waitUntil(lambda: np.array_equal(pixels(heatmap), before))


def test_that_the_engine_is_told_what_it_may_take_and_so_is_the_next_one(
    bench: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[object] = []
    monkeypatch.setattr(Link, "send", lambda self, message: said.append(message))
    engine = bench.session.engine
    engine.start()
    try:
        assert said == [Tune(threads=2, cache_bytes=256 << 20)]
        dialog = opened(bench)
        type_over(find(dialog, "preferences.threads", QSpinBox), "1")
        type_over(find(dialog, "preferences.cache", QSpinBox), "64")
        assert said[-2:] == [Tune(threads=1, cache_bytes=256 << 20), Tune(threads=1, cache_bytes=64 << 20)]
        said.clear()
        engine.restart()
        assert said == [Tune(threads=1, cache_bytes=64 << 20)]
    finally:
        monkeypatch.undo()
        engine.stop(patience=0.0)


def test_that_the_dialog_says_its_limits_and_keeps_them(bench: MainWindow) -> None:
    dialog = opened(bench)
    hints = " ".join(label.text() for label in dialog.findChildren(QLabel))
    for limit in (f"1 to {most_threads()}", "16 to 8192 MiB", "0.5 s to 60 s"):
        assert limit in hints
    for name, typed, kept in (
        ("threads", "99", most_threads()),
        ("cache", "3", 16),
        ("autosave", "900", 60.0),
    ):
        box = find(dialog, f"preferences.{name}", QDoubleSpinBox if name == "autosave" else QSpinBox)
        type_over(box, typed)
        assert box.minimum() <= box.value() <= box.maximum(), name
        assert box.value() == kept or box.value() != float(typed), name


def test_that_unsaved_work_is_kept_as_soon_as_is_preferred(bench: MainWindow, qtbot: QtBot) -> None:
    autosave = bench.session.projects.autosave
    autosave.use(None)
    dialog = opened(bench)
    box = find(dialog, "preferences.autosave", QDoubleSpinBox)
    assert box.value() == 1.5
    type_over(box, "30")
    bench.session.set_layer(["fc1"], "cut", sparsity=0.5)
    qtbot.wait(200)
    assert autosave.workspace is not None and not autosave.workspace.state_file.exists()
    autosave.now()
    autosave.workspace.state_file.unlink()
    type_over(box, "0.5")
    bench.session.set_layer(["fc1"], "cut", sparsity=0.6)
    qtbot.waitUntil(autosave.workspace.state_file.exists, timeout=1400)


def test_that_the_cache_is_measured_and_emptied(bench: MainWindow) -> None:
    cache.keep("one", b"x" * 300_000)
    dialog = opened(bench)
    assert any("293 KiB" in label.text() for label in dialog.findChildren(QLabel))
    click(find(dialog, "preferences.emptyCache", QPushButton))
    assert cache.used() == 0
    assert not any("293 KiB" in label.text() for label in dialog.findChildren(QLabel))


def test_that_language_and_theme_change_under_the_open_dialog(
    bench: MainWindow, qapp: QApplication, qtbot: QtBot
) -> None:
    from penjing_gui.appearance import Appearance

    appearance = Appearance(qapp, bench.settings, bench.session.texts)
    dialog = opened(bench)
    try:
        choose(find(dialog, "preferences.theme", QComboBox), "dark")
        assert theme.colors(dialog.palette()).dark
        choose(find(dialog, "preferences.language", QComboBox), "zh_CN")
        qtbot.waitUntil(lambda: dialog.windowTitle() == "首选项")
        click(find(dialog, "preferences.reset", QPushButton))
        qtbot.waitUntil(lambda: dialog.windowTitle() == "Preferences")
        assert not theme.colors(dialog.palette()).dark
    finally:
        dialog.reject()
        language.apply(qapp, "en", bench.session.texts)
        theme.apply(qapp, "light")
        appearance.deleteLater()


def test_that_defaults_come_back_and_what_is_remembered_stays(bench: MainWindow, tmp_path: Path) -> None:
    bench.settings.remember(Recent(path="/a.onnx"))
    recents = bench.settings.value.recents
    bench.settings.update(threads=1, cache_mib=32, autosave_seconds=9.0, colormap="grey")
    assert json.loads(bench.settings.path.read_text())["threads"] == 1
    dialog = opened(bench)
    reset = find(dialog, "preferences.reset", QPushButton)
    assert reset.isEnabled()
    click(reset)
    assert not reset.isEnabled()
    now = bench.settings.value
    assert {name: getattr(now, name) for name in PREFERENCES} == {n: getattr(Settings(), n) for n in PREFERENCES}
    assert now.recents == recents
    assert find(dialog, "preferences.threads", QSpinBox).value() == 2


def opened(window: MainWindow) -> QDialog:
    """The dialog, by its shortcut."""
    press(window, Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier)
    (dialog,) = (one for one in window.findChildren(QDialog) if one.isVisible())
    return dialog


def pixels(widget: QWidget) -> NDArray[np.uint8]:
    """As they are drawn [height, width, 3]."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def inside_of(plot: QWidget) -> NDArray[np.int64]:
    """Its pixels without axes."""
    return pixels(plot)[30:-50, 80:-30].astype(np.int64)
