"""Every plot can be kept: its own menu and a shortcut write SVG and PNG, and copy."""

from pathlib import Path
from xml.etree import ElementTree

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit, QMenu, QWidget
from pytestqt.qtbot import QtBot

from penjing_gui.main_window import MainWindow
from penjing_gui.plots.canvas import Canvas
from tests.support.hands import find


def menu_of(plot: QWidget, qtbot: QtBot) -> QMenu:
    """The menu that a right click opens."""
    window = plot.window()
    place = plot.mapTo(window, plot.rect().center())
    QTest.mouseClick(window.windowHandle(), Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier, place)
    qtbot.waitUntil(lambda: isinstance(QApplication.activePopupWidget(), QMenu))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def entry(menu: QMenu, part: str) -> QAction:
    """The entry whose text holds a word."""
    (found,) = (one for one in menu.actions() if part in one.text())
    return found


def choose(window: MainWindow, qtbot: QtBot, path: Path) -> None:
    """Type a path into the file dialog, and confirm."""

    def asked() -> QFileDialog | None:
        return next((one for one in window.findChildren(QFileDialog) if one.isVisible()), None)

    qtbot.waitUntil(lambda: asked() is not None)
    dialog = asked()
    assert dialog is not None
    dialog.findChild(QLineEdit, "fileNameEdit").setText(str(path))  # type: ignore[union-attr]
    QTest.keyClick(dialog.findChild(QLineEdit, "fileNameEdit"), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: asked() is None)


def test_that_a_right_click_on_a_plot_keeps_it_as_svg(bench: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    plot = find(bench, "plot.histogram", Canvas)
    menu = menu_of(plot, qtbot)
    entry(menu, "Save").trigger()
    menu.close()
    choose(bench, qtbot, tmp_path / "weights.svg")
    root = ElementTree.parse(tmp_path / "weights.svg").getroot()
    assert root.attrib["viewBox"] == f"0 0 {plot.width()} {plot.height()}"
    drawn = list(root.iter("{http://www.w3.org/2000/svg}path"))
    said = {(text.text or "").strip() for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert len(drawn) > 5 and "weight" in said


def test_that_a_right_click_on_a_plot_copies_it(bench: MainWindow, qtbot: QtBot) -> None:
    plot = find(bench, "plot.saliency", Canvas)
    QGuiApplication.clipboard().clear()
    menu = menu_of(plot, qtbot)
    entry(menu, "Copy").trigger()
    menu.close()
    assert QGuiApplication.clipboard().pixmap().size() == plot.size()


def test_that_a_shortcut_keeps_the_plot_with_the_keyboard_as_png(
    bench: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    plot = find(bench, "plot.saliency", Canvas)
    plot.setFocus()
    qtbot.waitUntil(plot.hasFocus)
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(bench, Qt.Key.Key_P, both)
    choose(bench, qtbot, tmp_path / "map.png")
    image = QImage(str(tmp_path / "map.png"))
    assert (image.width(), image.height()) == (2 * plot.width(), 2 * plot.height())
    # The whole plot, not a quarter of it at twice the size.
    seen = plot.grab().toImage()
    quarter = seen.copy(0, 0, plot.width() // 2, plot.height() // 2)
    assert 3 * difference(image, seen) < difference(image, quarter)


def difference(one: QImage, other: QImage) -> float:
    """Of the grey values of two pictures at a small size, in the mean."""
    levels = []
    for picture in (one, other):
        shown = picture.scaled(
            160, 80, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        levels.append([shown.pixelColor(x, y).lightness() for x in range(160) for y in range(80)])
    return sum(abs(a - b) for a, b in zip(*levels, strict=True)) / len(levels[0])


def test_that_a_picture_that_cannot_be_written_is_told(bench: MainWindow, tmp_path: Path) -> None:
    heard = []
    bench.session.noticed.connect(heard.append)
    bench.pictures.write(find(bench, "plot.histogram", Canvas), tmp_path / "no such folder" / "weights.svg")
    (notice,) = heard
    assert notice.level == "error" and "No such file or directory" in notice.text and notice.hint


def test_that_a_right_click_beside_the_plots_offers_no_picture(bench: MainWindow, qtbot: QtBot) -> None:
    assert not bench.pictures.show_menu(find(bench, "layers.table"), bench.pos())
