"""Whether the system wants dark windows: as Qt knows it, else as the desktop's settings portal says."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QApplication

if TYPE_CHECKING:
    from PySide6.QtDBus import QDBusConnection


class SystemScheme(QObject):
    """Hears both."""

    changed = Signal()

    def __init__(self, app: QApplication, bus: "QDBusConnection | None" = None) -> None:
        """The portal is asked on `bus`, or on that of the session if there is one."""
        super().__init__(app)
        self._app, self._portal = app, None
        app.styleHints().colorSchemeChanged.connect(self.changed)
        if bus is not None or _has_bus():
            from PySide6.QtDBus import QDBusConnection

            from penjing_gui.portal import Portal

            self._portal = Portal(bus or QDBusConnection.sessionBus(), self)
            self._portal.changed.connect(self.changed)

    @property
    def dark(self) -> bool:
        """Light is the quieter guess where nobody knows."""
        known = self._app.styleHints().colorScheme()
        if known == Qt.ColorScheme.Unknown and self._portal is not None:
            known = self._portal.scheme
        return known == Qt.ColorScheme.Dark

    def settle(self) -> None:
        """Take what the portal answered meanwhile, before the first window is painted."""
        if self._portal is not None:
            self._portal.take_answer()


def _has_bus() -> bool:
    """To ask for a bus that is not there would start one."""
    if not sys.platform.startswith("linux"):
        return False
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return bool(os.environ.get("DBUS_SESSION_BUS_ADDRESS") or (runtime and Path(runtime, "bus").exists()))
