"""Hands preferences to those who work by them: the engine, autosave, the colours of plots."""

from PySide6.QtCore import QObject

from penjing.worker.messages import Tune
from penjing_gui.plots.scale import SCALE
from penjing_gui.session import Session
from penjing_gui.settings import Settings, SettingsFile


class Tuning(QObject):
    """Hears the preferences, and says the first ones itself."""

    def __init__(self, session: Session, settings: SettingsFile) -> None:
        super().__init__(session)
        self._session = session
        settings.changed.connect(self._apply)
        self._apply(settings.value)

    def _apply(self, now: Settings) -> None:
        self._session.engine.tune(Tune(threads=now.threads, cache_bytes=now.cache_mib << 20))
        self._session.projects.autosave.wait(now.autosave_seconds)
        SCALE.use(now.colormap)
