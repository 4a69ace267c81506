"""The lessons: texts from `resources/lessons`, one for every method of the catalogue, and the order of the list.

>>> lesson("criterion.magnitude", "en").question.right
1
"""

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penjing.assets import phrase, resources
from penjing.catalogue.methods import METHODS, Kind, Method

FIRST = "matrix"
"""The lesson of no method: nine numbers on which everything is tried first."""
_BEFORE = {"step.quantize": ("idea.fold",)}
"""Lessons of no method of their own, by that of the method before which they are read."""
_FILES = ("criterion", "pruning", "quantization", "training")


@dataclass(frozen=True)
class Question:
    """A question with its answers, one of which is right."""

    text: str
    answers: tuple[str, ...]
    right: int
    because: str


@dataclass(frozen=True)
class Lesson:
    """What is said of a method; plain text."""

    key: str
    title: str
    sentence: str
    question: Question
    method: Method | None


@dataclass(frozen=True)
class CourseStep:
    """One part of the guided course."""

    lesson: str
    sample: str
    minutes: int
    task: str


def key_of(method: Method) -> str:
    """The lesson that explains a method; filters and weights are judged by the same criteria."""
    own = f"{method.kind}.{method.id}"
    return own if own in _texts() or method.kind != "filter_criterion" else f"criterion.{method.id}"


def lesson(key: str, language: str) -> Lesson:
    """A lesson in a language.

    Raises:
        KeyError: There is none of this key, or it is not told in this language.
    """
    entry = _texts()[key]
    told = entry[language]
    method = _methods().get(key)
    title = told["title"] if method is None else phrase(method.title, language=language)
    question = Question(told["question"], tuple(told["answers"]), entry["right"], told["because"])
    return Lesson(key, title, told["sentence"], question, method)


@functools.cache
def outline() -> Mapping[Kind, tuple[str, ...]]:
    """By kind of method the keys of its lessons, in the order of the catalogue; each lesson once."""
    found: dict[Kind, list[str]] = {}
    seen: set[str] = set()
    for method in METHODS:
        key = key_of(method)
        if key not in seen:
            seen.add(key)
            found.setdefault(method.kind, []).extend((*_BEFORE.get(key, ()), key))
    return {kind: tuple(keys) for kind, keys in found.items()}


def course(language: str) -> tuple[CourseStep, ...]:
    """The guided course in its order."""
    steps = _read("course")["step"]
    return tuple(CourseStep(one["lesson"], one["sample"], one["minutes"], one[language]) for one in steps)


def languages(key: str) -> frozenset[str]:
    """The languages in which a lesson is told."""
    return frozenset(_texts()[key]) - {"right"}


def keys() -> frozenset[str]:
    """Every lesson that is written."""
    return frozenset(_texts())


@functools.cache
def _methods() -> Mapping[str, Method]:
    return {key_of(method): method for method in reversed(METHODS)}


@functools.cache
def _texts() -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for name in _FILES:
        found |= _read(name)
    return found


@functools.cache
def _read(name: str) -> Mapping[str, Any]:
    return tomllib.loads((resources() / "lessons" / f"{name}.toml").read_text(encoding="utf-8"))
