"""Draws bars in the cells of tables, and edits bits and shares in place."""

from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, QRectF, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QComboBox, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from penjing.plan import WEIGHT_BITS
from penjing_gui import theme
from penjing_gui.controls.number_box import NumberBox
from penjing_gui.item_models.layers import BAR_ROLE

Index = QModelIndex | QPersistentModelIndex


class BarDelegate(QStyledItemDelegate):
    """A bar behind the number; shares are edited in percent."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """The cell, then its bar at the lower edge: the number stays readable."""
        super().paint(painter, option, index)
        share = index.data(BAR_ROLE)
        if share is None:
            return
        found = theme.colors(option.palette)
        area = QRectF(option.rect).adjusted(4, 0, -4, 0)
        has_text = bool(index.data(Qt.ItemDataRole.DisplayRole))
        height = 3.0 if has_text else 8.0
        top = area.bottom() - height - 1 if has_text else area.center().y() - height / 2
        painter.save()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(found.accent_soft if option.state & QStyle.StateFlag.State_Selected else found.grid))
        painter.drawRect(QRectF(area.left(), top, area.width(), height))
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        # On the accent of a selected row the accent itself would not be seen.
        painter.setBrush(QColor(found.surface if chosen else found.accent if has_text else found.series[0]))
        painter.drawRect(QRectF(area.left(), top, area.width() * min(1.0, max(0.0, float(share))), height))
        painter.restore()

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        """Percent."""
        box = NumberBox(parent)
        box.setRange(0, 100)
        box.setDecimals(1)
        box.setSuffix(" %")
        box.setFrame(False)
        return box


class BitsDelegate(QStyledItemDelegate):
    """Bits are chosen among those that a plan knows."""

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        """A combo box that takes the choice at once."""
        box = QComboBox(parent)
        box.addItems([str(bits) for bits in WEIGHT_BITS])
        box.activated.connect(lambda: self.commitData.emit(box))
        box.activated.connect(lambda: self.closeEditor.emit(box))
        return box

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        """The present bits."""
        if isinstance(editor, QComboBox):
            editor.setCurrentText(str(index.data(Qt.ItemDataRole.EditRole)))

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: Index) -> None:
        """The chosen bits."""
        if isinstance(editor, QComboBox):
            value: Any = int(editor.currentText())
            model.setData(index, value)
