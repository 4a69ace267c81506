"""Everything that was said while the window was open, with its time; it outlives the panels that show it."""

from datetime import datetime

from PySide6.QtCore import QCoreApplication, QObject, Signal

from penjing_gui.notices import Notice
from penjing_gui.session import Session

MOST_LINES = 2000


class Journal(QObject):
    """Hears the session and writes down; only grows at its end."""

    added = Signal(str)
    """One entry, several lines where it has details."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._entries: list[str] = []
        session.noticed.connect(self._hear)
        session.engine_state_changed.connect(self._engine_changed)
        session.opened.connect(self._opened)

    @property
    def entries(self) -> tuple[str, ...]:
        """Oldest first."""
        return tuple(self._entries)

    def clear(self) -> None:
        """Forget all of it."""
        self._entries.clear()

    def _hear(self, notice: Notice) -> None:
        if notice.text:
            said = " ".join(part for part in (notice.text, notice.hint) if part)
            self._write(f"{said}\n{notice.details}" if "\n" in notice.details else said)

    def _engine_changed(self, state: str) -> None:
        self._write(engine_words(state))

    def _opened(self) -> None:
        self._write(self.tr("opened: {source}").format(source=self._session.source))

    def _write(self, text: str) -> None:
        entry = f"{datetime.now():%H:%M:%S}  {text}"
        self._entries.append(entry)
        del self._entries[:-MOST_LINES]
        self.added.emit(entry)


def engine_states() -> dict[str, str]:
    """All that the engine can be at, as people read it."""
    return {
        "starting": _tr("engine starting"),
        "idle": _tr("engine idle"),
        "opening": _tr("engine opening"),
        "measuring": _tr("engine measuring"),
        "working": _tr("engine working"),
        "stopped": _tr("engine stopped"),
    }


def engine_words(state: str) -> str:
    """What the engine is at, as people read it."""
    return engine_states().get(state, state)


def _tr(text: str) -> str:
    return QCoreApplication.translate("engine", text)
