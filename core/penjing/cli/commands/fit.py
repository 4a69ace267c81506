"""`penjing fit`: finds the plan that meets a budget at the least loss."""

import argparse
from pathlib import Path

from penjing.cli.files import write_text
from penjing.cli.sources import add_device, add_model, open_device, open_sources
from penjing.cli.terminal import Terminal
from penjing.cli.words import figures_table
from penjing.devices.units import parse_energy, parse_points, parse_size, parse_time

HELP = "Find the plan that meets flash, RAM, latency and energy budgets at the least predicted loss."
EXAMPLE = "penjing fit sample:watch --device nrf52840 --flash 64KiB --ram 32KiB -o plan.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Model, data, device, budgets."""
    add_model(parser)
    add_device(parser, required=True)
    parser.add_argument("--flash", metavar="64KiB", help="constants and kernels, at most")
    parser.add_argument("--ram", metavar="32KiB", help="activations, at most")
    parser.add_argument("--latency", metavar="20ms", help="one inference, at most")
    parser.add_argument("--energy", metavar="1mJ", help="one inference, at most")
    parser.add_argument("--max-drop", metavar="1.0", help="percentage points of accuracy that may be lost")
    parser.add_argument("-o", "--output", metavar="PLAN.json", help="where the plan goes")


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Prints the plan's figures; 3 if no plan meets the budgets (the best one is still written)."""
    from penjing.pipeline.fit import fit_plan
    from penjing.planning.fit import Budgets

    device = open_device(arguments)
    assert device is not None
    budgets = Budgets(
        flash_bytes=None if arguments.flash is None else parse_size(arguments.flash),
        ram_bytes=None if arguments.ram is None else parse_size(arguments.ram),
        latency_ms=None if arguments.latency is None else parse_time(arguments.latency),
        energy_mj=None if arguments.energy is None else parse_energy(arguments.energy),
        max_drop=None if arguments.max_drop is None else parse_points(arguments.max_drop),
    )
    with terminal.progress() as on_progress:
        opened = open_sources(arguments)
        result = fit_plan(opened.model, opened.data, device=device, budgets=budgets, on_progress=on_progress)
    if arguments.output:
        write_text(Path(arguments.output), result.plan.to_json())
    if terminal.json:
        terminal.document(
            {
                "feasible": result.feasible,
                "plan": result.plan.as_json(),
                "baseline": result.baseline,
                "compressed": result.compressed,
                "blocking": result.blocking,
            }
        )
    else:
        figures_table(terminal, result.baseline, result.compressed)
        for block in result.blocking:
            terminal.note("cli.blocking", budget=block.budget, limit=block.limit, best=block.best, over=block.over)
        if arguments.output:
            terminal.say(terminal.text("cli.plan_written", path=arguments.output))
        else:
            terminal.say(result.plan.to_json())
    return 0 if result.feasible else 3
