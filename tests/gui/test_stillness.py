"""Nothing moves while values change: sliders are dragged, measurements stream in, a training goes on."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QSlider, QTableView, QTabWidget
from pytestqt.qtbot import QtBot

from penjing.results import Accuracy
from penjing.worker import messages as wire
from penjing.worker.change import Change, Flip
from penjing_gui import language
from penjing_gui.jobs import Job
from penjing_gui.main_window import MainWindow
from tests.support.hands import LEFT, NONE, click_row, find, handle, press
from tests.support.stillness import Watcher, watching

SLIDERS = ("threshold", "sparsity", "filters", "weightBits", "activationBits")
MAY_GO = frozenset({"compress.problems", "plot.problems", "fit.fix"})
"""What is wrong with the plan, and what helps: said in places that stay free otherwise."""
STEPS = (
    (8, "measuring", 0.0999, 0.6),
    (64, "working", 1.0, 0.2),
    (512, "measuring", 0.123, 0.05),
    (1000, "idle", 0.1, 0),
)
"""Of a measurement: samples seen, what the engine is at, the value and half of its interval."""
USUAL, SMALL = (1280, 800), (1100, 700)


@pytest.fixture
def spoken(bench: MainWindow, qapp: QApplication, request: pytest.FixtureRequest, qtbot: QtBot) -> Iterator[MainWindow]:
    """The workbench in the language that a test names."""
    before = bench.actions_
    if request.param != "en":
        language.apply(qapp, request.param, bench.session.texts)
        qtbot.waitUntil(lambda: bench.actions_ is not before)
    yield bench
    language.apply(qapp, "en", bench.session.texts)
    QApplication.processEvents()


@pytest.mark.parametrize(("spoken", "size"), [("en", USUAL), ("zh_CN", SMALL)], indirect=["spoken"])
def test_that_no_widget_moves_while_a_slider_is_dragged(spoken: MainWindow, size: tuple[int, int]) -> None:
    window = spoken
    window.resize(*size)
    wrong = [told for layer in (None, "fc1") for name in SLIDERS for told in _dragged(window, layer, name)]
    wrong += _undone(window)
    assert not wrong, "\n".join(dict.fromkeys(wrong))


@pytest.mark.parametrize(
    ("spoken", "page"),
    [("en", 0), ("zh_CN", 0), ("en", 1), ("zh_CN", 2), ("en", 3), ("zh_CN", 4)],
    indirect=["spoken"],
)
def test_that_no_widget_moves_while_measurements_stream_in(spoken: MainWindow, page: int) -> None:
    window = spoken
    window.resize(*USUAL)
    window.workbench.tabs.setCurrentIndex(page)
    wrong: list[str] = []
    for inner in _inner_tabs(window):
        with watching(window, may_go=MAY_GO) as watcher:
            for bits in (8, 4, 2, 32):
                window.session.set_defaults("bits", None, weight_bits=bits, sparsity=0.9 if bits < 8 else 0.0)
                watcher.look()
                _measured(window, watcher, flipped=bits < 8)
        wrong += [f"{inner}: {told}" for told in watcher.told()]
    assert not wrong, "\n".join(dict.fromkeys(wrong))


@pytest.mark.parametrize(("spoken", "page"), [("en", 0), ("zh_CN", 2)], indirect=["spoken"])
def test_that_no_widget_moves_while_a_training_goes_on(spoken: MainWindow, page: int) -> None:
    window, jobs = spoken, spoken.session.jobs
    window.resize(*USUAL)
    window.workbench.tabs.setCurrentIndex(page)
    jobs.job = Job(kind="train", title="Distil", state="running", stage="distill", total=4000, values={})
    jobs.changed.emit(jobs.job)
    with watching(window, may_go=MAY_GO) as watcher:
        for done, eta, loss in ((1, 9.0, 2.3), (999, 5000.0, 0.001), (1000, 60.0, 1e3), (3999, 0.4, 12.345)):
            values = {"loss": loss, "lr": loss / 7, "epoch": done / 100}
            jobs._change(done=float(done), seconds=float(done), eta_seconds=eta, values=values)
            watcher.look()
    jobs._change(state="cancelled")
    assert not watcher.told(), "\n".join(watcher.told())


def _inner_tabs(window: MainWindow) -> Iterator[str]:
    """One tab of the page's lower strip after the other; a page without one counts as one."""
    strips = [one for one in window.findChildren(QTabWidget) if one.isVisible() and one is not window.workbench.tabs]
    if not strips:
        yield ""
    for strip in strips:
        for number in range(strip.count()):
            strip.setCurrentIndex(number)
            yield strip.tabText(number)


def _measured(window: MainWindow, watcher: Watcher, *, flipped: bool) -> None:
    """As the engine measures: more and more samples, a narrower interval, words about the engine between."""
    session = window.session
    steps = (
        (8, "measuring", 0.0999, 0.6),
        (64, "measuring", 1.0, 0.2),
        (512, "working", 0.123, 0.05),
        (1000, "idle", 0.1, 0.001),
    )
    for seen, state, value, half in steps:
        session.engine._say(state)
        session.foresight.done, session.foresight.total = seen, 1000
        session.foresight.changed.emit()
        lost = range(min(seen, 9) if flipped else 0)
        flips = tuple(Flip(sample=number, truth=1, before=1, now=2) for number in lost)
        change = Change(seen=seen, lost=len(flips), gained=0, moved=0, p_value=1 / seen, flips=flips)
        accuracy = Accuracy(value=value, low=max(value - half, 0), high=min(value + half, 1), n=seen, kind="measured")
        final = state == "idle"
        classes = (0.5,) * 10 if final else ()
        message = wire.Measured(
            generation=session._generation, accuracy=accuracy, final=final, per_class=classes, change=change
        )
        session.engine.received.emit(message)
        watcher.look()


def _dragged(window: MainWindow, layer: str | None, name: str) -> list[str]:
    if layer is None:
        window.session.select(())
    else:
        click_row(find(window, "layers.table", QTableView), layer)
    slider = find(window, f"compress.{name}", QSlider)
    if not slider.isEnabled():
        return []
    with watching(window, may_go=MAY_GO) as watcher:
        start, native = handle(slider).center(), window.windowHandle()
        QTest.mousePress(native, LEFT, NONE, slider.mapTo(window, start))
        for share in (0.3, 0.55, 0.8, 0.97, 1.0, 0.9, 0.4, 0.1, 0.0):
            place = QPoint(round(share * (slider.width() - 1)), start.y())
            QTest.mouseMove(native, slider.mapTo(window, place))
            watcher.look()
        QTest.mouseRelease(native, LEFT, NONE, slider.mapTo(window, QPoint(2, start.y())))
        watcher.look()
    return [f"{name} of {layer or 'all'}: {told}" for told in watcher.told()]


def _undone(window: MainWindow) -> list[str]:
    with watching(window, may_go=MAY_GO) as watcher:
        for _ in range(4):
            press(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
            watcher.look()
    return [f"undo: {told}" for told in watcher.told()]
