"""`penjing sweep`: tries many plans and shows which of them no other beats."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from penjing.cli.files import write_text
from penjing.cli.quality import with_quality
from penjing.cli.sources import add_device, add_model, open_device, open_sources
from penjing.cli.terminal import Terminal
from penjing.cli.words import accuracy, banded
from penjing.errors import UserError
from penjing.planning.sweep import MOST_TRIALS
from penjing.report.words import size

if TYPE_CHECKING:
    from penjing.planning.study import SweepRun

HELP = "Try many plans and keep those that no other beats in both size and accuracy; goes on where it was interrupted."
EXAMPLE = "penjing sweep sample:digits --device stm32l4r5 --trials 30 -o sweep"
DEFAULT_TRIALS = 30
DOCUMENT, PLANS = "runs.json", "plans"
NAME = 12
"""Digits of a plan's hash that name its file."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Model, data, device, how many, where."""
    add_model(parser)
    add_device(parser)
    parser.add_argument(
        "--trials", type=int, default=DEFAULT_TRIALS, metavar="N", help="runs to add; %(default)s without it"
    )
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a Dask cluster that you trust, for example tcp://10.0.0.2:8786"
    )
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="new, or one that a sweep goes on with")


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Prints the runs; DIR holds them, too, and the plans of the front."""
    if not 1 <= arguments.trials <= MOST_TRIALS:
        raise UserError("sweep.trials", trials=arguments.trials, most=MOST_TRIALS)
    device = open_device(arguments)
    from penjing.pipeline.sweep import sweep_model

    folder = Path(arguments.output)
    found: list[SweepRun] = []
    try:
        with terminal.progress() as on_progress:
            opened = open_sources(arguments)
            runs = sweep_model(
                opened.model,
                opened.data,
                device=device,
                trials=arguments.trials,
                folder=folder,
                scheduler=arguments.scheduler,
                on_run=found.append,
                on_progress=on_progress,
            )
    except KeyboardInterrupt:
        if found:
            terminal.note("cli.sweep_kept", runs=len(found), folder=folder)
        raise
    document = with_quality({"runs": runs})
    write_text(folder / DOCUMENT, msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")
    front = sorted((one for one in runs if one.pareto), key=lambda one: one.compressed.size_bytes)
    for old in (folder / PLANS).glob("*.json"):
        if len(old.stem) == NAME and old.stem not in {one.plan_hash[:NAME] for one in front}:
            old.unlink(missing_ok=True)  # it was of the front until a better one was found
    for one in front:
        write_text(folder / PLANS / f"{one.plan_hash[:NAME]}.json", one.plan.to_json())
    if terminal.json:
        terminal.document(document)
        return 0
    columns = [terminal.text(f"cli.column.{key}") for key in ("plan", "accuracy", "weights", "flash", "ram", "latency")]
    rows = [
        (
            one.plan_hash[:NAME],
            accuracy(one.compressed.accuracy, terminal.language),
            size(one.compressed.size_bytes),
            size(one.compressed.flash_bytes),
            size(one.compressed.ram_bytes),
            banded(one.compressed.latency_ms, "ms", one.compressed.latency_band),
        )
        for one in front
    ]
    terminal.table(terminal.text("cli.front", front=len(front), runs=len(runs)), columns, rows, right=" rrrrr")
    terminal.say(terminal.text("cli.plans_in", folder=folder / PLANS))
    return 0
