"""Errors that are meant for people; anything else that is raised is a bug.

>>> from penjing.errors import UserError
>>> UserError("plan.unknown_layer", layer="conv9", known="conv1, conv2").code
'plan.unknown_layer'
"""

from collections.abc import Mapping

import msgspec

from penjing import assets


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Something to tell in any language: the code of a message and its values."""

    code: str
    values: Mapping[str, int | float | str] = {}

    def text(self, language: str = "en") -> str:
        """As one line in the language asked for; a code without a text is shown as it is."""
        return assets.text(self.code, language=language, **self.values)


def note(code: str, **values: object) -> Note:
    """A note with values as files and messages take them.

    >>> note("load.shared_weight", weight="shared").values
    {'weight': 'shared'}
    """
    return Note(code=code, values=plain(values))


def plain(values: Mapping[str, object]) -> dict[str, int | float | str]:
    """Values of a message as the wire and files take them; what is not a number or a text becomes its text."""
    return {key: _plain(value) for key, value in values.items()}


def _plain(value: object) -> int | float | str:
    if isinstance(value, float) or (type(value) is int and -(2**63) <= value < 2**64):
        return value
    # Surrogates (names of files that are no UTF-8) cannot be encoded.
    return str(value).encode(errors="replace").decode()


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


_NO_MEMORY = (
    "can't allocate memory",
    "Failed to allocate memory",
    "bad allocation",
    "bad_alloc",
    "could not create a primitive",  # oneDNN, of a convolution whose kernel found no room
)


def lacks_memory(error: BaseException) -> bool:
    """Whether an error means that the memory did not suffice, in the words of Python, torch or onnxruntime.

    >>> lacks_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory")), lacks_memory(RuntimeError("shape"))
    (True, False)
    """
    return isinstance(error, MemoryError) or any(words in str(error) for words in _NO_MEMORY)


class Cancelled(Exception):  # noqa: N818 (it is an outcome that the user asked for, not an error)
    """The person stopped the work; whatever was half done is removed by who catches this."""
