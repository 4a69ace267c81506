"""The lists of modules name each one with its sentence, and the map of the window names each one, too."""

import re
import runpy
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SCRIPT: dict[str, Any] = runpy.run_path(str(ROOT / "packaging" / "list_modules.py"))


def test_that_the_lists_of_modules_are_up_to_date() -> None:
    for package in SCRIPT["PACKAGES"]:
        told = SCRIPT["page_of"](package).read_text("utf-8")
        assert told == SCRIPT["page"](package), "python packaging/list_modules.py"


def test_that_a_module_is_told_by_the_first_sentence_of_its_docstring(tmp_path: Path) -> None:
    module = tmp_path / "knots.py"
    module.write_text('"""Ties a | b\nin one row.\n\nMore of it.\n"""\n', "utf-8")
    assert SCRIPT["sentence"](module) == "Ties a \\| b in one row."


def test_that_the_map_of_the_window_names_every_module() -> None:
    words = set(re.findall(r"\w+", (ROOT / "gui" / "README.md").read_text("utf-8")))
    modules = (path for path in (ROOT / "gui" / "penjing_gui").rglob("*.py") if path.name != "__init__.py")
    assert [path.name for path in modules if path.stem not in words] == []


def test_that_the_map_of_the_library_names_every_package() -> None:
    words = set(re.findall(r"\w+", (ROOT / "core" / "README.md").read_text("utf-8")))
    packages = (path for path in (ROOT / "core" / "penjing").iterdir() if (path / "__init__.py").exists())
    modules = (ROOT / "core" / "penjing").glob("*.py")
    names = [path.stem for path in (*packages, *modules) if not path.stem.startswith("__")]
    assert [name for name in names if name not in words] == []
