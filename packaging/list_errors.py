"""Writes core/ERRORS.md: every error that a person can meet, what it says and what to do, in every language.

Example:
    python packaging/list_errors.py           # write it again
    python packaging/list_errors.py --check   # only tell whether it is up to date
"""

import argparse
import ast
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "core" / "ERRORS.md"
SOURCES = (ROOT / "core" / "penjing", ROOT / "gui" / "penjing_gui")
REMARKS = ("check.", "load.", "saving.", "warning.")
"""Areas whose codes are also told without being raised."""
CODE = re.compile(r"[a-z_0-9]+(\.[a-z_0-9]+)+")
HEAD = """# Errors and remarks

Made by `python packaging/list_errors.py` from `resources/i18n` and the code; do not edit it by hand.

An error has a code `area.reason`. Its message says what happened, where and why; its hint says what to do. The command
line prints both on one line and ends with exit code 2 (`--json`: `{"error": {"code", "message", "hint"}}`); the window
shows them in a notice. Words in braces are filled in.
"""
COLUMNS = "| code | what, where and why | what to do |"
AREAS = {
    "check": "Remarks on a plan: nothing is refused, the plan runs as it is",
    "cli": "The command line",
    "data": "Data sets",
    "device": "Devices",
    "devices": "Device profiles",
    "distillation": "Training",
    "export": "Export",
    "file": "Files",
    "fit": "Fitting to a budget",
    "lesson": "Lessons",
    "load": "Networks",
    "model": "The inside of a network",
    "plan": "Plans",
    "planning": "Presets",
    "project": "Projects",
    "prune": "Pruning",
    "quantize": "Quantizing",
    "saliency": "Saliency",
    "saving": "Remarks on what a part of a plan saves",
    "sweep": "Sweeps",
    "train": "Training a network that is only partly understood",
    "units": "Sizes, times and other quantities",
    "verify": "Verification",
    "warning": "Warnings: something was done otherwise than asked",
    "worker": "The window's engine and jobs",
}
"""What is headed how; an area that is not here gets its own name."""


@dataclass
class Code:
    """One code, and where it is said."""

    places: set[str] = field(default_factory=set)
    raised: bool = False
    """As an error; otherwise it is only a remark and needs no hint."""


def main(arguments: list[str] | None = None) -> int:
    """Returns 0, or 1 if `--check` found the page out of date or the two sides differ."""
    parser = argparse.ArgumentParser(description="Write core/ERRORS.md.")
    parser.add_argument("--check", action="store_true", help="write nothing")
    given = parser.parse_args(arguments)
    wrong = list(problems())
    content = page(codes(), texts("en"), texts("zh_CN"))
    if given.check:
        if not PAGE.exists() or PAGE.read_text("utf-8") != content:
            wrong.append("core/ERRORS.md is out of date: python packaging/list_errors.py")
    else:
        PAGE.write_text(content, "utf-8")
    print("\n".join(wrong) or "core/ERRORS.md is up to date.")
    return 1 if wrong else 0


def problems() -> Iterator[str]:
    """Codes without a text, errors without a hint, texts that nothing says."""
    found, english = codes(), texts("en")
    add = "python packaging/add_message.py"
    for code, one in sorted(found.items()):
        place = min(one.places)
        if code not in english:
            yield f"{place}: {code} has no text: {add} {code} 'English' '中文'"
        elif one.raised and f"{code}.hint" not in english:
            yield f"{place}: {code} does not say what to do: {add} {code}.hint 'English' '中文'"
    said = _constants()
    for code in english:
        whole = code.removesuffix(".hint")
        if whole not in english:
            yield f"en.json: {code} belongs to no text"
        elif code == whole and code not in said and not _composed(code, said):
            yield f"en.json: nothing says {code}: take it out of every language"


def codes() -> dict[str, Code]:
    """Every code that the sources give to an error, a remark on a plan or a note."""
    english, found = texts("en"), dict[str, Code]()
    told = {code for code in english if f"{code}.hint" in english or code.startswith(REMARKS)}
    for path in _files():
        tree = ast.parse(path.read_text("utf-8"))
        raised = {id(node.exc) for node in ast.walk(tree) if isinstance(node, ast.Raise)}
        place = path.relative_to(ROOT).as_posix()
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node) == "UserError":
                for code in _codes_in(node.args[:1]):
                    one = found.setdefault(code, Code())
                    one.places.add(place)
                    one.raised |= id(node) in raised
            elif isinstance(node, ast.Constant) and node.value in told:
                # Handed on to whoever makes the error, or told without one.
                found.setdefault(str(node.value), Code()).places.add(place)
    return found


def page(found: Mapping[str, Code], english: Mapping[str, str], chinese: Mapping[str, str]) -> str:
    """The whole document."""
    parts = [HEAD]
    for area in sorted({code.partition(".")[0] for code in found}):
        parts.append(f"\n## {AREAS.get(area, area)}\n\n{COLUMNS}\n|---|---|---|\n")
        for code in sorted(code for code in found if code.partition(".")[0] == area):
            what = _both(english.get(code, ""), chinese.get(code, ""))
            hint = _both(english.get(f"{code}.hint", ""), chinese.get(f"{code}.hint", ""))
            parts.append(f"| `{code}` | {what} | {hint} |\n")
    return "".join(parts)


def texts(language: str) -> dict[str, str]:
    """Every text of a language."""
    content: dict[str, str] = json.loads((ROOT / "resources" / "i18n" / f"{language}.json").read_text("utf-8"))
    return content


def _both(english: str, chinese: str) -> str:
    return "<br>".join(re.sub(r"[|<>]", lambda sign: f"\\{sign[0]}", text) for text in (english, chinese) if text)


def _files() -> list[Path]:
    return [path for folder in SOURCES for path in sorted(folder.rglob("*.py"))]


def _constants() -> set[str]:
    """Every text in the code and in the report's template, to see which codes it says."""
    found: set[str] = set()
    for path in _files():
        nodes = ast.walk(ast.parse(path.read_text("utf-8")))
        found |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        found |= {node.attr for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Attribute)}
    for path in (ROOT / "core" / "penjing").rglob("*.j2"):
        found |= set(re.findall(r"""["'](\w+)["']""", path.read_text("utf-8")))
    return found


def _composed(code: str, said: set[str]) -> bool:
    """Whether a code is put together in the code, from parts that stand there."""
    area, _, name = code.rpartition(".")
    if not area.startswith(
        ("cli.", "fact", "figure", "metric", "reader", "report", "split", "stage", "system", "verify")
    ):
        return False
    head, _, tail = name.partition("_")
    return name in said or (f"{head}_" in said and tail in said)


def _codes_in(nodes: list[ast.expr]) -> Iterator[str]:
    for node in nodes:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str) and CODE.fullmatch(inner.value):
                yield inner.value


def _name(node: ast.Call) -> str:
    function = node.func
    return (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )


if __name__ == "__main__":
    sys.exit(main())
