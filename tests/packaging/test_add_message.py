"""Adding a message keeps both languages in step, sorted and whole."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "packaging" / "add_message.py"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A copy of the script in a checkout of its own, with a space in its path."""
    copy = tmp_path / "pen jing" / "packaging" / SCRIPT.name
    copy.parent.mkdir(parents=True)
    copy.write_bytes(SCRIPT.read_bytes())
    return copy


def test_that_a_message_is_added_to_both_languages_in_order(script: Path) -> None:
    assert add(script, "b.second", "Two {n}", "二 {n}").returncode == 0
    assert add(script, "a.first", "One", "一").returncode == 0
    assert content(script, "en") == '{\n  "a.first": "One",\n  "b.second": "Two {n}"\n}\n'
    assert content(script, "zh_CN") == '{\n  "a.first": "一",\n  "b.second": "二 {n}"\n}\n'


def test_that_a_message_is_replaced(script: Path) -> None:
    add(script, "a.first", "One", "一")
    add(script, "a.first", "Other", "别的")
    assert json.loads(content(script, "en")) == {"a.first": "Other"}
    assert json.loads(content(script, "zh_CN")) == {"a.first": "别的"}


@pytest.mark.parametrize(
    ("code", "english", "chinese", "reason"),
    [
        ("first", "One", "一", "area.reason"),
        ("a.b c", "One", "一", "area.reason"),
        ("a.first", "One {n}", "一", "placeholders"),
        ("a.first", "One {n}", "一 {m}", "placeholders"),
        ("a.first", "One {n", "一", "'}'"),
        ("a.first", "One {}", "一 {}", "placeholder"),
        ("a.first", "One {n.real}", "一 {n.real}", "placeholder"),
        ("a.first", "One", " ", "empty"),
    ],
)
def test_that_an_unfit_message_is_refused_in_one_line(
    script: Path, code: str, english: str, chinese: str, reason: str
) -> None:
    done = add(script, code, english, chinese)
    assert done.returncode == 2
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (script.parents[1] / "resources").exists()


def test_that_messages_added_at_the_same_time_are_all_kept(script: Path) -> None:
    codes = [f"area.reason{number}" for number in range(8)]
    running = [subprocess.Popen([sys.executable, str(script), code, "Text", "文本"]) for code in codes]
    assert [process.wait(timeout=60) for process in running] == [0] * len(codes)
    assert sorted(json.loads(content(script, "en"))) == codes
    assert sorted(path.name for path in (script.parents[1] / "resources" / "i18n").iterdir()) == [
        "en.json",
        "zh_CN.json",
    ]


def add(script: Path, code: str, english: str, chinese: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(script), code, english, chinese]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def content(script: Path, language: str) -> str:
    return (script.parents[1] / "resources" / "i18n" / f"{language}.json").read_text("utf-8")
