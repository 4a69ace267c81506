"""Where the files that ship with Penjing lie: devices, samples, messages, lessons, icons."""

import errno
import functools
import json
import os
from importlib.resources import files
from pathlib import Path

LANGUAGES = {"en": "English", "zh_CN": "简体中文"}
"""What Penjing speaks, each in its own words."""
_REFUSALS = {
    os.strerror(getattr(errno, name)): f"system.{name}"
    for name in (
        *("ENOENT", "EACCES", "EPERM", "ENOSPC", "EDQUOT", "EROFS", "EISDIR", "ENOTDIR", "EEXIST", "ENOTEMPTY"),
        *("EFBIG", "EIO", "ENAMETOOLONG", "EMFILE", "EBUSY", "ENOMEM", "ELOOP"),
    )
    if hasattr(errno, name)
}
"""What operating systems say when they refuse something, by the code of its text: they say it in English."""


def resources() -> Path:
    """The resources folder: inside the installed package, else the one of the checkout."""
    packaged = Path(str(files("penjing"))) / "resources"
    if packaged.is_dir():
        return packaged
    return Path(__file__).resolve().parents[2] / "resources"


@functools.cache
def messages(language: str) -> dict[str, str]:
    """Every text of core in one language, by code; English fills what a translation lacks."""
    english = _read(resources() / "i18n" / "en.json")
    if language == "en" or language not in LANGUAGES:
        return english
    return english | _read(resources() / "i18n" / f"{language}.json")


def text(code: str, *, language: str = "en", **values: object) -> str:
    """The text of a code with its placeholders filled; a code without a text is shown as it is.

    Values come from files and are data: they are put in once and never read as a format.
    """
    template = messages(language).get(code)
    if template is None:
        details = ", ".join(f"{key}={value}" for key, value in values.items())
        return f"{code} ({details})" if details else code
    return template.format_map({key: _printable(_told(key, value, language)) for key, value in values.items()})


def refusal(error: OSError, *, language: str = "en") -> str:
    """Why the operating system refused something, without the path that the reader knows."""
    return str(_told("detail", error, language))


@functools.cache
def phrases(language: str) -> dict[str, str]:
    """What stands in English in code, in the catalogue and on cards, in another language; empty for English."""
    if language == "en" or language not in LANGUAGES:
        return {}
    return _read(resources() / "i18n" / f"phrases.{language}.json")


def phrase(english: str, *, language: str = "en") -> str:
    """An English phrase of the product in another language; what nobody has translated stays as it is."""
    return phrases(language).get(english, english)


def has_text(code: str) -> bool:
    """Whether the catalogue of messages has a text for this code."""
    return code in messages("en")


def _read(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    content: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _told(key: str, value: object, language: str) -> object:
    """A value in the reader's language, where it is Penjing's or the operating system's own words and no name."""
    if isinstance(value, OSError) and value.strerror:
        value = value.strerror
    code = _REFUSALS.get(value) if isinstance(value, str) else None
    if code is not None:
        return messages(language).get(code, value)
    return phrase(value, language=language) if key == "detail" and isinstance(value, str) else value


def _printable(value: object) -> str:
    # A hostile name may hold line breaks or terminal escapes; a message is one clear line.
    shown = "".join(character if character.isprintable() else "�" for character in str(value))
    return shown if len(shown) <= 300 else shown[:299] + "…"
