"""`penjing estimate`: what a plan would give, before any training."""

import argparse

from penjing.cli.sources import add_device, add_model, add_plan, open_device, open_plan, open_sources
from penjing.cli.terminal import Terminal
from penjing.cli.words import figures_table

HELP = "Tell what a plan gives, without training: exact sizes, and accuracy measured on validation data."
EXAMPLE = "penjing estimate sample:digits --plan plan.json --device stm32l4r5"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Model, plan, data, device."""
    add_model(parser)
    add_plan(parser)
    add_device(parser)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Prints the figures before and after."""
    plan, device = open_plan(arguments), open_device(arguments)
    from penjing.pipeline.estimate import estimate_plan

    with terminal.progress() as on_progress:
        opened = open_sources(arguments)
        result = estimate_plan(opened.model, plan, opened.data, device=device, on_progress=on_progress)
    terminal.warn([terminal.text(code, **values) for code, values in result.warnings])
    if terminal.json:
        terminal.document(result.estimate)
    else:
        figures_table(terminal, result.estimate.baseline, result.estimate.compressed)
    return 0
