"""Errors that are meant for people; anything else that is raised is a bug.

>>> from penjing.errors import UserError
>>> UserError("plan.unknown_layer", layer="conv9", known="conv1, conv2").code
'plan.unknown_layer'
"""

from penjing import assets


class UserError(Exception):
    """Something the user can mend, told by a code `area.reason` and the values that fill its text.

    The texts are in `resources/i18n`: `code` says what happened and where, `code.hint` what to do.
    """

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code, values)
        self.code = code
        self.values = values

    def message(self, language: str = "en") -> str:
        """What happened and where, as one line in the language asked for."""
        return assets.text(self.code, language=language, **self.values)

    def hint(self, language: str = "en") -> str | None:
        """What to do next, if the catalogue of messages says it."""
        code = f"{self.code}.hint"
        return assets.text(code, language=language, **self.values) if assets.has_text(code) else None

    def __str__(self) -> str:
        hint = self.hint()
        return self.message() if hint is None else f"{self.message()} {hint}"


class Cancelled(Exception):  # noqa: N818 (it is an outcome that the user asked for, not an error)
    """The person stopped the work; whatever was half done is removed by who catches this."""
