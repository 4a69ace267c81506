"""The page of errors says what the code and the messages say, and neither knows a code that the other lacks."""

import runpy
import shutil
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "packaging" / "list_errors.py"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    """What the script defines."""
    return runpy.run_path(str(SCRIPT))


@pytest.fixture
def small(tmp_path: Path) -> dict[str, Any]:
    """The script in a checkout of its own, which raises two errors, tells a remark and knows one text too many."""
    folder = tmp_path / "packaging"
    folder.mkdir()
    shutil.copy(SCRIPT, folder)
    code = tmp_path / "core" / "penjing" / "reader.py"
    code.parent.mkdir(parents=True)
    code.write_text(
        "def read(path):\n"
        "    if not path:\n"
        '        raise UserError("read.nothing", path=path)\n'
        '    raise UserError("read.new")\n'
        'REMARK = Problem(code="check.empty")\n',
        "utf-8",
    )
    messages = tmp_path / "resources" / "i18n"
    messages.mkdir(parents=True)
    (messages / "en.json").write_text(
        '{"check.empty": "“{layer}” is empty.", "read.gone": "Gone.", "read.nothing": "Nothing | in <{path}>."}',
        "utf-8",
    )
    (messages / "zh_CN.json").write_text('{"read.nothing": "{path} 中没有内容。"}', "utf-8")
    return runpy.run_path(str(folder / SCRIPT.name))


def test_that_the_page_is_up_to_date_and_codes_and_texts_are_the_same(script: dict[str, Any]) -> None:
    wrong = list(script["problems"]())
    content = script["page"](script["codes"](), script["texts"]("en"), script["texts"]("zh_CN"))
    if script["PAGE"].read_text("utf-8") != content:
        wrong.append("core/ERRORS.md is out of date: python packaging/list_errors.py")
    assert not wrong, "\n".join(wrong)


def test_that_a_missing_text_a_missing_hint_and_a_text_too_many_are_told_with_what_to_do(small: dict[str, Any]) -> None:
    add = "python packaging/add_message.py"
    assert list(small["problems"]()) == [
        f"core/penjing/reader.py: read.new has no text: {add} read.new 'English' '中文'",
        f"core/penjing/reader.py: read.nothing does not say what to do: {add} read.nothing.hint 'English' '中文'",
        "en.json: nothing says read.gone: take it out of every language",
    ]


def test_that_the_page_shows_both_languages_and_no_markup_of_a_text(small: dict[str, Any]) -> None:
    assert small["main"]([]) == 1
    page = small["PAGE"].read_text("utf-8")
    assert "| `read.nothing` | Nothing \\| in \\<{path}\\>.<br>{path} 中没有内容。 |  |" in page
    assert "| `check.empty` | “{layer}” is empty. |  |" in page
    assert small["main"](["--check"]) == 1
