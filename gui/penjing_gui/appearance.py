"""Theme and language of the application: as the preferences say, at once when they change."""

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication

from penjing_gui import language, theme
from penjing_gui.settings import Settings, SettingsFile, ThemeChoice
from penjing_gui.system_scheme import SystemScheme
from penjing_gui.texts import Texts


class Appearance(QObject):
    """Applies the preferences; what the command line says holds until the person chooses otherwise."""

    def __init__(
        self,
        app: QApplication,
        settings: SettingsFile,
        texts: Texts,
        *,
        theme: ThemeChoice | None = None,
        language: str | None = None,
        system: SystemScheme | None = None,
    ) -> None:
        super().__init__(app)
        self._app, self._texts = app, texts
        self._chosen = settings.value
        self._theme: ThemeChoice = theme or settings.value.theme
        self._language = language or settings.value.language
        self._system = system or SystemScheme(app)
        self._dark: bool | None = None
        self._apply_theme()
        self._apply_language()
        settings.changed.connect(self._changed)
        self._system.changed.connect(self._apply_theme)

    def settle(self) -> None:
        """Look as the system says by now; who shows the first window calls this before."""
        self._system.settle()

    def _changed(self, now: Settings) -> None:
        before, self._chosen = self._chosen, now
        if now.theme != before.theme:
            self._theme = now.theme
            self._apply_theme()
        if now.language != before.language:
            self._language = now.language
            self._apply_language()

    def _apply_theme(self) -> None:
        dark = self._system.dark if self._theme == "system" else self._theme == "dark"
        if dark != self._dark:
            self._dark = dark
            theme.apply(self._app, "dark" if dark else "light")

    def _apply_language(self) -> None:
        language.apply(self._app, language.resolved(self._language), self._texts)
