"""The docks: Layers on the left, Compress and Fit on the right, Jobs and Log at the bottom, closed at first."""

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QDockWidget, QMainWindow, QWidget

from penjing_gui.controls.compress import CompressPanel
from penjing_gui.controls.fit import FitPanel
from penjing_gui.controls.identity import identify
from penjing_gui.controls.jobs import JobsPanel
from penjing_gui.controls.layers import LayersPanel
from penjing_gui.controls.log import LogPanel
from penjing_gui.session import Session

_LEFT, _RIGHT = 316, 304
_NARROWEST = 280
_COMPRESS, _FIT = 400, 290

Area = Qt.DockWidgetArea


class Docks:
    """All docks of one window."""

    def __init__(self, session: Session, window: QMainWindow) -> None:
        self._window = window
        self._layers_panel = LayersPanel(session)
        self.layers = self._dock("layers", window.tr("Layers"), self._layers_panel, Area.LeftDockWidgetArea)
        self.compress = self._dock("compress", window.tr("Compress"), CompressPanel(session), Area.RightDockWidgetArea)
        self.fit = self._dock("fit", window.tr("Fit"), FitPanel(session), Area.RightDockWidgetArea)
        self.jobs = self._dock("jobs", window.tr("Jobs"), JobsPanel(session), Area.BottomDockWidgetArea)
        self.log = self._dock("log", window.tr("Log"), LogPanel(session), Area.BottomDockWidgetArea)
        window.setCorner(Qt.Corner.BottomLeftCorner, Area.LeftDockWidgetArea)
        window.setCorner(Qt.Corner.BottomRightCorner, Area.RightDockWidgetArea)
        window.splitDockWidget(self.compress, self.fit, Qt.Orientation.Vertical)
        window.tabifyDockWidget(self.jobs, self.log)
        self._session = session
        session.device_changed.connect(self._name_fit)

    def all(self) -> tuple[QDockWidget, ...]:
        """In the order of the View menu."""
        return self.layers, self.compress, self.fit, self.jobs, self.log

    def hide_all(self) -> None:
        """For the Start page."""
        for dock in self.all():
            dock.hide()

    def arrange(self) -> None:
        """As they are at first."""
        for dock in (self.layers, self.compress, self.fit):
            dock.show()
        # Docks that have just been shown have no size yet.
        QTimer.singleShot(0, self._window, self._resize)

    def _resize(self) -> None:
        window, across, down = self._window, Qt.Orientation.Horizontal, Qt.Orientation.Vertical
        window.resizeDocks([self.layers, self.compress], [_LEFT, _RIGHT], across)
        window.resizeDocks([self.compress, self.fit], [_COMPRESS, _FIT], down)

    def focus_filter(self) -> None:
        """Show the layers and put the keyboard into their filter."""
        self.layers.show()
        self._layers_panel.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._layers_panel.filter.selectAll()

    def _dock(self, name: str, title: str, panel: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title, self._window)
        identify(dock, f"dock.{name}", title)
        dock.setWidget(panel)
        if area in (Area.LeftDockWidgetArea, Area.RightDockWidgetArea):
            panel.setMinimumWidth(_NARROWEST)
        self._window.addDockWidget(area, dock)
        return dock

    def _name_fit(self) -> None:
        device = self._session.device
        name = self._window.tr("Fit")
        self.fit.setWindowTitle(name if device is None else f"{name}: {device.title}")
