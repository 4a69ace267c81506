"""`penjing samples`: the networks with data that ship with Penjing."""

import argparse

from penjing.cli.terminal import Terminal

HELP = "List the built-in samples."
EXAMPLE = "penjing samples --json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments of its own."""


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Prints every sample with its device and budget."""
    from penjing.loading.samples import samples

    found = samples()
    if terminal.json:
        terminal.document({"samples": [sample.as_json() for sample in found]})
        return 0
    rows = [(s.name, s.title, s.device, f"{s.flash} / {s.ram}") for s in found]
    terminal.table("", [terminal.text(f"cli.column.{key}") for key in ("name", "title", "device", "budget")], rows)
    return 0
