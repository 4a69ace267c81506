"""Every method in one readable list: its name, its formula, where that comes from."""

from html import escape

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QTextBrowser, QWidget

from penjing.catalogue.methods import METHODS, Kind, Method
from penjing_gui import theme
from penjing_gui.controls.identity import identify

_ROW = 28


class LearnPage(QWidget):
    """Kinds of methods on the left, their formulas on the right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self._list = identify(QListWidget(), "learn.list", self.tr("Kinds of methods"))
        self._list.setMaximumWidth(220)
        self._list.setFrameShape(QListWidget.Shape.NoFrame)
        self._page = identify(QTextBrowser(), "learn.page", self.tr("Methods"))
        self._page.setFrameShape(QTextBrowser.Shape.NoFrame)
        layout.addWidget(self._list)
        layout.addWidget(self._page, 1)
        for kind, title in self._titles().items():
            item = QListWidgetItem(title)
            item.setData(Qt.ItemDataRole.UserRole, kind)
            item.setSizeHint(QSize(0, _ROW))
            self._list.addItem(item)
        self._list.currentItemChanged.connect(self._show)
        self._list.setCurrentRow(0)

    def changeEvent(self, event: QEvent) -> None:
        """Colours are written into the page."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._show()

    def _titles(self) -> dict[Kind, str]:
        return {
            "criterion": self.tr("Which weights go"),
            "filter_criterion": self.tr("Which filters go"),
            "scheme": self.tr("How numbers become integers"),
            "granularity": self.tr("How many scales"),
            "calibrator": self.tr("How ranges are found"),
            "rounding": self.tr("How weights are rounded"),
            "loss": self.tr("How a teacher teaches"),
            "step": self.tr("Steps of a plan"),
            "format": self.tr("Files that can be written"),
        }

    def _show(self) -> None:
        item: QListWidgetItem | None = self._list.currentItem()
        if item is None:
            return
        kind = item.data(Qt.ItemDataRole.UserRole)
        found = theme.colors(self.palette())
        parts = [self._entry(method, found) for method in METHODS if method.kind == kind]
        head = f"<p style='font-size: {theme.TITLE}px'>{escape(item.text())}</p>"
        self._page.setHtml(f"<div style='margin: 16px'>{head}{''.join(parts)}</div>")

    def _entry(self, method: Method, found: theme.Colors) -> str:
        title, formula, source = (
            escape(self.tr(text)) if text else "" for text in (method.title, method.formula, method.source)
        )
        head = f"<p style='font-size: {theme.HEADING}px'><b>{title}</b></p>"
        formula = f"<p style='font-family: monospace; font-size: 13px'>{formula}</p>" if formula else ""
        return f"{head}{formula}<p style='color: {found.muted}'>{source}</p>" if source else f"{head}{formula}"
