"""One family of line icons, tinted by the palette; and the application's own."""

import functools

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QAction, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget

from penjing import assets

_PROPERTY = "penjingIcon"
_SIZES = (16, 20, 24)


def set_icon(target: QAction | QAbstractButton, name: str) -> None:
    """Give an action or a button an icon that `retint` keeps in the palette's colours."""
    target.setProperty(_PROPERTY, name)
    target.setIcon(tinted(name, QApplication.palette()))


def retint(root: QWidget) -> None:
    """Draw the icons below a widget again, for the palette has changed."""
    targets: list[QAction | QAbstractButton] = [*root.findChildren(QAction), *root.findChildren(QAbstractButton)]
    for target in targets:
        name = target.property(_PROPERTY)
        if name:
            target.setIcon(tinted(name, QApplication.palette()))


def tinted(name: str, palette: QPalette, *, role: QPalette.ColorRole = QPalette.ColorRole.ButtonText) -> QIcon:
    """An icon in the colour of a role, paler where it is disabled."""
    icon = QIcon()
    # Also as dense as the screens are: a picture of another density would be scaled, and blurred by it.
    scales = sorted({1.0, 2.0, *(screen.devicePixelRatio() for screen in QGuiApplication.screens())})
    for mode, group in (
        (QIcon.Mode.Normal, QPalette.ColorGroup.Active),
        (QIcon.Mode.Disabled, QPalette.ColorGroup.Disabled),
    ):
        color = palette.color(group, role).name()
        for size in _SIZES:
            for scale in scales:
                icon.addPixmap(pixmap(name, color, size, scale), mode)
    return icon


def pixmap(name: str, color: str, size: int, scale: float = 1.0) -> QPixmap:
    """One icon in one colour."""
    content = _source(name).replace("currentColor", color)
    return _render(content.encode(), QSize(size, size), scale)


def application_icon() -> QIcon:
    """A tree in a tray."""
    icon = QIcon()
    for size in (16, 24, 32, 48, 64, 128, 256):
        icon.addPixmap(_render(_source("penjing").encode(), QSize(size, size), 1.0))
    return icon


@functools.cache
def _source(name: str) -> str:
    return (assets.resources() / "icons" / f"{name}.svg").read_text(encoding="utf-8")


def _render(content: bytes, size: QSize, scale: float) -> QPixmap:
    drawn = QPixmap(size * scale)
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    QSvgRenderer(QByteArray(content)).render(painter, QRectF(0, 0, drawn.width(), drawn.height()))
    painter.end()
    drawn.setDevicePixelRatio(scale)
    return drawn
