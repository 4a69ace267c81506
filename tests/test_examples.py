"""The examples in docstrings do what they show."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def modules_with_examples() -> list[str]:
    """Modules with at least one example that is not marked to be skipped."""
    return [
        ".".join(path.relative_to(folder).with_suffix("").parts)
        for folder in (ROOT / "core", ROOT / "gui")
        for path in sorted(folder.rglob("*.py"))
        if any(">>> " in line and "+SKIP" not in line for line in path.read_text("utf-8").splitlines())
    ]


@pytest.mark.parametrize("module", modules_with_examples())
def test_that_the_examples_of_a_module_hold(module: str) -> None:
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    result = doctest.testmod(importlib.import_module(module), optionflags=options)
    assert result.attempted > 0
    assert result.failed == 0
