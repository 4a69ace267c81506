"""A desktop's settings portal for tests; run by the system's Python, which has gi, on the session bus it is given.

    /usr/bin/python3 tests/support/settings_portal.py

Each line on its input is the colour scheme from then on (0 none, 1 dark, 2 light); it answers and tells as portals do.
It says `ready` when it can be asked.
"""

import sys
from typing import Any

from gi.repository import Gio, GLib  # type: ignore[import-not-found]

NAME, PATH, INTERFACE = (
    "org.freedesktop.portal.Desktop",
    "/org/freedesktop/portal/desktop",
    "org.freedesktop.portal.Settings",
)
NAMESPACE, KEY = "org.freedesktop.appearance", "color-scheme"
DESCRIPTION = f"""<node><interface name="{INTERFACE}">
<method name="Read"><arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="v" direction="out"/></method>
<signal name="SettingChanged"><arg type="s"/><arg type="s"/><arg type="v"/></signal>
</interface></node>"""


class Portal:
    """Holds one setting."""

    def __init__(self, scheme: int) -> None:
        self.scheme = GLib.Variant("u", scheme)
        self.bus = Gio.bus_get_sync(Gio.BusType.SESSION)
        (interface,) = Gio.DBusNodeInfo.new_for_xml(DESCRIPTION).interfaces
        self.bus.register_object(PATH, interface, self.answer, None, None)
        Gio.bus_own_name_on_connection(self.bus, NAME, 0, None, None)

    def answer(self, _bus: Any, _who: str, _path: str, _of: str, _method: str, asked: Any, reply: Any) -> None:
        """`Read` wraps what it found twice, as the portal does."""
        if tuple(asked) == (NAMESPACE, KEY):
            reply.return_value(GLib.Variant("(v)", (GLib.Variant("v", self.scheme),)))
        else:
            reply.return_dbus_error("org.freedesktop.portal.Error.NotFound", "no such setting")

    def change(self, scheme: int) -> None:
        """Tell it, after a setting that is another one."""
        self.scheme = GLib.Variant("u", scheme)
        for name, value in (("contrast", GLib.Variant("u", 1)), (KEY, self.scheme)):
            self.bus.emit_signal(
                None, PATH, INTERFACE, "SettingChanged", GLib.Variant("(ssv)", (NAMESPACE, name, value))
            )


def main() -> None:
    """Dark at first; ends with its input."""
    portal, loop = Portal(1), GLib.MainLoop()

    def hear(source: Any, _condition: Any) -> bool:
        line = source.readline()
        if line:
            portal.change(int(line))
        else:
            loop.quit()
        return bool(line)

    GLib.io_add_watch(sys.stdin, GLib.IO_IN | GLib.IO_HUP, hear)
    GLib.idle_add(lambda: print("ready", flush=True))
    loop.run()


if __name__ == "__main__":
    main()
