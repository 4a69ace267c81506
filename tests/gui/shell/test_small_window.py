"""In a window that is too small, pages are scrolled and nothing of them is squeezed; one of 1280 × 800 is no such."""

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QApplication, QScrollArea
from pytestqt.qtbot import QtBot

from penjing_gui import language
from penjing_gui.main_window import MainWindow
from penjing_gui.pages.empty import Page
from tests.support import pictures

SMALL, USUAL = (1024, 640), (1280, 800)


@pytest.mark.parametrize("spoken", ["en", "zh_CN"])
def test_that_no_page_is_squeezed(bench: MainWindow, qapp: QApplication, qtbot: QtBot, spoken: str) -> None:
    before = bench.actions_
    language.apply(qapp, spoken, bench.session.texts)
    if spoken != "en":
        qtbot.waitUntil(lambda: bench.actions_ is not before)
    wrong: list[str] = []
    try:
        for size in (USUAL, SMALL):
            bench.resize(*size)
            for number, name in enumerate(bench.workbench.NAMES):
                page = bench.workbench.tabs.widget(number)
                bench.workbench.tabs.setCurrentIndex(number)
                for _ in range(8):
                    QCoreApplication.processEvents()
                if not isinstance(page, Page):
                    continue
                room = page.currentWidget()
                assert isinstance(room, QScrollArea) and room.widget() is page.content, name
                bars = room.verticalScrollBar().maximum(), room.horizontalScrollBar().maximum()
                if size == USUAL and bars != (0, 0):
                    wrong.append(f"{name} does not fit {size}: {bars} too large")
                if size == SMALL and name == "export":
                    assert bars[0] > 0
                wrong += [f"{name} in {size}: {one}" for one in pictures.cut_off(page)]
        assert bench.size().toTuple() == SMALL
    finally:
        language.apply(qapp, "en", bench.session.texts)
        QCoreApplication.processEvents()
    assert not wrong, "\n".join(wrong)
