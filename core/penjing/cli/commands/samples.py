"""`penjing samples`: the networks with data that ship with Penjing."""

import argparse
from typing import TYPE_CHECKING

from penjing.assets import phrase
from penjing.cli.terminal import Terminal

if TYPE_CHECKING:
    from penjing.loading.samples import Sample

HELP = "List the built-in samples."
EXAMPLE = "penjing samples --json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments of its own."""


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Prints every sample with its device and budget."""
    from penjing.loading.samples import samples

    found = samples()
    if terminal.json:
        terminal.document({"samples": [_as_json(sample) for sample in found]})
        return 0
    rows = [(s.name, phrase(s.title, language=terminal.language), s.device, f"{s.flash} / {s.ram}") for s in found]
    terminal.table("", [terminal.text(f"cli.column.{key}") for key in ("name", "title", "device", "budget")], rows)
    return 0


def _as_json(sample: "Sample") -> dict[str, str]:
    keys = ("name", "title", "description", "device", "flash", "ram", "source", "licence")
    return {key: getattr(sample, key) for key in keys}
