"""Every page in Chinese, light and dark, at 1280 × 800: a picture for people to look at, and no text is cut off."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QAbstractButton, QApplication, QCheckBox, QLabel, QPushButton, QSizePolicy, QWidget
from pytestqt.qtbot import QtBot

from penjing_gui import language, theme
from penjing_gui.main_window import MainWindow
from tests.support import pictures, said

SLACK = 2
"""Pixels by which a text may be larger than its place: fonts round."""


def test_that_every_page_in_chinese_fits_a_small_screen(
    qtbot: QtBot, qapp: QApplication, window: MainWindow, tmp_path: Path, patience: int
) -> None:
    folder = pictures.folder(tmp_path / "screenshots")
    session, before = window.session, window.actions_
    window.resize(1280, 800)
    language.apply(qapp, "zh_CN", session.texts)
    qtbot.waitUntil(lambda: window.actions_ is not before, timeout=patience)
    try:
        pictures.picture(window, folder / "start-zh_CN.png")
        clipped = [f"start: {found}" for found in cut_off(window)]
        with qtbot.waitSignal(session.opened, timeout=patience):
            session.open_source("sample:digits")
        session.set_layer(["fc1"], "1", sparsity=0.5, weight_bits=4)
        session.select(["fc1"])
        qtbot.waitUntil(lambda: session.accuracy is not None, timeout=patience)
        for look in ("light", "dark"):
            theme.apply(qapp, look)  # type: ignore[arg-type]
            for number, name in enumerate(window.workbench.NAMES):
                window.workbench.tabs.setCurrentIndex(number)
                taken = pictures.picture(window, folder / f"{name}-zh_CN-{look}.png")
                assert taken.shape[:2] == (800, 1280), name
                assert len(np.unique(taken.reshape(-1, 3), axis=0)) > 40, name
                clipped += [f"{name}: {found}" for found in cut_off(window)]
    finally:
        theme.apply(qapp, "light")
        language.apply(qapp, "en", session.texts)
        QCoreApplication.processEvents()
    assert not clipped, "\n".join(dict.fromkeys(clipped))


def cut_off(root: QWidget) -> Iterator[str]:
    """Texts of labels and buttons that have less room than they need."""
    for widget in root.findChildren(QWidget):
        if not widget.isVisible() or not isinstance(widget, QLabel | QPushButton | QCheckBox) or not widget.text():
            continue
        room = widget.contentsRect().size()
        if isinstance(widget, QLabel) and widget.hasHeightForWidth():
            needed = widget.heightForWidth(widget.width())
            wrong = needed > widget.height() + SLACK
        elif widget.sizePolicy().horizontalPolicy() == QSizePolicy.Policy.Ignored:
            continue  # cut on purpose, whole in its tip
        elif isinstance(widget, QAbstractButton):
            wrong = widget.sizeHint().width() > widget.width() + SLACK
        else:
            metrics = widget.fontMetrics()
            wide = max(metrics.horizontalAdvance(line.replace("&", "")) for line in widget.text().split("\n"))
            wrong = wide > room.width() + SLACK or metrics.height() > room.height() + SLACK
        if wrong:
            yield f"{said.place(widget)}: {widget.text()!r} in {widget.width()} × {widget.height()}"
