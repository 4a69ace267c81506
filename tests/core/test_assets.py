"""Texts for people: placeholders are filled once, in one language, and names stay names."""

import os

import pytest

from penjing import assets
from penjing.errors import UserError


def test_that_a_value_is_never_read_as_a_format_and_never_breaks_the_line() -> None:
    text = assets.text("load.not_found", path="{path}\n\x1b[31m")
    assert text == "“{path}��[31m” does not exist."


@pytest.mark.parametrize("number", [2, 13, 28, 21])
def test_that_what_the_operating_system_says_is_said_in_the_reader_s_language(number: int) -> None:
    refused = OSError(number, os.strerror(number), "/some/path")
    for value in (refused, refused.strerror):
        english = UserError("file.unwritable", path="plan.json", detail=value)
        assert english.message() == f"plan.json cannot be written: {os.strerror(number)}."
        chinese = english.message("zh_CN")
        assert chinese.startswith("无法写入 plan.json：") and os.strerror(number) not in chinese
    assert assets.refusal(refused, language="zh_CN") in chinese


def test_that_a_reason_is_translated_and_a_name_that_sounds_like_one_is_not() -> None:
    said = assets.text("load.bad_penjingnet", language="zh_CN", where="too large", detail="too large")
    assert said == "“too large” 已损坏：过大。"


def test_that_a_code_without_a_text_is_shown_with_its_values() -> None:
    assert assets.text("nobody.knows", language="zh_CN", layer="fc1") == "nobody.knows (layer=fc1)"
