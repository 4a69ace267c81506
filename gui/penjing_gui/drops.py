"""What happens to files that are dropped on the window, and the overlay that says so before they are."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QCoreApplication, QMimeData, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from penjing_gui import theme

DropKind = Literal["model", "data", "project", "lesson", "device", "unknown"]

_SUFFIXES: dict[str, DropKind] = {
    ".onnx": "model",
    ".pt2": "model",
    ".penjingnet": "model",
    ".safetensors": "model",
    ".pt": "model",
    ".pth": "model",
    ".npz": "data",
    ".csv": "data",
    ".penjing": "project",
    ".penjinglesson": "lesson",
    ".penjingdevice": "device",
}


def kind_of(path: Path) -> DropKind:
    """What a file's name says it is."""
    return "data" if path.is_dir() else _SUFFIXES.get(path.suffix.lower(), "unknown")


@dataclass(frozen=True)
class Drop:
    """A file that hangs over the window."""

    kind: DropKind
    path: str


def dropped(mime: QMimeData) -> Drop | None:
    """The first file of what is dragged, if it is one of this machine."""
    urls = [url for url in mime.urls() if url.isLocalFile()]
    if not urls:
        return None
    path = Path(urls[0].toLocalFile())
    return Drop(kind_of(path), str(path))


def what_happens(drop: Drop, *, network_open: bool) -> str:
    """In words; empty text is never shown."""
    name = Path(drop.path).name
    tr = QCoreApplication.translate
    if drop.kind == "model":
        return tr("drops", "Open the network {name}").format(name=name)
    if drop.kind == "project":
        return tr("drops", "Open the project {name}").format(name=name)
    if drop.kind == "lesson":
        return tr("drops", "Read the lesson {name}").format(name=name)
    if drop.kind == "device":
        return tr("drops", "Add the device {name} to yours").format(name=name)
    if drop.kind == "data" and network_open:
        return tr("drops", "Measure with the data {name}").format(name=name)
    if drop.kind == "data":
        return tr("drops", "{name} is data: open its network first").format(name=name)
    return tr("drops", "{name} is no network, data, project, lesson or device").format(name=name)


class DropOverlay(QWidget):
    """Lies over everything while something is dragged."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._text = ""
        self.hide()

    def announce(self, text: str) -> None:
        """Show what will happen."""
        self._text = text
        parent = self.parentWidget()
        if parent is not None:
            self.setGeometry(parent.rect())
        self.raise_()
        self.show()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """A veil, a frame and a sentence."""
        found = theme.colors(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        veil = self.palette().window().color()
        veil.setAlpha(225)
        painter.fillRect(self.rect(), veil)
        painter.setPen(QPen(QColor(found.accent), 2, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(self.rect().adjusted(16, 16, -16, -16), 8, 8)
        font = self.font()
        font.setPixelSize(theme.TITLE)
        painter.setFont(font)
        painter.setPen(self.palette().windowText().color())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._text)
        painter.end()
