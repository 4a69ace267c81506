"""Pictures of every page, light and dark, for people to look at and for the README; none is empty or a stranger."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from penjing_gui import theme
from penjing_gui.main_window import MainWindow

TABS = ("explore", "tradeoffs", "train", "export")


def test_that_every_page_has_a_picture(
    qtbot: QtBot, qapp: QApplication, window: MainWindow, tmp_path: Path, patience: int
) -> None:
    folder = Path(os.environ.get("PENJING_SCREENSHOTS", tmp_path / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    session = window.session
    window.resize(1280, 800)
    pictures = {"start": _picture(window, folder / "start.png")}
    with qtbot.waitSignal(session.opened, timeout=patience):
        session.open_source("sample:digits")
    session.set_layer(["fc1"], "cut", sparsity=0.5, weight_bits=4)
    session.select(["fc1"])
    qtbot.waitUntil(lambda: session.accuracy_is_current and bool(session.per_class), timeout=patience)
    for number, name in enumerate(TABS):
        window.workbench.tabs.setCurrentIndex(number)
        pictures[name] = _picture(window, folder / f"{name}.png")
    window.workbench.tabs.setCurrentIndex(0)
    theme.apply(qapp, "dark")
    pictures["explore-dark"] = _picture(window, folder / "explore-dark.png")
    theme.apply(qapp, "light")

    for name, picture in pictures.items():
        assert picture.shape[0] >= 800 and picture.shape[1] >= 1280, name
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 40, f"{name} is empty"
    assert pictures["explore-dark"].mean() < 90 < 200 < pictures["explore"].mean()
    # The same page drawn again is the same picture; another page is not.
    again = _picture(window, folder / "explore.png")
    assert _difference(again, pictures["explore"]) < 0.02
    for name in TABS[1:]:
        assert _difference(pictures[name], pictures["explore"]) > 0.02, name


def test_that_pages_without_a_network_say_what_to_do(window: MainWindow) -> None:
    window.workbench.build()
    for number, name in enumerate(TABS):
        page = window.workbench.tabs.widget(number)
        assert page.currentWidget() is page.empty, name  # type: ignore[attr-defined]
        assert page.empty.text.text() and page.empty.hint.text(), name  # type: ignore[attr-defined]


def _picture(window: MainWindow, path: Path) -> NDArray[np.uint8]:
    for _ in range(3):  # layouts settle, then plots
        QCoreApplication.processEvents()
    image = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    assert image.save(str(path))
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def _difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Share of the pixels that differ clearly."""
    return float((np.abs(one.astype(int) - other).max(axis=2) > 32).mean())
