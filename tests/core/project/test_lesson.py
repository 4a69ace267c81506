"""A lesson file comes back as it was written; a broken or hostile one is refused with what, where and how to mend."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penjing.errors import UserError
from penjing.plan import Plan
from penjing.project.lesson import MOST_BYTES, OwnLesson, OwnQuestion, open_lesson, read_lesson

QUESTION = OwnQuestion(text="How many?", answers=("one", "two"), right=1, because="It is so.")
LESSON = OwnLesson(
    title="Half of fc1",
    plan=Plan().with_layer("fc1", sparsity=0.5),
    notes="Look at\nthe RAM.",
    source="sample:digits",
    author="T.",
    questions=(QUESTION,),
)
_TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


@given(title=_TEXTS.filter(bool), notes=_TEXTS, author=_TEXTS)
def test_that_a_lesson_comes_back_as_it_was_written(title: str, notes: str, author: str) -> None:
    own = OwnLesson(title=title, plan=LESSON.plan, notes=notes, author=author, questions=(QUESTION,))
    assert read_lesson(own.to_json().encode()) == own


def test_that_a_lesson_file_is_plain_json(tmp_path: Path) -> None:
    path = tmp_path / "half.penjinglesson"
    path.write_text(LESSON.to_json(), encoding="utf-8")
    assert open_lesson(path) == LESSON
    document = json.loads(path.read_text())
    assert document["schema_version"] == 1
    assert document["plan"]["layers"] == {"fc1": {"sparsity": 0.5}}


def _document(**changes: Any) -> bytes:
    return json.dumps({**json.loads(LESSON.to_json()), **changes}).encode()


@pytest.mark.parametrize(
    ("content", "code", "told"),
    [
        (b"", "lesson.invalid", "too early"),
        (b"<html>", "lesson.invalid", "no JSON"),
        (b"[" * 100_000, "lesson.invalid", ""),
        (_document(title=""), "lesson.invalid", "at title"),
        (_document(title="x" * 201), "lesson.invalid", "at title"),
        (_document(notes="x" * 20_001), "lesson.invalid", "at notes"),
        (_document(notes=7), "lesson.invalid", "at notes"),
        (_document(script="alert(1)"), "lesson.invalid", "script"),
        (_document(schema_version=2), "lesson.version", "2"),
        (_document(plan={"layers": {"fc1": {"sparsity": 7}}}), "plan.out_of_range", "fc1"),
        (_document(plan=[]), "lesson.invalid", "at plan"),
        (
            _document(questions=[{"text": "?", "answers": ["a"], "right": 0}]),
            "lesson.invalid",
            "at questions[0].answers",
        ),
        (_document(questions=[{"text": "?", "answers": ["a", "b"], "right": 2}]), "lesson.right", "question 1"),
        (
            _document(questions=[{"text": "?", "answers": ["a", "b"], "right": 0}] * 51),
            "lesson.invalid",
            "at questions",
        ),
    ],
)
def test_that_a_broken_lesson_is_refused_with_the_place(content: bytes, code: str, told: str) -> None:
    with pytest.raises(UserError) as caught:
        read_lesson(content, where="half.penjinglesson")
    assert caught.value.code == code
    assert told in caught.value.message() and "half.penjinglesson" in caught.value.message()
    assert caught.value.hint() and caught.value.hint("zh_CN") != caught.value.hint()


def test_that_a_file_that_is_missing_a_folder_or_endless_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(UserError) as caught:
            open_lesson(path)
        assert caught.value.code == "lesson.unreadable"
    (tmp_path / "large").write_bytes(b" " * (MOST_BYTES + 1))
    for path in (tmp_path / "large", Path("/dev/zero")):
        with pytest.raises(UserError) as caught:
            open_lesson(path)
        assert caught.value.code == "lesson.too_large"
