"""The Log dock: everything that was said, with its time, to be read again and copied."""

from datetime import datetime

from PySide6.QtWidgets import QPlainTextEdit, QWidget

from penjing_gui.controls.identity import identify
from penjing_gui.notices import Notice
from penjing_gui.session import Session

_MOST_LINES = 2000


class LogPanel(QPlainTextEdit):
    """Only grows at its end."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        identify(self, "log", self.tr("Log"))
        self.setReadOnly(True)
        self.setMaximumBlockCount(_MOST_LINES)
        session.noticed.connect(self._hear)
        session.engine_state_changed.connect(lambda state: self._say(self.tr("engine: {state}").format(state=state)))
        session.opened.connect(lambda: self._say(self.tr("opened: {source}").format(source=session.source)))

    def _hear(self, notice: Notice) -> None:
        if notice.text:
            self._say(" ".join(part for part in (notice.text, notice.hint) if part))
            if "\n" in notice.details:
                self.appendPlainText(notice.details)

    def _say(self, text: str) -> None:
        self.appendPlainText(f"{datetime.now():%H:%M:%S}  {text}")
