"""`penjing export`: a plan's files without any training."""

import argparse

from penjing.catalogue.methods import methods
from penjing.cli.commands.compress import add_kernels, add_output, add_rounding, run_job
from penjing.cli.sources import add_device, add_model, add_plan, open_plan
from penjing.cli.terminal import Terminal

HELP = "Apply a plan without its training steps, export the result and verify the files."
EXAMPLE = "penjing export sample:digits --plan plan.json --format onnx-int8 -o out"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Model, plan, data, device, formats."""
    add_model(parser)
    add_plan(parser)
    add_device(parser)
    add_output(parser)
    parser.add_argument(
        "--format",
        action="append",
        required=True,
        choices=list(methods("format")),
        metavar="F",
        help=f"{', '.join(methods('format'))}",
    )
    add_rounding(parser)
    add_kernels(parser)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Prints the figures, the files and the verdict; 4 if the verification failed."""
    return run_job(arguments, terminal, open_plan(arguments), training=False)
