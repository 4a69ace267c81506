"""Keeps the list of what was opened, with size and accuracy, in the settings."""

from PySide6.QtCore import QObject

from penjing_gui.session import Session
from penjing_gui.settings import Recent, SettingsFile


class Remembering(QObject):
    """Hears the session; writes when something was opened and when its accuracy is known."""

    def __init__(self, session: Session, settings: SettingsFile) -> None:
        super().__init__(session)
        self._session, self._settings = session, settings
        session.opened.connect(self._remember)
        session.accuracy_changed.connect(self._remember_accuracy)
        session.project_changed.connect(self._remember)

    def _remember(self) -> None:
        session = self._session
        if session.source is None or not session.is_open:
            return
        path = session.projects.path
        known = session.baseline
        accuracy = None if known is None else known.accuracy
        share = accuracy.value if accuracy is not None and accuracy.how.is_share else None
        recent = Recent(
            path=session.source if path is None else str(path),
            data=session.data_source if path is None else None,
            title=session.title if path is None else path.name,
            size_bytes=None if known is None else known.size_bytes,
            accuracy=share,
        )
        if self._settings.value.recents[:1] != (recent,):
            self._settings.remember(recent)

    def _remember_accuracy(self) -> None:
        data, known = self._session.data, self._session.baseline
        if data is None or known is None or known.accuracy is None:
            return
        if known.accuracy.n >= data.sizes["val"]:
            self._remember()
