"""A notice says what happened, where, and what to do next, without stopping anybody; its text can be copied."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Level = Literal["information", "warning", "error"]


@dataclass(frozen=True)
class Action:
    """Something that a notice offers to do."""

    label: str
    run: Callable[[], None]
    identifier: str = ""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What is to be said; every text is plain, never markup."""

    text: str
    level: Level = "information"
    hint: str = ""
    """What to do next."""
    details: str = ""
    """For whoever wants to know more, for example a traceback."""
    actions: tuple[Action, ...] = ()
    key: str = ""
    """A later notice with the same key takes its place; an empty text takes it away."""
