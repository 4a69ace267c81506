"""Every phrase is translated, every text of the window can be; the script that looks after it says how to mend it."""

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "packaging" / "phrases.py"


@pytest.fixture(scope="module")
def phrases() -> dict[str, Any]:
    """What the script defines."""
    return runpy.run_path(str(SCRIPT))


def test_that_every_phrase_is_translated_consistently_and_no_translation_is_left_over(phrases: dict[str, Any]) -> None:
    wrong = list(phrases["problems"](phrases["spoken"](), phrases["translations"]()))
    assert not wrong, "\n".join(wrong)


def test_that_the_window_shows_no_text_past_translation(phrases: dict[str, Any]) -> None:
    wrong = list(phrases["unwrapped"]())
    assert not wrong, "\n".join(wrong)


def test_that_phrases_are_found_in_the_window_the_catalogue_and_the_files_that_ship(phrases: dict[str, Any]) -> None:
    found = phrases["spoken"]()
    # Said through self.tr, through a function's own name for it, in one branch of a choice, and elsewhere than in code.
    for phrase in ("&Open Model…", "Open the network {name}", "Verdict: passed", "Weight magnitude", "as loaded"):
        assert phrase in found, phrase
    assert any(place.startswith("devices/") for place in found["the vendor's data sheet"])
    assert any("verification" in place for place in found["host compiler"])


def test_that_a_missing_phrase_is_told_with_the_command_that_adds_it(phrases: dict[str, Any]) -> None:
    (line,) = phrases["problems"]({"Say “so”": ["page.py:3"]}, {})
    assert line == ('page.py:3: "Say “so”" is not translated: python packaging/phrases.py add "Say “so”" \'中文\'')


@pytest.mark.parametrize(
    ("english", "translated", "reason"),
    [
        ("{count} of {all}", "{all} 个中的 {count}", None),
        ("{count:,.0f} files", "{count} 个文件", None),
        ("{count} files", "{number} 个文件", "placeholders"),
        ("{count} files", "文件", "placeholders"),
        ("&Open…", "打开(&O)…", None),
        ("&Open…", "打开…", "letter none after & instead of O"),
        ("Open…", "打开", "'…'"),
        ("Open…", "打开……", "one …"),
        ("Open", " ", "empty"),
    ],
)
def test_that_an_inconsistent_translation_is_told(
    phrases: dict[str, Any], english: str, translated: str, reason: str | None
) -> None:
    said = phrases["inconsistency"](english, translated)
    assert said is None if reason is None else reason in said


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('label.setText("Open it")', ["'Open it'"]),
        ('label.setText(self.tr("Open it"))', []),
        ('QLabel("Name" if short else "Whole name")', ["'Name'", "'Whole name'"]),
        ('box.addItem("none", None)', ["'none'"]),
        ('identify(QLabel(), "start.open", "Open")', ["'Open'"]),
        ('identify(QLabel(), "start.open")', []),
        ('spin.setSuffix(" KiB")', []),
        ('label.setText(f"{count} layers")', ["' layers'"]),
        ('said = f"{count} parameters"', ["' parameters'"]),
        ('style = f"color: {ink}; font-weight: 600;"', []),
        ('Notice(level="error", text="It failed", key="open")', ["'It failed'"]),
    ],
)
def test_that_a_text_past_translation_is_found(
    phrases: dict[str, Any], tmp_path: Path, code: str, found: list[str]
) -> None:
    (tmp_path / "page.py").write_text(f'"""A page."""\n\n{code}\n', "utf-8")
    told = list(phrases["unwrapped"](tmp_path))
    texts = [re.sub(r"^page.py:3: ('.*') (is shown|stands) .*$", r"\1", line) for line in told]
    assert list(dict.fromkeys(texts)) == found


def test_that_a_translation_is_added_sorted_and_an_unfit_one_refused(tmp_path: Path) -> None:
    script = tmp_path / "packaging" / SCRIPT.name
    script.parent.mkdir()
    for name in (SCRIPT.name, "add_message.py"):
        (script.parent / name).write_bytes((SCRIPT.parent / name).read_bytes())
    file = tmp_path / "resources" / "i18n" / "phrases.zh_CN.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"Zoom": "缩放"}', "utf-8")

    def add(english: str, translated: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(script), "add", english, translated]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert add("Line {n}\\nmore", "第 {n} 行\\n更多").returncode == 0
    refused = add("Line {n}", "行")
    assert refused.returncode == 2 and "placeholders" in refused.stderr
    assert list(json.loads(file.read_text("utf-8")).items()) == [
        ("Line {n}\nmore", "第 {n} 行\n更多"),
        ("Zoom", "缩放"),
    ]
