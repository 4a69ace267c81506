"""Where the files that ship with Penjing lie: devices, samples, messages, lessons, icons."""

import errno
import functools
import json
import os
import re
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
_PLACE = r"(?: - at `\$\.?(?P<place>[^`]*)`)?"
_READERS = tuple(
    (re.compile(pattern), f"reader.{name}")
    for name, pattern in {
        "truncated": r"Input data was truncated|.* \(at end of document\)",
        "json": r"JSON is malformed: .* \(byte (?P<byte>\d+)\)",
        "unknown": rf"Object contains unknown field `(?P<key>[^`]*)`{_PLACE}",
        "missing": rf"Object missing required field `(?P<key>[^`]*)`{_PLACE}",
        "length": rf"Expected `\w+` of length (?P<limit>[<>=]+ \d+){_PLACE}",
        "limit": rf"Expected `\w+` (?P<limit>[<>=]+ [-+.e\d]+){_PLACE}",
        "kind": rf"Expected `(?P<wanted>[^`]*)`, got `(?P<found>[^`]*)`{_PLACE}",
        "toml": r".* \(at line (?P<line>\d+), column (?P<column>\d+)\)",
        "text": r"'utf-8' codec can't decode bytes? .* in position (?P<byte>\d+).*|.*[Ii]nvalid utf-8.*",
        "gone": r"it is missing",
        "without": r"no (?P<name>[\w.]+)",
        "more": r"more than (?P<most>\d+ [KMG]iB)",
        "zip": r"File is not a zip file",
        "packed": r"Error -\d+ while decompressing data.*|Bad CRC-32 for file.*|Bad magic number.*|.*compression.*",
    }.items()
)
"""What the readers of JSON, TOML and zip find wrong in a file: they say it in English, and for programmers."""
_KINDS = ("str", "int", "float", "bool", "object", "array", "null")
"""Kinds of values that have a name of their own in every language."""
_INSIDE = re.compile(r"[\w/-]+\.(?:json|toml): ")
"""Which file of an archive it is about."""


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


def minus(number: str) -> str:
    """A number for people: its sign is a minus, as wide as a plus, and no hyphen; files that are read on keep ASCII.

    >>> minus("-1.5e-3")
    '−1.5e−3'
    """
    return number.replace("-", "−")


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
    if callable(message := getattr(value, "message", None)):
        value = str(message(language)).rstrip(".。")  # an error of Penjing's own is part of the sentence
    elif isinstance(value, Exception):
        value = str(value)
    code = _REFUSALS.get(value) if isinstance(value, str) else None
    if code is not None:
        return messages(language).get(code, value)
    return _detail(value, language) if key == "detail" and isinstance(value, str) else value


def _detail(value: str, language: str) -> str:
    """What is wrong with a file in the reader's words, where a library has found it, else a phrase of Penjing's."""
    inside = _INSIDE.match(value)
    start = 0 if inside is None else inside.end()
    for pattern, code in _READERS:
        if found := pattern.fullmatch(value, start):
            values = {key: part for key, part in found.groupdict().items() if part is not None}
            place = values.pop("place", "")
            if code == "reader.kind":
                values = {key: _kind(part, language) for key, part in values.items()}
            told = text(code, language=language, **values)
            told = text("reader.at", language=language, told=told, place=place) if place else told
            return value[:start] + told
    return phrase(value, language=language)


def _kind(names: str, language: str) -> str:
    """Of a value, as `str | null` names it."""
    parts = names.split(" | ")
    return " / ".join(messages(language)[f"reader.kind.{one}"] if one in _KINDS else one for one in parts)


def _printable(value: object) -> str:
    # A hostile name may hold line breaks or terminal escapes; a message is one clear line.
    shown = "".join(character if character.isprintable() else "�" for character in str(value))
    return shown if len(shown) <= 300 else shown[:299] + "…"
