"""Starts the window: the application, its looks, one window for each settings folder, and what happens to mistakes."""

import argparse
import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from penjing.assets import LANGUAGES
from penjing_gui import folders, icons
from penjing_gui.appearance import Appearance
from penjing_gui.mistakes import Mistakes
from penjing_gui.settings import SettingsFile
from penjing_gui.single_instance import SingleInstance
from penjing_gui.texts import Texts

if TYPE_CHECKING:
    from penjing_gui.session import Session

PROGRAM = "penjing gui"


def main(arguments: Sequence[str]) -> int:
    """Opens the window and returns the exit code when it is closed."""
    given = _parse(arguments)
    app = QApplication(sys.argv[:1])
    _introduce(app)
    folder = folders.settings_folder()
    single = SingleInstance(folder)
    sources = [] if given.source is None else [_absolute(given.source)]
    if not given.new_window:
        if single.hand_over(sources):
            return 0
        single.listen()
    mistakes = Mistakes(folders.log_file())
    settings = SettingsFile(folder)
    texts = Texts()
    looks = Appearance(app, settings, texts, theme=given.theme, language=given.language)
    # Only now: what these import takes longer than all of the above.
    from penjing.worker.exchange import Exchange
    from penjing_gui.main_window import MainWindow
    from penjing_gui.session import Session

    with Exchange() as exchange:
        session = Session(exchange, texts=texts)
        window = MainWindow(session, settings)
        mistakes.noticed.connect(session.noticed)
        single.asked.connect(window.take_over)
        spare_collector(session)
        window.painted.connect(lambda: window.begin(sources[0] if sources else None))
        looks.settle()
        window.show()
        try:
            return app.exec()
        finally:
            single.close()
            session.close()
            mistakes.close()


def spare_collector(session: "Session") -> None:
    """Let Python's collector leave alone what lives as long as the window.

    A full collection of a window with a network open holds it up for 25 ms and more; nearly all that it looks at are
    the modules and widgets that are there from then on. They are set aside once: what comes later is still collected.
    """

    def set_aside() -> None:
        session.opened.disconnect(set_aside)
        gc.freeze()

    session.opened.connect(set_aside)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Open the window.")
    parser.add_argument("source", nargs="?", metavar="FILE|sample:NAME", help="a network, data or project to open")
    parser.add_argument("--new-window", action="store_true", help="do not hand over to a window that is open")
    parser.add_argument("--theme", choices=("light", "dark"), help="instead of the one in the preferences")
    parser.add_argument("--language", choices=LANGUAGES, help="instead of the one in the preferences")
    return parser.parse_args(arguments)


def _introduce(app: QApplication) -> None:
    app.setApplicationName("Penjing")
    app.setApplicationDisplayName("Penjing")
    app.setDesktopFileName("penjing")
    app.setWindowIcon(icons.application_icon())
    QGuiApplication.setQuitOnLastWindowClosed(True)


def _absolute(source: str) -> str:
    return source if source.startswith("sample:") else str(Path(source).absolute())
