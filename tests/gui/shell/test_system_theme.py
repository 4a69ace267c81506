"""The window follows the system's theme while it is open, plots and icons, too."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtDBus import QDBusConnection
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from penjing_gui import theme
from penjing_gui.appearance import Appearance
from penjing_gui.main_window import MainWindow
from penjing_gui.plots.canvas import Canvas
from penjing_gui.plots.network import NetworkPlot
from penjing_gui.portal import Portal
from penjing_gui.system_scheme import SystemScheme
from tests.support.hands import find

PORTAL = Path(__file__).resolve().parents[2] / "support/settings_portal.py"
SYSTEM_PYTHON = "/usr/bin/python3"


@dataclass(frozen=True)
class Desktop:
    """A bus with a settings portal on it."""

    bus: QDBusConnection
    server: "subprocess.Popen[str]"

    def say(self, scheme: int) -> None:
        """0 none, 1 dark, 2 light."""
        print(scheme, file=self.server.stdin, flush=True)


@pytest.fixture
def desktop(nothing_left_behind: None) -> Iterator[Desktop]:
    need_portal()
    command = ["dbus-daemon", "--session", "--nofork", "--print-address"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        address = daemon.stdout.readline().strip()
        environment = {**os.environ, "DBUS_SESSION_BUS_ADDRESS": address}
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen([SYSTEM_PYTHON, str(PORTAL)], env=environment, **pipes) as server:
            assert server.stdout is not None and server.stdout.readline() == "ready\n"
            yield Desktop(QDBusConnection.connectToBus(address, "penjing-test"), server)
            QDBusConnection.disconnectFromBus("penjing-test")
            server.terminate()
        daemon.terminate()


@pytest.fixture
def looks(bench: MainWindow, qapp: QApplication, desktop: Desktop) -> Iterator[Appearance]:
    """What applies themes, with the system's own as the preference."""
    system = SystemScheme(qapp, desktop.bus)
    made = Appearance(qapp, bench.settings, bench.session.texts, language="en", system=system)
    yield made
    for one in (made, system):
        one.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    theme.apply(qapp, "light")


def test_that_plots_and_icons_follow_the_system_while_the_window_is_open(
    bench: MainWindow, looks: Appearance, desktop: Desktop, qtbot: QtBot
) -> None:
    bench.session.select(["fc1"])
    plots = [one for one in bench.findChildren(QWidget) if isinstance(one, Canvas | NetworkPlot) and one.isVisible()]
    assert len(plots) >= 4
    button = find(bench, "run.measureAll", QToolButton)
    icons: dict[int, QImage] = {}
    for scheme, colors in ((1, theme.DARK), (2, theme.LIGHT), (1, theme.DARK)):
        desktop.say(scheme)
        qtbot.waitUntil(lambda colors=colors: theme.colors(bench.palette()) is colors)
        qtbot.wait(20)
        for plot in plots:
            assert ground(plot) == QColor(colors.surface), plot.accessibleIdentifier()
        icons[scheme] = button.icon().pixmap(16, 16).toImage()
    assert icons[1] != icons[2]


def test_that_a_theme_that_was_chosen_does_not_follow_the_system(
    bench: MainWindow, looks: Appearance, desktop: Desktop, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: theme.colors(bench.palette()) is theme.DARK)
    bench.settings.update(theme="light")
    for scheme in (2, 1):  # one after the other: the portal reads a line whenever something comes
        desktop.say(scheme)
        qtbot.wait(100)
    assert theme.colors(bench.palette()) is theme.LIGHT
    bench.settings.update(theme="system")
    qtbot.waitUntil(lambda: theme.colors(bench.palette()) is theme.DARK)


def test_that_the_portal_is_asked_once_then_heard(desktop: Desktop, qapp: QApplication, qtbot: QtBot) -> None:
    portal = Portal(desktop.bus, qapp)
    heard: list[Qt.ColorScheme] = []
    portal.changed.connect(lambda: heard.append(portal.scheme))
    qtbot.waitUntil(lambda: heard == [Qt.ColorScheme.Dark])
    for number, scheme in ((2, Qt.ColorScheme.Light), (1, Qt.ColorScheme.Dark), (7, Qt.ColorScheme.Unknown)):
        desktop.say(number)
        qtbot.waitUntil(lambda scheme=scheme: heard[-1] == scheme)
    assert len(heard) == 4
    portal.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def ground(plot: Canvas | NetworkPlot) -> QColor:
    """The colour that most of a plot has, as it is drawn."""
    image = plot.viewport().grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    found = np.frombuffer(image.constBits(), np.uint32) & 0xFFFFFF
    # Not the maps themselves, whose colours mean something.
    edge = found.reshape(image.height(), image.width())[:, -6:]
    values, counts = np.unique(edge, return_counts=True)
    return QColor.fromRgb(int(values[counts.argmax()]))


def need_portal() -> None:
    """On a bare machine they may be missing; in CI they have to be there."""
    lacking = [] if shutil.which("dbus-daemon") else ["dbus-daemon"]
    if subprocess.run([SYSTEM_PYTHON, "-c", "import gi"], capture_output=True, check=False).returncode:
        lacking.append("python3-gi")
    if lacking and "CI" not in os.environ:
        pytest.skip(f"not on this machine: {', '.join(lacking)}")
    assert not lacking
