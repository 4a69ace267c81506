"""What readers of JSON, TOML, text and zip find wrong in a file is told in the reader's language, with the place."""

import tomllib
import zipfile
import zlib
from pathlib import Path

import msgspec
import pytest

from penjing import assets
from penjing.devices.profiles import read_device
from penjing.errors import UserError
from penjing.plan import Plan
from penjing.project.archive import read_archive, write_archive
from penjing.project.lesson import OwnLesson, OwnQuestion, open_lesson
from penjing.project.values import Original, Project


class _Form(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    size: float = 1.0
    parts: tuple[int, ...] = ()


def _said(content: bytes) -> str:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(content, type=_Form)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "english"),
    [
        (b'{"name": "a"', "the file ends too early, a part of it is missing"),
        (b"\xff\x00", "byte 0 is no JSON"),
        (b'{"name": 3}', "it must be text, and it is a whole number, at name"),
        (b'{"name": "a", "parts": [1, "x"]}', "it must be a whole number, and it is text, at parts[1]"),
        (b'{"size": 2}', "the key name is missing"),
        (b'{"name": "a", "colour": 2}', "the key colour is not known"),
        (b"[]", "it must be an object, and it is a list"),
    ],
)
def test_that_what_msgspec_finds_is_told_in_both_languages(content: bytes, english: str) -> None:
    said = _said(content)
    assert assets.text("lesson.invalid", where="x", detail=said) == f"The lesson x is not understood: {english}."
    chinese = assets.text("lesson.invalid", language="zh_CN", where="x", detail=said)
    assert not any(word in chinese for word in ("Expected", "Object", "JSON is", "data", "must", "the "))
    inside = assets.text("project.damaged", where="a.penjing", detail=f"plan.json: {said}")
    assert f"plan.json: {english}" in inside


def test_that_what_the_standard_library_finds_is_told(tmp_path: Path) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as toml:
        tomllib.loads("a = 1\nb = = 2\n")
    assert assets.text("devices.invalid", path="d", detail=toml.value).endswith("line 2, column 5 is no TOML.")
    with pytest.raises(tomllib.TOMLDecodeError) as cut:
        tomllib.loads("a")
    assert "ends too early" in assets.text("devices.invalid", path="d", detail=cut.value)
    with pytest.raises(UnicodeDecodeError) as text:
        b"\xbf\xbf".decode()
    assert "it is no text in UTF-8" in assets.text("devices.invalid", path="d", detail=text.value)
    with pytest.raises(zlib.error) as packed:
        zlib.decompress(b"\x78\x9c\xff\xff\xff")
    assert "cannot be unpacked" in assets.text("project.damaged", where="p", detail=packed.value)
    (tmp_path / "p").write_bytes(b"nothing")
    with pytest.raises(zipfile.BadZipFile) as no_zip, zipfile.ZipFile(tmp_path / "p"):
        pass
    assert "it is no zip archive" in assets.text("project.damaged", where="p", detail=no_zip.value)


def test_that_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    questions = (OwnQuestion(text="Which?", answers=("this", "that"), right=1),)
    lesson = OwnLesson(title="Marked", plan=Plan(), questions=questions)
    (tmp_path / "a.penjinglesson").write_bytes(b"\xef\xbb\xbf" + lesson.to_json().encode())
    assert open_lesson(tmp_path / "a.penjinglesson") == lesson
    profile = next((assets.resources() / "devices").glob("nrf52840*.toml")).read_bytes()
    (tmp_path / "a.penjingdevice").write_bytes(b"\xef\xbb\xbf" + profile)
    assert read_device(tmp_path / "a.penjingdevice").name == "nrf52840"


def test_that_a_wrong_answer_and_a_huge_file_are_told_with_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.penjinglesson"
    questions = (OwnQuestion(text="Which?", answers=("this", "that"), right=5),)
    path.write_text(OwnLesson(title="Wrong", plan=Plan(), questions=questions).to_json())
    with pytest.raises(UserError) as wrong:
        open_lesson(path)
    assert wrong.value.code == "lesson.right" and "answer 5" in wrong.value.message()
    path.write_bytes(b" " * (2 << 20))
    with pytest.raises(UserError) as large:
        open_lesson(path)
    assert "larger than 1 MiB" in large.value.message()
    path.write_bytes(b"#" * (1 << 20))
    with pytest.raises(UserError) as profile:
        read_device(path)
    assert profile.value.code == "devices.too_large" and "64 KiB" in profile.value.message()


def test_that_a_project_without_its_plan_says_what_is_missing(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.penjing", tmp_path / "cut.penjing"
    write_archive(whole, Project(source=Original(path="sample:digits"), plan=Plan()), {})
    with zipfile.ZipFile(whole) as read, zipfile.ZipFile(cut, "w") as write:
        for name in read.namelist():
            if name != "plan.json":
                write.writestr(name, read.read(name))
    with pytest.raises(UserError) as caught:
        read_archive(cut, tmp_path / "runs")
    assert "it has no plan.json" in caught.value.message() and "其中没有 plan.json" in caught.value.message("zh_CN")
