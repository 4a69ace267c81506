"""The Jobs dock lists every job of the window, the newest first, with how it ended; another language keeps them."""

import dataclasses

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QApplication, QTableWidget
from pytestqt.qtbot import QtBot

from penjing_gui import language
from penjing_gui.jobs import Job
from penjing_gui.main_window import MainWindow
from tests.support.hands import find


def rows(window: MainWindow) -> list[list[str]]:
    """What the list shows."""
    table = find(window.docks.jobs, "jobs.list", QTableWidget)
    return [
        [item.text() if (item := table.item(row, column)) is not None else "" for column in range(table.columnCount())]
        for row in range(table.rowCount())
    ]


def test_that_every_job_stays_in_the_list_with_how_it_ended(
    bench: MainWindow, qapp: QApplication, qtbot: QtBot
) -> None:
    session = bench.session
    bench.docks.jobs.show()
    assert rows(bench) == []
    first = Job(kind="fit", title="Fit", began=1_000_000.0)
    session.job_changed.emit(first)
    session.job_changed.emit(dataclasses.replace(first, state="running", stage="prune"))
    ((title, state, began, took),) = rows(bench)
    assert (title, took) == ("Fit", "…") and state not in ("", "prune") and began[2] == began[5] == ":"
    session.job_changed.emit(dataclasses.replace(first, state="cancelled"))
    second = Job(kind="train", title="Train")
    session.job_changed.emit(second)
    session.job_changed.emit(dataclasses.replace(second, state="failed"))
    told = rows(bench)
    assert [row[:2] for row in told] == [["Train", "failed"], ["Fit", "cancelled"]]
    assert told[0][3] == "0 s"
    before = bench.actions_
    language.apply(qapp, "zh_CN", session.texts)
    try:
        qtbot.waitUntil(lambda: bench.actions_ is not before)
        assert [row[1] for row in rows(bench)] == ["失败", "已取消"]
    finally:
        language.apply(qapp, "en", session.texts)
        QCoreApplication.processEvents()
