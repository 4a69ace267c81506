"""What happens to files that are dropped on the window, and the overlay that says so before they are."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QCoreApplication, QEvent, QMimeData, Qt
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QWidget

from penjing_gui import theme
from penjing_gui.dialogs.files import CARDS, IN_FOLDERS, TABLES, data_of

DropKind = Literal["model", "data", "project", "lesson", "device", "several", "unknown"]

_SUFFIXES: dict[str, DropKind] = {
    ".onnx": "model",
    ".pt2": "model",
    ".penjingnet": "model",
    ".safetensors": "model",
    ".pt": "model",
    ".pth": "model",
    ".ckpt": "model",
    ".npz": "data",
    **dict.fromkeys((*TABLES, *IN_FOLDERS), "data"),
    ".penjing": "project",
    ".penjinglesson": "lesson",
    ".penjingdevice": "device",
}


def kind_of(path: Path) -> DropKind:
    """What a file's name says it is."""
    if path.is_dir() or path.name in CARDS:
        return "data"
    return _SUFFIXES.get(path.suffix.lower(), "unknown")


@dataclass(frozen=True)
class Drop:
    """A file that hangs over the window."""

    kind: DropKind
    path: str
    data: str | None = None
    """That came with a network."""

    def welcome(self, *, network_open: bool) -> bool:
        """Whether anything would happen."""
        return self.kind not in ("unknown", "several") and (self.kind != "data" or network_open)


def dropped(mime: QMimeData) -> Drop | None:
    """What the dragged files of this machine are: one, or a network with its data; None where there are none.

    Files that belong to the same data, a card and a table or many pictures, are one.
    """
    paths = [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
    if not paths:
        return None
    found = {(kind, data_of(str(path)) if kind == "data" else str(path)) for path in paths for kind in (kind_of(path),)}
    kinds = dict(found)
    if len(found) == 1:
        return Drop(*kinds.popitem())
    if len(found) == 2 and kinds.keys() == {"model", "data"}:
        return Drop("model", kinds["model"], kinds["data"])
    return Drop("several", str(paths[0]))


def what_happens(drop: Drop, *, network_open: bool) -> str:
    """In words; empty text is never shown."""
    name = Path(drop.path).name
    tr = QCoreApplication.translate
    if drop.kind == "model" and drop.data is not None:
        data = Path(drop.data).name
        return tr("drops", "Open the network {name} with the data {data}").format(name=name, data=data)
    if drop.kind == "several":
        return tr("drops", "One at a time, please: a single file, or a network with its data")
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


class Drags:
    """Files that are dragged over a window: read as soon as they can be, and held until they are let go.

    Where a program of another process is dragged from, its data may not be there at the first move, nor at the last.
    """

    def __init__(self, overlay: "DropOverlay", network_open: Callable[[], bool], take: Callable[[Drop], None]) -> None:
        self._overlay, self._network_open, self._take = overlay, network_open, take
        self._held: Drop | None = None

    def hear(self, event: QEvent) -> bool:
        """Take an event if it is of files."""
        if isinstance(event, QDragLeaveEvent):
            self._leave()
            return False
        if not isinstance(event, QDropEvent) or not event.mimeData().hasUrls():
            return False
        if isinstance(event, QDragEnterEvent):
            self._leave()
        self._read(event.mimeData())
        held = self._held
        welcome = held is not None and held.welcome(network_open=self._network_open())
        # What cannot be read yet is let in, or nothing more would be heard of it.
        if welcome or (held is None and isinstance(event, QDragMoveEvent) and not event.mimeData().urls()):
            # A file manager may propose to move what it drags: nothing of it is ever taken away.
            if event.possibleActions() & Qt.DropAction.CopyAction:
                event.setDropAction(Qt.DropAction.CopyAction)
                event.accept()
            else:
                event.acceptProposedAction()
        else:
            event.ignore()
        if not isinstance(event, QDragMoveEvent):
            self._leave()
            if held is not None and welcome:
                self._take(held)
        return True

    def _read(self, mime: QMimeData) -> None:
        found = dropped(mime)
        if found is not None and found != self._held:
            self._held = found
            self._overlay.announce(what_happens(found, network_open=self._network_open()))

    def _leave(self) -> None:
        self._held = None
        self._overlay.hide()


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
