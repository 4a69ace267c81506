"""Notes of a fixed number of lines: another text lays nothing out, and what does not fit is in the tip."""

from PySide6.QtCore import QEvent, QObject
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from penjing_gui.controls.short_note import ShortNote


class _Layouts(QObject):
    """Counts the times that a widget is laid out."""

    def __init__(self, watched: QWidget) -> None:
        super().__init__(watched)
        self.count = 0
        watched.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.count += event.type() == QEvent.Type.LayoutRequest
        return False


def test_that_no_text_lays_out_and_a_long_one_is_whole_in_its_tip(qtbot: QtBot) -> None:
    page, note = QWidget(), ShortNote(2)
    qtbot.addWidget(page)
    layout = QVBoxLayout(page)
    layout.addWidget(note)
    layout.addWidget(QLabel("below"))
    layout.addStretch(1)
    page.resize(260, 200)
    with qtbot.waitExposed(page):
        page.show()
    note.say("zeros save 1.0 KiB")
    QTest.qWait(50)
    layouts = _Layouts(page)
    assert note.height() == 2 * note.fontMetrics().lineSpacing() and not note.toolTip()
    before = page.grab().toImage()
    long = "a note that is so long that it needs " + "more " * 30 + "lines than the two that there are"
    note.say(long)
    QTest.qWait(20)
    assert layouts.count == 0 and page.grab().toImage() != before
    assert note.shown.endswith("…") and long.startswith(note.shown[:-1]) and len(note.shown) > 40
    assert note.toolTip() == note.accessibleName() == note.text() == long
    page.resize(1600, 200)
    QTest.qWait(20)
    assert note.shown == long and not note.toolTip()
    note.say("one of two", "one of two\nand the other")
    assert note.shown == "one of two" and note.toolTip() == "one of two\nand the other"
