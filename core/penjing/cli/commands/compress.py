"""`penjing compress`: runs a plan, exports the result and proves the files."""

import argparse
from pathlib import Path

import msgspec

from penjing.catalogue.methods import methods
from penjing.cli.sources import add_device, add_model, add_plan, open_device, open_plan, open_sources
from penjing.cli.terminal import Terminal
from penjing.cli.words import figures_table, verdict_table
from penjing.plan import Plan, Step, checked
from penjing.report.words import size
from penjing.results import RunResult

HELP = "Compress a network as a plan says, export it and verify the files."
EXAMPLE = "penjing compress sample:watch --plan plan.json --device nrf52840 --distill -o out"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Model, plan, data, device, formats, training."""
    add_model(parser)
    add_plan(parser)
    add_device(parser)
    add_output(parser)
    parser.add_argument(
        "--format",
        action="append",
        choices=list(methods("format")),
        metavar="F",
        help=f"{', '.join(methods('format'))}",
    )
    add_rounding(parser)
    add_kernels(parser)
    parser.add_argument("--distill", action="store_true", help="append distillation to the plan's pipeline")
    parser.add_argument("--epochs", type=int, metavar="N", help="instead of the plan's epochs")
    parser.add_argument("--seed", type=int, metavar="S", help="instead of the plan's seed")


def add_rounding(parser: argparse.ArgumentParser) -> None:
    """--rounding."""
    parser.add_argument(
        "--rounding",
        choices=("single", "double"),
        default="single",
        help="of exported C: single as the screen rounds (default), double as TensorFlow Lite and CMSIS-NN do",
    )


def add_kernels(parser: argparse.ArgumentParser) -> None:
    """--kernels."""
    parser.add_argument(
        "--kernels",
        choices=("generated", "cmsis-nn"),
        default="generated",
        help="of exported C: its own (default), or beside them a second source with calls of CMSIS-NN where it "
        "computes the same; tried if the variable PENJING_CMSIS_NN tells the library's folder",
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """-o DIR."""
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="folder to write; replaced as a whole")


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Prints the figures, the files and the verdict; 4 if the verification failed."""
    return run_job(arguments, terminal, _overwritten(open_plan(arguments), arguments), training=True)


def run_job(arguments: argparse.Namespace, terminal: Terminal, plan: Plan, *, training: bool) -> int:
    """The whole job for `compress` and `export`."""
    device = open_device(arguments)
    from penjing.pipeline.job import Job, compress_job

    with terminal.progress() as on_progress:
        opened = open_sources(arguments)
        result = compress_job(
            Job(
                model=opened.model,
                plan=plan,
                data=opened.data,
                model_source=str(arguments.model),
                data_source=opened.data_source,
                device=device,
                formats=tuple(dict.fromkeys(arguments.format or ())),
                training=training,
                rounding=arguments.rounding,
                kernels=arguments.kernels,
                language=terminal.language,
            ),
            Path(arguments.output),
            on_progress=on_progress,
        )
    show_result(terminal, result, Path(arguments.output))
    return 0 if result.verdict.passed else 4


def show_result(terminal: Terminal, result: RunResult, folder: Path) -> None:
    """The outcome as JSON or tables."""
    terminal.warn(result.warnings)
    if terminal.json:
        terminal.document(result)
        return
    figures_table(terminal, result.baseline, result.compressed)
    rows = [(file.path, file.format, size(file.bytes)) for file in result.files]
    columns = [terminal.text(f"cli.column.{key}") for key in ("file", "format", "bytes")]
    terminal.say("")
    terminal.table(terminal.text("cli.files_in", folder=folder), columns, rows, right="  r")
    terminal.say("")
    verdict_table(terminal, result.verdict)


def _overwritten(plan: Plan, arguments: argparse.Namespace) -> Plan:
    teaching = plan.distillation
    if arguments.epochs is not None:
        teaching = msgspec.structs.replace(teaching, epochs=arguments.epochs)
    if arguments.seed is not None:
        teaching = msgspec.structs.replace(teaching, seed=arguments.seed)
    pipeline = plan.pipeline
    if arguments.distill and all(step.step != "distill" for step in plan.steps):
        pipeline = (*pipeline, Step(step="distill"))
    return checked(msgspec.structs.replace(plan, distillation=teaching, pipeline=pipeline), where="--epochs/--seed")
