"""Remarks under the sliders: a number that changes lays nothing out, another number of lines does."""

from PySide6.QtCore import QEvent, QObject
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from penjing_gui.controls.remark import Remark


class _Layouts(QObject):
    """Counts the times that a widget is laid out."""

    def __init__(self, watched: QWidget) -> None:
        super().__init__(watched)
        self.count = 0
        watched.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.count += event.type() == QEvent.Type.LayoutRequest
        return False


def test_that_only_another_height_lays_out(qtbot: QtBot) -> None:
    page, remark = QWidget(), Remark()
    qtbot.addWidget(page)
    layout = QVBoxLayout(page)
    layout.addWidget(remark)
    layout.addWidget(QLabel("below"))
    layout.addStretch(1)
    page.resize(260, 200)
    with qtbot.waitExposed(page):
        page.show()
    remark.setText("zeros save 1.0 KiB")
    QTest.qWait(50)
    layouts = _Layouts(page)
    line = remark.fontMetrics().height()
    assert line <= remark.height() < 2 * line
    before = page.grab().toImage()
    for share in range(2, 9):
        remark.setText(f"zeros save {share}.0 KiB")
        QTest.qWait(5)
    assert layouts.count == 0 and page.grab().toImage() != before
    remark.setText("a remark that is so long that it needs a line more than the one that there is room for")
    qtbot.waitUntil(lambda: remark.height() >= 2 * line, timeout=2000)
    assert layouts.count > 0 and remark.text().startswith("a remark")
