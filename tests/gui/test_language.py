"""The whole window in Chinese: no English is left on any page, menu or dialog, and no Chinese after switching back."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QSize
from PySide6.QtGui import QAccessible, QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialog, QWidget
from pytestqt.qtbot import QtBot

from penjing import assets
from penjing.devices.profiles import devices
from penjing_gui import language
from penjing_gui.main_window import MainWindow
from tests.support import said
from tests.support.hands import find

if TYPE_CHECKING:
    from penjing_gui.notices import Notice

NAMES = re.compile(
    r"8-bit inference with TensorRT|Apache License|TensorFlow Lite|[Cc]ividis|[Vv]iridis|Dask|tcp://[\d.:]+"
    r"|\b(Penjing|ONNX|QDQ|QAT|CSV|JSON|PNG|SVG|PyTorch|TensorRT|Linux|LAMP|GPTQ|AdaRound|Grad-CAM|ReLU|MNIST|LeNet|English"
    r"|MLPerf|Tiny|ResNet|DS-CNN|MobileNet\w*|Cortex-\w+|RISC-V|Xtensa|CMSIS-NN|X-CUBE-AI|HALE|TFLM|microTVM|ncnn|Runtime"
    r"|esp-tflite-micro|person_detect|malloc|IEEE|QuantizeLinear|int8|float32|binary16|DSP|NPU|CPU|KL|CE|STE|LSQ|OBD|OBS"
    r"|APoZ|KiB|MiB|GiB|dB|MHz|kHz|ms|mJ|mW|mAh|uA|min|max|mean|round|clip|log|argmin|softmax|vec|Delete"
    r"|Ctrl|Shift|Alt|Esc|Del|Home|End|Up|Down|Meta|PgUp|PgDown|F\d+)\b",
    re.ASCII,
)
"""What is written the same in every language: names, formats, units, keys, functions in formulas."""
CITATIONS = re.compile(r"[\w.&, ö-]*?( et al\.)?,? \d{4}(, arXiv:[\d.]+| \(\w+\))?|arXiv:[\d.]+")
CODE = re.compile(
    r"[\w./*:+-]*(/|\.[a-z]\w*)[\w.*/+-]*|\b\w*[_^]\w*|\$\w+|sample:\w+|-O\d|n=\d+|\b[A-Za-z]+\d\w*", re.ASCII
)
"""Paths, suffixes, symbols with an index, sources."""
WORD = re.compile(r"[A-Za-z]{2,}")
HAN = re.compile(r"[\u4e00-\u9fff]")


Speak = Callable[[str], None]


@pytest.fixture
def speak(qtbot: QtBot, qapp: QApplication, window: MainWindow, patience: int) -> Iterator[Speak]:
    """Switches the language of the open window, and waits until all of it is made anew."""

    def switch(to: str) -> None:
        before = window.actions_
        window.journal.clear()  # what was said before stays as it was said
        language.apply(qapp, to, window.session.texts)
        qtbot.waitUntil(lambda: window.actions_ is not before, timeout=patience)
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)

    yield switch
    language.apply(qapp, "en", window.session.texts)


@pytest.fixture
def bench(qtbot: QtBot, window: MainWindow, patience: int) -> Callable[[], MainWindow]:
    """Opens the digits and sets a plan that has something to say everywhere."""

    def opened() -> MainWindow:
        session = window.session
        with qtbot.waitSignal(session.opened, timeout=patience):
            session.open_source("sample:digits")
        qtbot.waitUntil(lambda: session.accuracy is not None, timeout=patience)
        session.set_device("nrf52840")
        session.set_layer(["fc1"], "1", sparsity=0.5, weight_bits=4, activation_bits=8, filters=0.25)
        session.select(["fc1"])
        return window

    return opened


def test_that_every_page_speaks_chinese_and_then_english_again(
    window: MainWindow, speak: Speak, bench: Callable[[], MainWindow]
) -> None:
    speak("zh_CN")
    nothing(english_in(window))
    bench()
    for number in range(window.workbench.tabs.count()):
        window.workbench.tabs.setCurrentIndex(number)
        settle()
        nothing(english_in(window))
    window.workbench.tabs.setCurrentIndex(window.workbench.EXPLORE)
    window.session.select(())
    settle()
    nothing(english_in(window))
    speak("en")
    nothing(chinese_in(window))


def test_that_docks_keep_their_sizes_when_the_language_is_switched_on_another_tab(
    qtbot: QtBot, window: MainWindow, speak: Speak, bench: Callable[[], MainWindow], patience: int
) -> None:
    bench()
    qtbot.waitUntil(lambda: window.docks.layers.width() < 400, timeout=patience)
    before = window.docks.sizes()
    window.workbench.tabs.setCurrentIndex(window.workbench.LEARN)
    speak("zh_CN")
    window.workbench.tabs.setCurrentIndex(window.workbench.EXPLORE)
    qtbot.waitUntil(lambda: _widths(window.docks.sizes()) == _widths(before), timeout=10_000)


def test_that_every_dialog_speaks_chinese(window: MainWindow, speak: Speak, bench: Callable[[], MainWindow]) -> None:
    speak("zh_CN")
    bench()
    do, pages = window.commands, window.workbench.tabs
    for tab, opens in (
        (0, do.preferences),
        (0, do.shortcuts),
        (0, do.about),
        (0, do.compare_devices),
        (0, find(window, "fit.fix", QAbstractButton).click),
        (1, find(window, "tradeoffs.sweep", QAbstractButton).click),
        (4, find(window, "learn.writeOwn", QAbstractButton).click),
    ):
        pages.setCurrentIndex(tab)
        settle()
        before = set(said.windows())
        opens()
        (shown,) = set(said.windows()) - before
        settle()
        # Licences are shown as their authors wrote them.
        found = [line for line in english_in(shown) if "detailedText" not in line and "QTextEdit" not in line]
        assert isinstance(shown, QDialog)
        shown.reject()
        nothing(found)


def test_that_every_notice_and_question_speaks_chinese(
    window: MainWindow, speak: Speak, bench: Callable[[], MainWindow], tmp_path: Path
) -> None:
    speak("zh_CN")
    bench()
    heard: list[Notice] = []
    window.session.noticed.connect(heard.append)
    QGuiApplication.clipboard().setText('{"sparsity": 7}')
    window.commands.paste_settings()
    window.session.open_project(str(tmp_path / "gone.penjing"))
    window.session.set_device(None)
    window.session.fit()
    settle()
    assert len(heard) >= 3
    texts = [text for notice in heard for text in (notice.text, notice.hint, *(one.text for one in notice.actions))]
    own = [*names_in(window), str(tmp_path)]
    nothing([text for text in texts if is_english(text, own)])
    nothing(english_in(window))
    before = set(said.windows())
    window.guard(lambda: None)
    (question,) = set(said.windows()) - before
    found = english_in(question)
    question.reject()  # type: ignore[attr-defined]
    nothing(found)


def test_that_every_control_that_the_keyboard_reaches_has_a_name(
    window: MainWindow, bench: Callable[[], MainWindow]
) -> None:
    bench()
    nameless = []
    for number in range(window.workbench.tabs.count()):
        window.workbench.tabs.setCurrentIndex(number)
        settle()
        for widget in said.focusable(window):
            heard = QAccessible.queryAccessibleInterface(widget)
            if widget.isVisible() and not heard.text(QAccessible.Text.Name):
                nameless.append(said.place(widget))
    nothing(sorted(set(nameless)))


def _widths(sizes: Mapping[str, QSize]) -> dict[str, int]:
    return {name: size.width() for name, size in sizes.items()}


def settle() -> None:
    """Layouts, plots, and what is said a turn later."""
    for _ in range(4):
        QCoreApplication.processEvents()


def nothing(found: list[str]) -> None:
    """Fails with all that was found, a line each."""
    assert not found, "\n".join(found)


def english_in(root: QWidget) -> list[str]:
    """What is said in English below a widget."""
    window = root if isinstance(root, MainWindow) else root.parent()
    assert isinstance(window, MainWindow)
    # Plots carry a menu of their library that nobody can open.
    texts = {(where, text) for where, text in said.said(root) if "GraphicsScene" not in where}
    own = names_in(window)
    return sorted(f"{where}: {text!r}" for where, text in texts if is_english(text, own))


def chinese_in(root: QWidget) -> list[str]:
    """What is said in Chinese below a widget, but for the name of the language."""
    own = assets.LANGUAGES["zh_CN"]
    return sorted({f"{where}: {text!r}" for where, text in said.said(root) if HAN.search(text.replace(own, ""))})


def names_in(window: MainWindow) -> list[str]:
    """Names of layers and inputs, devices and kernels, the longest first."""
    own = {word for one in devices() for word in (one.title, one.core, one.name, *one.throughput)}
    graph = window.session.graph
    if graph is not None:
        own |= {word for layer in graph.layers for word in (layer.name, layer.source_name, layer.type)}
        own |= {word for entry in graph.inputs for word in (entry.name, entry.source_name)}
    return sorted(own - {""}, key=len, reverse=True)


def is_english(text: str, own: list[str]) -> bool:
    """Whether words are left when names that are the same everywhere are taken out."""
    for word in own if WORD.search(text) else ():
        text = text.replace(word, "")
    for pattern in (CITATIONS, NAMES, CODE):
        text = pattern.sub("", text)
    return bool(WORD.search(text))
