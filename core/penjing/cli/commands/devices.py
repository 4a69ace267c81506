"""`penjing devices [NAME]`: the device profiles and where their facts come from."""

import argparse

import msgspec

from penjing.cli.terminal import Terminal
from penjing.cli.words import UNKNOWN, size
from penjing.devices.profiles import device, devices

HELP = "List the device profiles, or show one with its facts and sources."
EXAMPLE = "penjing devices nrf52840"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One optional name."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="a device; case, - and _ do not matter")


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Prints a table of all devices, or every fact of one."""
    found = (device(arguments.name),) if arguments.name else devices()
    if terminal.json:
        terminal.document({"devices": [msgspec.to_builtins(entry) for entry in found]})
        return 0
    if arguments.name:
        facts = msgspec.to_builtins(found[0])
        shown = [(key, UNKNOWN if value in (None, [], {}) else str(value)) for key, value in facts.items()]
        terminal.table(found[0].title, [terminal.text(f"cli.column.{key}") for key in ("fact", "value")], shown)
        return 0
    rows = [
        (entry.name, entry.title, f"{entry.clock_mhz:g} MHz", size(entry.flash_bytes), size(entry.ram_bytes))
        for entry in found
    ]
    columns = [terminal.text(f"cli.column.{key}") for key in ("name", "title", "clock", "flash", "ram")]
    terminal.table("", columns, rows, right="  rrr")
    return 0
