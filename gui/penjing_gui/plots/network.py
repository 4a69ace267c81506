"""The network as boxes and lines from top to bottom, coloured by any number of its layers.

Values in, gestures out: a click on a box, or Return on the one under the cursor keys, chooses it. The wheel pans, with
Ctrl it zooms; arrows follow the lines.
"""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPen,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QGraphicsPathItem,
    QGraphicsScene,
    QGraphicsView,
    QWidget,
)

from penjing_gui.graph_layout import Box, Line, arrange
from penjing_gui.plots.network_boxes import Looks, Node, NodeBox
from penjing_gui.plots.scale import SCALE
from penjing_gui.theme import colors

WIDTH = 136.0
_TALL, _SLIM = 38.0, 22.0
_MARGIN = 24.0
_LEAST, _MOST = 0.04, 4.0
_STEP = 1.25
_COMFORTABLE = 0.85
"""The least zoom with which a network is first shown, whatever its size."""
_FILE_SCALE = 1.0


class NetworkPlot(QGraphicsView):
    """Boxes of a directed graph."""

    chosen = Signal(str, bool)
    """The box that was clicked, or chosen by key; whether it is added to what is selected (Ctrl)."""
    pointed = Signal(str)
    """The box under the cursor keys; empty: none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setScene(QGraphicsScene(self))
        self.setFrameShape(self.Shape.NoFrame)
        self.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.setDragMode(self.DragMode.ScrollHandDrag)
        self.setTransformationAnchor(self.ViewportAnchor.AnchorUnderMouse)
        self.setResizeAnchor(self.ViewportAnchor.NoAnchor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumHeight(96)
        self._nodes: Sequence[Node] = ()
        self._boxes: dict[str, NodeBox] = {}
        self._lines: list[tuple[Line, QGraphicsPathItem]] = []
        self._feeds: dict[str, list[str]] = {}
        self._pressed: QPointF | None = None
        self._at: str | None = None
        self._looks = Looks(colors(self.palette()), self.font())
        self._view_wanted = False
        self._begun = True
        SCALE.changed.connect(self.restyle)
        self.restyle()

    # -------------------------------------------------------------------------------------------------------- values

    def show_network(self, nodes: Sequence[Node]) -> None:
        """Show another network; every node follows those that feed it."""
        self._nodes = nodes
        scene = self.scene()
        scene.clear()
        boxes = [Box(one.name, WIDTH, _TALL if one.caption else _SLIM, one.inputs) for one in nodes]
        found = arrange(boxes)
        self._lines = [(line, self._line(line)) for line in found.lines]
        self._boxes = {}
        for node in nodes:
            place = found.places[node.name]
            box = NodeBox(node, self._looks, QRectF(0, 0, place.width, place.height), place.rank)
            box.setPos(place.x, place.y)
            scene.addItem(box)
            self._boxes[node.name] = box
        self._feeds = {node.name: [] for node in nodes}
        for node in nodes:
            for name in node.inputs:
                if name in self._feeds and node.name not in self._feeds[name]:
                    self._feeds[name].append(node.name)
        self._at = None
        room = QRectF(0, 0, found.width, found.height)
        scene.setSceneRect(room.adjusted(-_MARGIN, -_MARGIN, _MARGIN, _MARGIN))
        self.restyle()
        self._view_wanted = True
        self._first_view()

    def show_values(self, shares: Mapping[str, float], texts: Mapping[str, str]) -> None:
        """Colour boxes by shares 0..1 and write their texts; a box without a share has the paper's colour."""
        for name, box in self._boxes.items():
            box.show_value(shares.get(name), texts.get(name, ""))

    def show_marks(self, *, selected: frozenset[str], current: str | None, coupled: frozenset[str]) -> None:
        """Mark what is selected, the one that plots show, and those that a filter cut goes through."""
        for name, box in self._boxes.items():
            box.show_marks(selected=name in selected, current=name == current, coupled=name in coupled)
        self._style_lines(current)

    def show_found(self, names: frozenset[str]) -> None:
        """Fade all boxes but these, what a search found; empty: fade none."""
        for name, box in self._boxes.items():
            box.setOpacity(1.0 if not names or name in names else 0.25)

    def jump(self, name: str) -> None:
        """Bring a box into the middle, large enough to be read."""
        box = self._boxes.get(name)
        if box is not None:
            if self.zoom < _COMFORTABLE:
                self._scale_to(1.0)
            self.centerOn(box)
            self._move_cursor(name)

    def show_place(self, name: str) -> None:
        """Put the cursor on a box that was chosen elsewhere, and bring it into sight."""
        if name in self._boxes:
            self._move_cursor(name)

    @property
    def nodes(self) -> Sequence[Node]:
        """What is shown."""
        return self._nodes

    @property
    def cursor_at(self) -> str | None:
        """The box under the cursor keys."""
        return self._at

    def share_of(self, name: str) -> float | None:
        """By which a box is coloured."""
        return self._boxes[name].share

    def text_of(self, name: str) -> str:
        """The number that a box shows."""
        return self._boxes[name].text

    def is_coupled(self, name: str) -> bool:
        """Whether a box is outlined as one that a filter cut goes through."""
        return self._boxes[name].coupled

    def place_of(self, name: str) -> QPointF:
        """The middle of a box in the viewport, for hands (and tests) that reach for it."""
        return QPointF(self.mapFromScene(self._boxes[name].sceneBoundingRect().center()))

    # ---------------------------------------------------------------------------------------------------------- view

    @property
    def zoom(self) -> float:
        """Pixels of the screen for one of the network."""
        return self.transform().m11()

    def zoom_by(self, factor: float) -> None:
        """Larger or smaller."""
        self._scale_to(min(max(self.zoom * factor, _LEAST), _MOST))

    def fit(self) -> None:
        """All of it."""
        room = self.scene().sceneRect()
        if room.isEmpty():
            return
        view = self.viewport().rect()
        self._scale_to(min(max(min(view.width() / room.width(), view.height() / room.height()), _LEAST), 1.25))
        self.centerOn(room.center())

    def picture_size(self) -> QSize:
        """The whole network, also what is out of sight."""
        return (self.scene().sceneRect().size() * _FILE_SCALE).toSize()

    def draw_picture(self, painter: QPainter) -> None:
        """The whole network."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        size = self.picture_size()
        painter.fillRect(0, 0, size.width(), size.height(), QColor(self._looks.inks.surface))
        self.scene().render(painter, QRectF(0, 0, size.width(), size.height()), self.scene().sceneRect())

    def restyle(self) -> None:
        """Inks of the present palette."""
        self._looks.take(colors(self.palette()), self.font())
        self.setBackgroundBrush(QColor(self._looks.inks.surface))
        for box in self._boxes.values():
            box.write()
        self._style_lines(None)
        self.viewport().update()

    def changeEvent(self, event: QEvent) -> None:
        """A new palette restyles it."""
        super().changeEvent(event)
        if hasattr(self, "_begun") and event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self.restyle()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The first size says how much can be shown."""
        super().resizeEvent(event)
        self._first_view()

    def showEvent(self, event: QShowEvent) -> None:
        """As with a size."""
        super().showEvent(event)
        self._first_view()

    def _first_view(self) -> None:
        if not self._view_wanted or not self.isVisible() or not self._boxes:
            return
        self._view_wanted = False
        self.fit()
        if self.zoom < _COMFORTABLE:
            self._scale_to(_COMFORTABLE)
            first = next(iter(self._boxes.values())).sceneBoundingRect()
            height = self.viewport().height() / self.zoom
            self.centerOn(first.center().x(), first.top() - _MARGIN + height / 2)

    def _scale_to(self, zoom: float) -> None:
        factor = zoom / self.zoom
        self.scale(factor, factor)

    def _line(self, line: Line) -> QGraphicsPathItem:
        path = QPainterPath(QPointF(*line.points[0]))
        at = line.points[0]
        for number, point in enumerate(line.points[1:]):
            if number % 2:
                path.lineTo(*point)
            else:
                middle = (at[1] + point[1]) / 2
                path.cubicTo(at[0], middle, point[0], middle, *point)
            at = point
        item = self.scene().addPath(path)
        item.setZValue(-1)
        return item

    def _style_lines(self, current: str | None) -> None:
        found = self._looks.inks
        plain, strong = QPen(QColor(found.muted), 1.2), QPen(QColor(found.accent), 2.4)
        for line, item in self._lines:
            item.setPen(strong if current in (line.source, line.target) else plain)

    # ------------------------------------------------------------------------------------------------------ gestures

    def wheelEvent(self, event: QWheelEvent) -> None:
        """With Ctrl it zooms at the pointer; alone it pans."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom_by(_STEP ** (event.angleDelta().y() / 120))
            event.accept()
        else:
            super().wheelEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A drag pans; a click chooses."""
        self._pressed = event.position() if event.button() == Qt.MouseButton.LeftButton else None
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A click, if the hand did not move."""
        super().mouseReleaseEvent(event)
        start, self._pressed = self._pressed, None
        if start is None or (event.position() - start).manhattanLength() > QApplication.startDragDistance():
            return
        found = self.itemAt(event.position().toPoint())
        if isinstance(found, NodeBox):
            self._move_cursor(found.node.name)
            self.chosen.emit(found.node.name, bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and down follow the lines, left and right go to neighbours; Return chooses; + and - zoom, 0 fits."""
        key = Qt.Key(event.key())
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_End):
            self._walk(key)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom_by(_STEP)
        elif key == Qt.Key.Key_Minus:
            self.zoom_by(1 / _STEP)
        elif key == Qt.Key.Key_0:
            self.fit()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self._at is not None:
            self.chosen.emit(self._at, bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))
        else:
            super().keyPressEvent(event)

    def _walk(self, key: Qt.Key) -> None:
        names = list(self._boxes)
        if not names:
            return
        if key in (Qt.Key.Key_Home, Qt.Key.Key_End) or self._at is None:
            self._move_cursor(names[-1 if key == Qt.Key.Key_End else 0])
            return
        here = self._boxes[self._at]
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            tied = here.node.inputs if key == Qt.Key.Key_Up else self._feeds[self._at]
            near = [self._boxes[name] for name in tied if name in self._boxes]
        else:
            sign = 1 if key == Qt.Key.Key_Right else -1
            near = [one for one in self._boxes.values() if one.rank == here.rank and sign * (one.x() - here.x()) > 0]
        if near:
            found = min(near, key=lambda one: (abs(one.x() - here.x()), abs(one.y() - here.y())))
            self._move_cursor(found.node.name)

    def _move_cursor(self, name: str) -> None:
        if self._at is not None and self._at in self._boxes:
            self._boxes[self._at].show_cursor(False)
        self._at = name
        box = self._boxes[name]
        box.show_cursor(True)
        self.ensureVisible(box, 16, 16)
        self.pointed.emit(name)
