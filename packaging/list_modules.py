"""Writes core/MODULES.md and gui/MODULES.md: every module by its folder, with the sentence that it opens with.

Example:
    python packaging/list_modules.py           # write them again
    python packaging/list_modules.py --check   # only tell whether they are up to date
"""

import argparse
import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (ROOT / "core" / "penjing", ROOT / "gui" / "penjing_gui")
HEAD = """# Modules of `{package}`

Made by `python packaging/list_modules.py` from the sentences that modules open with; do not edit it by hand.
How they belong together is told by [README.md](README.md).
"""
COLUMNS = "| module | what it is for |"


def main(arguments: list[str] | None = None) -> int:
    """Returns 0, or 1 if `--check` found a page out of date."""
    parser = argparse.ArgumentParser(description="Write core/MODULES.md and gui/MODULES.md.")
    parser.add_argument("--check", action="store_true", help="write nothing")
    given = parser.parse_args(arguments)
    wrong = []
    for package in PACKAGES:
        path, content = page_of(package), page(package)
        if not given.check:
            path.write_text(content, "utf-8")
        elif not path.exists() or path.read_text("utf-8") != content:
            wrong.append(f"{path.relative_to(ROOT)} is out of date: python packaging/list_modules.py")
    print("\n".join(wrong) or "The lists of modules are up to date.")
    return 1 if wrong else 0


def page_of(package: Path) -> Path:
    """Where the list of a package lies: beside its README."""
    return package.parent / "MODULES.md"


def page(package: Path) -> str:
    """The whole document."""
    parts = [HEAD.format(package=package.name)]
    folders = sorted({path.parent for path in _files(package)})
    for folder in folders:
        parts.append(
            f"\n## {folder.relative_to(package.parent).as_posix()}\n\n| module | what it is for |\n|---|---|\n"
        )
        parts += [f"| `{path.stem}` | {sentence(path)} |\n" for path in _files(package) if path.parent == folder]
    return "".join(parts)


def sentence(path: Path) -> str:
    """The first paragraph of a module's docstring in one line, for a table."""
    told = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return " ".join(told.partition("\n\n")[0].split()).replace("|", "\\|")


def _files(package: Path) -> Iterator[Path]:
    yield from (path for path in sorted(package.rglob("*.py")) if path.name != "__init__.py")


if __name__ == "__main__":
    sys.exit(main())
