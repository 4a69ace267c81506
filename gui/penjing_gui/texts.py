"""Texts of core in the window's language, and failures as notices."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QCoreApplication

from penjing import assets
from penjing.errors import Note, UserError
from penjing_gui.notices import Action, Notice


class Texts:
    """Knows the language; the texts themselves are core's."""

    def __init__(self, language: str = "en") -> None:
        self.language = language

    def of(self, code: str, **values: object) -> str:
        """The text of a code."""
        return assets.text(code, language=self.language, **values)

    def refusal(self, error: OSError) -> str:
        """Why the operating system refused something."""
        return assets.refusal(error, language=self.language)

    def error(self, error: UserError, *, key: str = "", actions: tuple[Action, ...] = ()) -> Notice:
        """What happened and where, and what to do."""
        return Notice(
            level="error",
            text=error.message(self.language),
            hint=error.hint(self.language) or "",
            details=error.code,
            key=key,
            actions=actions,
        )

    def remarks(self, notes: Sequence[Note], *, key: str) -> Notice:
        """What was noticed, in one notice: the first, how many more there are, and all of them as its details."""
        said = list(dict.fromkeys(note.text(self.language) for note in notes))
        more = QCoreApplication.translate("Texts", "\n… and {count} more").format(count=len(said) - 1)
        text = "".join(said[:1]) + (more if len(said) > 1 else "")
        return Notice(level="warning", text=text, details="\n".join(said) if len(said) > 1 else "", key=key)

    def failure(
        self, code: str, values: Mapping[str, object], *, key: str = "", actions: tuple[Action, ...] = ()
    ) -> Notice:
        """The same for a failure that a worker told."""
        return self.error(UserError(code, **values), key=key, actions=actions)
