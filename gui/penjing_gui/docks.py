"""The docks: Layers and Network left, Compress and Fit right, Jobs and Log at the bottom; each tab has its own."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QObject, QSize, Qt, QTimer
from PySide6.QtWidgets import QDockWidget, QMainWindow, QWidget

from penjing_gui.controls.compress import CompressPanel
from penjing_gui.controls.fit import FitPanel
from penjing_gui.controls.identity import identify
from penjing_gui.controls.jobs import JobsPanel
from penjing_gui.controls.layers import LayersPanel
from penjing_gui.controls.log import LogPanel
from penjing_gui.controls.network import NetworkPanel
from penjing_gui.job_record import JobRecord
from penjing_gui.journal import Journal
from penjing_gui.session import Session

_LEFT, _RIGHT = 316, 304
_NARROWEST = 280
_COMPRESS, _FIT = 400, 290
_LAYERS, _NETWORK = 270, 400

AT_FIRST: Mapping[str, tuple[str, ...]] = {"explore": ("layers", "network", "compress", "fit")}
"""By tab, the docks that stand beside it until a person opens or closes some; elsewhere `_BESIDE`."""
_BESIDE = ("fit",)

Area = Qt.DockWidgetArea


class Docks(QObject):
    """All docks of one window."""

    def __init__(self, session: Session, journal: Journal, jobs: JobRecord, window: QMainWindow) -> None:
        super().__init__(window)
        self._window, self._session = window, session
        self._wanted: dict[str, QSize] = {}
        """By dock, the size that it is to have as soon as it is shown."""
        self._layers_panel = LayersPanel(session)
        self.layers = self._dock("layers", self.tr("Layers"), self._layers_panel)
        self.network = self._dock("network", self.tr("Network"), NetworkPanel(session))
        self.compress = self._dock("compress", self.tr("Compress"), CompressPanel(session))
        self.fit = self._dock("fit", self.tr("Fit"), FitPanel(session))
        self.jobs = self._dock("jobs", self.tr("Jobs"), JobsPanel(session, jobs))
        self.log = self._dock("log", self.tr("Log"), LogPanel(journal))
        window.setCorner(Qt.Corner.BottomLeftCorner, Area.LeftDockWidgetArea)
        window.setCorner(Qt.Corner.BottomRightCorner, Area.RightDockWidgetArea)
        for dock in (self.layers, self.network, self.compress, self.fit):
            dock.widget().setMinimumWidth(_NARROWEST)
        self.place()
        session.device_changed.connect(self._name_fit)
        self._name_fit()
        self.hide_all()

    def all(self) -> tuple[QDockWidget, ...]:
        """In the order of the View menu."""
        return self.layers, self.network, self.compress, self.fit, self.jobs, self.log

    def place(self) -> None:
        """Put each where it belongs at first."""
        left, right, bottom = Area.LeftDockWidgetArea, Area.RightDockWidgetArea, Area.BottomDockWidgetArea
        for dock, area in zip(self.all(), (left, left, right, right, bottom, bottom), strict=True):
            dock.setFloating(False)
            self._window.addDockWidget(area, dock)
        self._window.splitDockWidget(self.layers, self.network, Qt.Orientation.Vertical)
        self._window.splitDockWidget(self.compress, self.fit, Qt.Orientation.Vertical)
        self._window.tabifyDockWidget(self.jobs, self.log)

    def remove(self) -> None:
        """Take them out of the window for good."""
        for dock in self.all():
            self._window.removeDockWidget(dock)
            dock.setObjectName("")  # by which a layout that is restored would find it instead of the one of today
            dock.deleteLater()
        self.deleteLater()

    def hide_all(self) -> None:
        """For the Start page."""
        for dock in self.all():
            dock.hide()

    def shown(self) -> tuple[str, ...]:
        """Names of those that are open, also behind another one."""
        return tuple(_name(dock) for dock in self.all() if not dock.isHidden())

    def show_for(self, tab: str, chosen: Mapping[str, Sequence[str]]) -> None:
        """Those that belong to a tab, as the person left them there."""
        names = chosen.get(tab, AT_FIRST.get(tab, _BESIDE))
        for dock in self.all():
            dock.setVisible(_name(dock) in names)
        # Docks that have just been shown have no size yet.
        QTimer.singleShot(0, self, self._resize_wanted)

    def sizes(self) -> dict[str, QSize]:
        """Of those that have been shown, by their names."""
        return {_name(dock): dock.size() for dock in self.all() if dock.width() >= _NARROWEST}

    def want(self, sizes: Mapping[str, QSize]) -> None:
        """Have these sizes, each as soon as it is shown."""
        self._wanted = dict(sizes)
        QTimer.singleShot(0, self, self._resize_wanted)

    def arrange(self) -> None:
        """The widths and heights that they have at first."""
        # Docks that have just been shown have no size yet.
        QTimer.singleShot(0, self._window, self._resize)

    def focus_filter(self) -> None:
        """Show the layers and put the keyboard into their filter."""
        self.layers.show()
        self._layers_panel.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._layers_panel.filter.selectAll()

    def _resize_wanted(self) -> None:
        shown = [dock for dock in self.all() if dock.isVisible() and _name(dock) in self._wanted]
        if shown:
            sizes = [self._wanted.pop(_name(dock)) for dock in shown]
            self._window.resizeDocks(shown, [size.width() for size in sizes], Qt.Orientation.Horizontal)
            self._window.resizeDocks(shown, [size.height() for size in sizes], Qt.Orientation.Vertical)

    def _resize(self) -> None:
        window, across, down = self._window, Qt.Orientation.Horizontal, Qt.Orientation.Vertical
        window.resizeDocks([self.layers, self.compress], [_LEFT, _RIGHT], across)
        window.resizeDocks([self.layers, self.network], [_LAYERS, _NETWORK], down)
        window.resizeDocks([self.compress, self.fit], [_COMPRESS, _FIT], down)

    def _dock(self, name: str, title: str, panel: QWidget) -> QDockWidget:
        dock = QDockWidget(title, self._window)
        identify(dock, f"dock.{name}", title)
        dock.setWidget(panel)
        return dock

    def _name_fit(self) -> None:
        device = self._session.device
        name = self.tr("Fit")
        self.fit.setWindowTitle(name if device is None else f"{name}: {device.title}")


def _name(dock: QDockWidget) -> str:
    return dock.accessibleIdentifier().removeprefix("dock.")
