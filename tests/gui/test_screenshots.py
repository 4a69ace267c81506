"""Pictures of every page and dialog, light and dark, for people to look at; none is empty or a stranger."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtWidgets import QApplication, QDialog
from pytestqt.qtbot import QtBot

from penjing_gui import theme
from penjing_gui.main_window import MainWindow
from tests.support import pictures

TABS = ("explore", "tradeoffs", "train", "export", "learn")
EMPTY = TABS[:-1]
"""Pages that have nothing to show without a network."""


def test_that_every_page_has_a_picture_in_both_themes(
    qtbot: QtBot, qapp: QApplication, window: MainWindow, tmp_path: Path, patience: int
) -> None:
    folder = pictures.folder(tmp_path / "screenshots")
    session = window.session
    window.resize(1280, 800)
    taken = {"start": pictures.picture(window, folder / "start.png")}
    with qtbot.waitSignal(session.opened, timeout=patience):
        session.open_source("sample:digits")
    session.set_layer(["fc1"], "cut", sparsity=0.5, weight_bits=4)
    session.select(["fc1"])
    session.measure_all()
    qtbot.waitUntil(lambda: session.accuracy_is_current and bool(session.per_class), timeout=patience)
    for choice in ("light", "dark"):
        theme.apply(qapp, choice)  # type: ignore[arg-type]
        for number, name in enumerate(TABS):
            window.workbench.tabs.setCurrentIndex(number)
            taken[f"{name}-{choice}"] = pictures.picture(window, folder / f"{name}-{choice}.png")
    theme.apply(qapp, "light")
    window.workbench.tabs.setCurrentIndex(0)
    dialogs = (window.commands.compare_devices, window.commands.preferences, window.commands.shortcuts)
    for name, opened in zip(("devices", "preferences", "shortcuts"), dialogs, strict=True):
        taken[name] = _dialog(qtbot, opened, folder / f"{name}.png")

    for name, found in taken.items():
        assert len(np.unique(found.reshape(-1, 3), axis=0)) > 40, f"{name} is empty"
        if name.endswith(("-light", "-dark")):
            assert found.shape[0] >= 800 and found.shape[1] >= 1280, name
    for name in TABS:
        assert taken[f"{name}-dark"].mean() < 90 < 200 < taken[f"{name}-light"].mean(), name
    # The same page drawn again is the same picture; another page is not.
    again = pictures.picture(window, folder / "explore-light.png")
    assert _difference(again, taken["explore-light"]) < 0.02
    for name in TABS[1:]:
        assert _difference(taken[f"{name}-light"], taken["explore-light"]) > 0.02, name


def test_that_pages_without_a_network_say_what_to_do(window: MainWindow) -> None:
    window.workbench.build()
    for number, name in enumerate(EMPTY):
        page = window.workbench.tabs.widget(number)
        assert page.currentWidget() is page.empty, name  # type: ignore[attr-defined]
        assert page.empty.text.text() and page.empty.hint.text(), name  # type: ignore[attr-defined]


def _dialog(qtbot: QtBot, opened: Callable[[], None], path: Path) -> NDArray[np.uint8]:
    opened()
    (dialog,) = (one for one in QApplication.topLevelWidgets() if isinstance(one, QDialog) and one.isVisible())
    found = pictures.picture(dialog, path)
    dialog.reject()
    qtbot.waitUntil(lambda: not any(isinstance(one, QDialog) for one in QApplication.topLevelWidgets()))
    return found


def _difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Share of the pixels that differ clearly."""
    return float((np.abs(one.astype(int) - other).max(axis=2) > 32).mean())
