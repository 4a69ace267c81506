"""How far a person has come in the lessons: which questions were answered right, and where the course stands."""

import contextlib

import msgspec

from penjing_gui.folders import settings_folder
from penjing_gui.settings import write_whole

FILE = "lessons.json"
_LARGEST = 1 << 20


class Progress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is remembered from one window to the next."""

    right: tuple[str, ...] = ()
    """Keys of lessons whose question was answered right, each once."""
    lesson: str = ""
    """What was shown last."""
    step: int | None = None
    """The step of the course that it was, from 0; None: it was read outside the course."""


def load() -> Progress:
    """What is remembered; a file that cannot be understood is nothing."""
    try:
        with (settings_folder() / FILE).open("rb") as file:
            return msgspec.json.decode(file.read(_LARGEST), type=Progress)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Progress()


def keep(progress: Progress) -> None:
    """Remember it; a disk that is full keeps nobody from learning."""
    path = settings_folder() / FILE
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, msgspec.json.encode(progress))
