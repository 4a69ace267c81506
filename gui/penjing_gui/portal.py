"""What the desktop's settings portal says of dark windows (`org.freedesktop.portal.Settings`), and says anew.

Qt asks it under GNOME and its relatives alone; most other desktops have one, too.
"""

from typing import Any

from PySide6.QtCore import SLOT, QObject, Qt, Signal, Slot
from PySide6.QtDBus import QDBusConnection, QDBusMessage, QDBusPendingCallWatcher

SERVICE = "org.freedesktop.portal.Desktop"
PATH = "/org/freedesktop/portal/desktop"
INTERFACE = "org.freedesktop.portal.Settings"
NAMESPACE, KEY = "org.freedesktop.appearance", "color-scheme"
_SCHEMES = (Qt.ColorScheme.Unknown, Qt.ColorScheme.Dark, Qt.ColorScheme.Light)
"""By the portal's numbers: the first says that the person does not care."""


class Portal(QObject):
    """Asks once, then listens; without a portal nothing is ever heard."""

    changed = Signal()

    def __init__(self, bus: QDBusConnection, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.scheme = Qt.ColorScheme.Unknown
        bus.connect(SERVICE, PATH, INTERFACE, "SettingChanged", self, SLOT("_hear(QDBusMessage)"))  # type: ignore[call-overload]
        question = QDBusMessage.createMethodCall(SERVICE, PATH, INTERFACE, "Read")
        question.setArguments([NAMESPACE, KEY])
        self._asked: QDBusPendingCallWatcher | None = QDBusPendingCallWatcher(bus.asyncCall(question), self)
        self._asked.finished.connect(self._answered)

    def take_answer(self) -> None:
        """What was answered meanwhile; nothing is waited for."""
        if self._asked is not None and self._asked.isFinished():
            self._answered()

    def _answered(self) -> None:
        asked, self._asked = self._asked, None
        if asked is not None and not asked.isError():
            self._tell(asked.reply().arguments())

    @Slot(QDBusMessage)
    def _hear(self, message: QDBusMessage) -> None:
        namespace, key, *value = message.arguments()
        if (namespace, key) == (NAMESPACE, KEY):
            self._tell(value)

    def _tell(self, values: list[Any]) -> None:
        for value in values:
            while hasattr(value, "variant"):  # `Read` wraps what it found twice
                value = value.variant()
            # Numbers of days to come mean no preference.
            known = isinstance(value, int) and 0 <= value < len(_SCHEMES)
            scheme = _SCHEMES[value] if known else Qt.ColorScheme.Unknown
            if scheme != self.scheme:
                self.scheme = scheme
                self.changed.emit()
