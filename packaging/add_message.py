"""Adds or replaces one message in every language of `resources/i18n`, safely while others do the same.

Example:
    python packaging/add_message.py loading.too_big "The file {path} is too big." "文件 {path} 太大。"
"""

import argparse
import fcntl
import json
import os
import re
import string
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "resources" / "i18n"
CODE = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)+")


def main(arguments: list[str] | None = None, *, folder: Path = FOLDER) -> int:
    """Writes one message; returns 0, or 2 with one line on stderr when the message is refused."""
    parser = argparse.ArgumentParser(description="Add or replace one message in English and Chinese.")
    parser.add_argument("code", help="area.reason, for example loading.too_big")
    parser.add_argument("en", help="the English text, with {placeholders}")
    parser.add_argument("zh", help="the Simplified Chinese text, with the same placeholders")
    given = parser.parse_args(arguments)
    try:
        check(given.code, given.en, given.zh)
    except ValueError as reason:
        print(f"add_message: {reason}", file=sys.stderr)
        return 2
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        add(folder / "en.json", given.code, given.en)
        add(folder / "zh_CN.json", given.code, given.zh)
    return 0


def check(code: str, *texts: str) -> None:
    """Raises ValueError if the code is not `area.reason` shaped, a text is empty, or the placeholders differ."""
    if not CODE.fullmatch(code):
        raise ValueError(f"the code {code!r} must look like area.reason: letters, digits, underscores and dots")
    if not all(text.strip() for text in texts):
        raise ValueError(f"a text of {code} is empty")
    names = [placeholders(text) for text in texts]
    if any(other != names[0] for other in names):
        shown = " / ".join(", ".join(sorted(found)) or "none" for found in names)
        raise ValueError(f"the placeholders of {code} differ between the languages: {shown}")


def placeholders(text: str) -> set[str]:
    """The names in braces of a message; ValueError for a brace that is not closed or a name that is missing."""
    found = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    wrong = sorted(name for name in found if not name.isidentifier())
    if wrong:
        raise ValueError(f"a placeholder must be a plain name, not {wrong[0]!r}, in {text!r}")
    return found


def add(file: Path, code: str, text: str) -> None:
    """Puts one text into a language's file."""
    messages = json.loads(file.read_text("utf-8")) if file.exists() else {}
    write(file, {**messages, code: text})


def write(file: Path, texts: Mapping[str, str]) -> None:
    """Replaces a language's file in one step; it is sorted."""
    content = json.dumps(texts, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=file.parent, prefix=f".{file.name}.", delete=False
    ) as new:
        new.write(content)
    os.chmod(new.name, 0o644)
    os.replace(new.name, file)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the folder of the texts for oneself."""
    # The folder itself is locked: a lock file would be one more file to ignore, and the JSON files are replaced.
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


if __name__ == "__main__":
    sys.exit(main())
