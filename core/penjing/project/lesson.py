"""A teacher's lesson as a file: title, notes, a plan, questions. Plain data: opening one runs nothing, shows only text.

>>> own = OwnLesson(title="Half of fc1", notes="Look at the RAM.", plan=Plan())
>>> read_lesson(own.to_json().encode()).title
'Half of fc1'
"""

import codecs
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from penjing.devices.units import size_text
from penjing.errors import UserError
from penjing.plan import Plan, plan_from_json

SUFFIX = ".penjinglesson"
SCHEMA_VERSION = 1
MOST_BYTES = 1024 * 1024
MOST_QUESTIONS = 50
MOST_NOTES, MOST_LINE, MOST_BECAUSE = 20_000, 500, 2000
"""Characters."""
LEAST_ANSWERS, MOST_ANSWERS = 2, 6

Line = Annotated[str, Meta(min_length=1, max_length=MOST_LINE)]


class OwnQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question with two to six answers."""

    text: Line
    answers: Annotated[tuple[Line, ...], Meta(min_length=LEAST_ANSWERS, max_length=MOST_ANSWERS)]
    right: Annotated[int, Meta(ge=0, lt=MOST_ANSWERS)]
    """The place of the right answer, from 0."""
    because: Annotated[str, Meta(max_length=MOST_BECAUSE)] = ""


class OwnLesson(msgspec.Struct, frozen=True, kw_only=True):
    """What a teacher saves and shares."""

    title: Annotated[str, Meta(min_length=1, max_length=200)]
    plan: Plan
    notes: Annotated[str, Meta(max_length=MOST_NOTES)] = ""
    source: Annotated[str, Meta(max_length=200)] = ""
    """The network it was made for: `sample:NAME`, or the name of a file; never opened by itself."""
    author: Annotated[str, Meta(max_length=200)] = ""
    questions: Annotated[tuple[OwnQuestion, ...], Meta(max_length=MOST_QUESTIONS)] = ()

    def to_json(self) -> str:
        """The file's text."""
        document = {"schema_version": SCHEMA_VERSION, **msgspec.to_builtins(self), "plan": self.plan.as_json()}
        return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema_version: int
    title: Annotated[str, Meta(min_length=1, max_length=200)]
    plan: dict[str, object]
    notes: Annotated[str, Meta(max_length=MOST_NOTES)] = ""
    source: Annotated[str, Meta(max_length=200)] = ""
    author: Annotated[str, Meta(max_length=200)] = ""
    questions: Annotated[tuple[OwnQuestion, ...], Meta(max_length=MOST_QUESTIONS)] = ()


def open_lesson(path: Path) -> OwnLesson:
    """The lesson of a file.

    Raises:
        UserError: `lesson.unreadable`, `lesson.too_large`, and what `read_lesson` says.
    """
    try:
        # One byte more than may be read tells a file that is too large, also one that never ends.
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UserError("lesson.unreadable", path=path, detail=error.strerror or error) from error
    if len(content) > MOST_BYTES:
        raise UserError("lesson.too_large", path=path.name, most=size_text(MOST_BYTES))
    return read_lesson(content, where=path.name)


def read_lesson(content: bytes, *, where: str = "lesson") -> OwnLesson:
    """The lesson of a file's bytes.

    Raises:
        UserError: `lesson.invalid` with the place and the reason, `lesson.version`; what a plan says of itself.
    """
    try:
        found = msgspec.json.decode(content.removeprefix(codecs.BOM_UTF8), type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError("lesson.invalid", where=where, detail=str(error) or type(error).__name__) from error
    if found.schema_version != SCHEMA_VERSION:
        raise UserError("lesson.version", where=where, version=found.schema_version, known=SCHEMA_VERSION)
    for number, question in enumerate(found.questions, start=1):
        if question.right >= len(question.answers):
            raise UserError(
                "lesson.right", where=where, number=number, right=question.right, last=len(question.answers) - 1
            )
    return OwnLesson(
        title=found.title,
        plan=plan_from_json(found.plan, where=where),
        notes=found.notes,
        source=found.source,
        author=found.author,
        questions=found.questions,
    )
