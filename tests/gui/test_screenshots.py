"""Pictures of every page, tab and dialog for people to look at; nothing is empty, no text is cut off.

The test takes every view in English on light and in Chinese on dark, and the pages in the two other pairings and on a
large screen; with `PENJING_SCREENSHOTS=FOLDER` it takes and keeps every view in all of them.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QDialog,
    QListWidget,
    QTabBar,
    QTabWidget,
    QWidget,
)
from pytestqt.qtbot import QtBot

from penjing_gui import language, theme
from penjing_gui.dialogs import unsaved
from penjing_gui.learn.lesson_view import LessonView
from penjing_gui.main_window import MainWindow
from tests.support import pictures, said
from tests.support.hands import find

SMALL, LARGE = (1280, 800), (1920, 1080)
EMPTY = ("explore", "tradeoffs", "train", "export")
"""Pages that have nothing to show without a network."""
LESSONS = (5, 10, 15)
"""Rows of the list: two steps of the course, and a criterion outside it."""
Pixels = NDArray[np.uint8]


@pytest.mark.slow
def test_that_every_view_has_a_picture_and_nothing_is_cut_off(
    qtbot: QtBot, qapp: QApplication, window: MainWindow, tmp_path: Path, patience: int
) -> None:
    folder = pictures.folder(tmp_path / "screenshots")
    whole = "PENJING_SCREENSHOTS" in os.environ
    taken: dict[str, Pixels] = {}
    clipped: list[str] = []

    def take(widget: QWidget, name: str) -> None:
        taken[name] = pictures.picture(widget, folder / f"{name}.png")
        clipped.extend(f"{name}: {found}" for found in pictures.cut_off(widget))

    def tour(pairing: str, *, every: bool) -> None:
        for name in views(window, every=every or whole):
            # What a page asks for when it is first seen is on its way; then it is drawn.
            qtbot.wait(50)
            qtbot.waitUntil(lambda: window.session.engine.state == "idle" and not awaited(window), timeout=patience)
            take(window, f"{name}-{pairing}")

    window.resize(*SMALL)
    take(window, "start-en-light")
    window.resize(*LARGE)
    take(window, "start-en-light-large")
    window.resize(*SMALL)
    theme.apply(qapp, "dark")
    take(window, "start-en-dark")
    theme.apply(qapp, "light")
    _open(qtbot, window, patience)
    try:
        tour("en-light", every=True)
        for name, dialog in dialogs(window):
            take(dialog, f"dialog-{name}-en-light")
            dialog.reject()
        window.resize(*LARGE)
        tour("en-light-large", every=False)
        window.resize(*SMALL)
        theme.apply(qapp, "dark")
        tour("en-dark", every=False)
        before = window.actions_
        language.apply(qapp, "zh_CN", window.session.texts)
        qtbot.waitUntil(lambda: window.actions_ is not before, timeout=patience)
        tour("zh-dark", every=True)
        for name, dialog in dialogs(window):
            take(dialog, f"dialog-{name}-zh-dark")
            dialog.reject()
        theme.apply(qapp, "light")
        tour("zh-light", every=False)
        window.show_start()
        take(window, "start-zh-light")
        theme.apply(qapp, "dark")
        take(window, "start-zh-dark")
    finally:
        theme.apply(qapp, "light")
        language.apply(qapp, "en", window.session.texts)
        QCoreApplication.processEvents()

    for name, found in taken.items():
        assert colors(found) > 40, f"{name} is empty"
        if not name.startswith("dialog-"):
            size = LARGE if name.endswith("large") else SMALL
            assert found.shape[:2] == size[::-1], name
    for name in window.workbench.NAMES:
        for spoken in ("en", "zh"):
            assert taken[f"{name}-{spoken}-dark"].mean() < 90 < 200 < taken[f"{name}-{spoken}-light"].mean(), name
        assert name == "explore" or difference(taken[f"{name}-en-light"], taken["explore-en-light"]) > 0.02, name
        assert difference(taken[f"{name}-en-light"], taken[f"{name}-zh-light"]) > 0.005, name
    assert not clipped, "\n".join(dict.fromkeys(clipped))


def test_that_pages_without_a_network_say_what_to_do(window: MainWindow) -> None:
    window.workbench.build()
    for number, name in enumerate(EMPTY):
        page = window.workbench.tabs.widget(number)
        assert page.currentWidget() is page.empty, name  # type: ignore[attr-defined]
        assert page.empty.text.text() and page.empty.hint.text(), name  # type: ignore[attr-defined]


def views(window: MainWindow, *, every: bool) -> Iterator[str]:
    """Brings one page after the other to the front, then one tab of it after the other; their names."""
    tabs = window.workbench.tabs
    for number, name in enumerate(window.workbench.NAMES):
        tabs.setCurrentIndex(number)
        if name == "tradeoffs":
            tabs.currentWidget().table.selectAll()  # type: ignore[attr-defined]
        yield name
        if not every:
            continue
        page = tabs.currentWidget()
        bars = [one for one in page.findChildren(QTabBar) if not isinstance(one.parent(), QTabWidget)]
        for inner in (*page.findChildren(QTabWidget), *bars):
            if not inner.isVisible():
                continue
            first = inner.currentIndex()
            for place in range(inner.count()):
                if place != first:
                    inner.setCurrentIndex(place)
                    yield f"{name}-{inner.accessibleIdentifier().rpartition('.')[2]}-{place}"
            if name == "tradeoffs":  # the last of its tabs compares in several ways
                for place in (1, 2):
                    find(window, "compare.view", QComboBox).setCurrentIndex(place)
                    yield f"tradeoffs-compare-{place}"
                find(window, "compare.view", QComboBox).setCurrentIndex(0)
            inner.setCurrentIndex(first)
        if name == "learn":
            lessons = find(window, "learn.list", QListWidget)
            for row in LESSONS:
                lessons.setCurrentRow(row)
                yield f"learn-{row}"
            lessons.setCurrentRow(0)
    tabs.setCurrentIndex(0)


def awaited(window: MainWindow) -> bool:
    """Whether the page in front still waits for answers of the engine."""
    page = window.workbench.tabs.currentWidget()
    if (labels := getattr(page, "soft_labels", None)) is not None and labels.isVisible():
        return labels._logits is None
    if (pictures := getattr(page, "features", None)) is not None and pictures.isVisible():
        return not pictures.pair.count()
    if (lesson := getattr(page, "view", None)) is not None and isinstance(lesson, LessonView):
        return lesson.numbers.text().endswith("…")
    compare = getattr(page, "compare", None)
    return compare is not None and compare.isVisible() and "…" in compare.hint.text()


def dialogs(window: MainWindow) -> Iterator[tuple[str, QDialog]]:
    """Opens one after the other; who takes it closes it."""
    do, pages = window.commands, window.workbench.tabs

    def press(identifier: str) -> Callable[[], object]:
        return find(window, identifier, QAbstractButton).click

    opens: Sequence[tuple[str, int, Callable[[], object]]] = (
        ("preferences", 0, do.preferences),
        ("shortcuts", 0, do.shortcuts),
        ("about", 0, do.about),
        ("devices", 0, do.compare_devices),
        ("fix", 0, press("fit.fix")),
        ("sweep", 1, press("tradeoffs.sweep")),
        ("pairs", 2, press("train.pairs")),
        ("lesson", 4, press("learn.writeOwn")),
        ("unsaved", 0, lambda: unsaved.ask(window, save=lambda: None, discard=lambda: None)),
    )
    for name, tab, opened in opens:
        pages.setCurrentIndex(tab)
        QCoreApplication.processEvents()
        before = set(said.windows())
        opened()
        (dialog,) = set(said.windows()) - before
        assert isinstance(dialog, QDialog)
        yield name, dialog
        QCoreApplication.processEvents()


def colors(found: Pixels) -> int:
    """How many there are."""
    return len(np.unique(found.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)))


def difference(one: Pixels, other: Pixels) -> float:
    """Share of the pixels that differ clearly."""
    return float((np.abs(one.astype(np.int16) - other).max(axis=2) > 32).mean())


def _open(qtbot: QtBot, window: MainWindow, patience: int) -> None:
    """The digits with a plan that is over budget, and two plans that were kept, side by side."""
    session = window.session
    with qtbot.waitSignal(session.opened, timeout=patience):
        session.open_source("sample:digits")
    history = window.workbench.tabs.widget(1).history  # type: ignore[attr-defined]
    for sparsity in (0.9, 0.5):
        session.set_layer(["fc1"], "cut", sparsity=sparsity, filters=0.0, weight_bits=8)
        session.select(["fc1"])
        session.measure_all()
        qtbot.waitUntil(lambda: session.accuracy_is_current and bool(session.per_class), timeout=patience)
        history.keep.click()
    session.set_layer(["fc1"], "bits", weight_bits=4)
    distillation = msgspec.structs.replace(session.plan.distillation, feature=0.5)  # which has pairs to choose
    session.edit(msgspec.structs.replace(session.plan, distillation=distillation), "feature")
    session.set_budgets(msgspec.structs.replace(session.budgets, flash_bytes=16 << 10))
    session.measure_all()
    qtbot.waitUntil(lambda: session.accuracy_is_current, timeout=patience)
