"""What all messages are made of."""

from typing import Literal

import msgspec

SplitName = Literal["train", "val", "test"]
Value = str | int | float
"""What fills a placeholder of a text for people."""


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Anything that crosses the wire."""


class Array(msgspec.Struct, frozen=True, kw_only=True):
    """The place of one array in a file of the exchange folder; C order."""

    shape: tuple[int, ...]
    dtype: str
    """As numpy writes it, for example `<f4`."""
    offset: int
    """Bytes from the start of the file."""


class Ready(Message, frozen=True, kw_only=True):
    """The process has loaded its libraries and listens; of engine and job."""

    pid: int
    seconds: float
    """Since the process began."""


class Crashed(Message, frozen=True, kw_only=True):
    """A bug: the traceback, to be shown with a way to copy it. The process goes on if it can."""

    text: str
    request: int | None = None
    generation: int | None = None
