"""Everything that a window says: texts, titles, tips, names for assistive tools, menus, items, what plots write."""

from collections.abc import Iterator

from PySide6.QtCore import QAbstractItemModel, QAbstractListModel, QModelIndex, QObject, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QAbstractItemView,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QGraphicsSimpleTextItem,
    QGraphicsTextItem,
    QGraphicsView,
    QPlainTextEdit,
    QTabBar,
    QTabWidget,
    QTextEdit,
    QWidget,
)

_UNSEEN = {"objectName", "accessibleIdentifier", "styleSheet", "inputMask", "html", "markdown", "windowFilePath"}
"""Properties of texts that nobody is shown."""
_ROLES = {Qt.ItemDataRole.DisplayRole: "text", Qt.ItemDataRole.ToolTipRole: "tip"}
_MOST_ROWS = 40
_WHOLE = (QAbstractItemView, QTextEdit, QPlainTextEdit, QComboBox, QAbstractSpinBox)
"""Controls of which the parts are not told one by one."""


def said(root: QWidget) -> Iterator[tuple[str, str]]:
    """(where, text) of everything that the widgets below `root` say or would say when they are shown."""
    for widget in [root, *root.findChildren(QWidget)]:
        yield from _of(widget)
        yield from _inside(widget)
    for action in root.findChildren(QAction):
        yield from _of(action)


def focusable(root: QWidget) -> Iterator[QWidget]:
    """Controls below `root` that the keyboard can reach, but for parts of other controls."""
    for widget in root.findChildren(QWidget):
        above = widget.parentWidget()
        part = isinstance(widget, QTabBar) or widget.objectName().startswith("qt_")
        part = part or (isinstance(above, QAbstractScrollArea) and above.viewport() is widget)
        while above is not None and above is not root and not part:
            part, above = isinstance(above, _WHOLE), above.parentWidget()
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and not part:
            yield widget


def place(widget: QObject) -> str:
    """How a test names a widget: its identifier, else its kind and those above it."""
    name = widget.objectName() or type(widget).__name__
    above = widget.parent()
    return name if above is None or widget.objectName() else f"{place(above)} › {name}"


def _of(thing: QObject) -> Iterator[tuple[str, str]]:
    meta = thing.metaObject()
    for number in range(meta.propertyCount()):
        found = meta.property(number)
        if found.typeName() == "QString" and found.name() not in _UNSEEN:
            text = found.read(thing)
            if text:
                yield f"{place(thing)}.{found.name()}", text


def _inside(widget: QWidget) -> Iterator[tuple[str, str]]:
    if isinstance(widget, QTabWidget):
        for number in range(widget.count()):
            yield f"{place(widget)} tab", widget.tabText(number)
            yield f"{place(widget)} tab tip", widget.tabToolTip(number)
    elif isinstance(widget, QComboBox | QAbstractItemView) and widget.model() is not None:
        yield from _of_model(place(widget), widget.model())
    elif isinstance(widget, QTextEdit | QPlainTextEdit):
        yield place(widget), widget.toPlainText()
    if isinstance(widget, QGraphicsView) and widget.scene() is not None:
        for item in widget.scene().items():
            if item.isVisible() and isinstance(item, QGraphicsTextItem):
                yield f"{place(widget)} plot", item.toPlainText()
            elif item.isVisible() and isinstance(item, QGraphicsSimpleTextItem):
                yield f"{place(widget)} plot", item.text()


def _of_model(where: str, model: QAbstractItemModel) -> Iterator[tuple[str, str]]:
    top = QModelIndex()
    columns = 1 if isinstance(model, QAbstractListModel) else model.columnCount(top)
    for orientation, count in (
        (Qt.Orientation.Horizontal, columns),
        (Qt.Orientation.Vertical, min(model.rowCount(top), _MOST_ROWS)),
    ):
        for section in range(count):
            for role, kind in _ROLES.items():
                yield f"{where} header {kind}", str(model.headerData(section, orientation, role) or "")
    for row in range(min(model.rowCount(top), _MOST_ROWS)):
        for column in range(columns):
            for role, kind in _ROLES.items():
                yield f"{where} cell {kind}", str(model.index(row, column, top).data(role) or "")


def windows() -> list[QWidget]:
    """All that is shown."""
    return [one for one in QApplication.topLevelWidgets() if one.isVisible()]
