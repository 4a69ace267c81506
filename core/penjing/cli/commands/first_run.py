"""`penjing first-run`: the whole job on a built-in sample, for a machine without a display and for a first look."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from penjing.assets import phrase
from penjing.cli.commands.compress import add_output, show_result
from penjing.cli.sources import open_sources
from penjing.cli.terminal import Terminal
from penjing.cli.words import accuracy
from penjing.devices.profiles import device
from penjing.devices.units import parse_size
from penjing.plan import Plan, checked, plan_from_json

if TYPE_CHECKING:
    from penjing.loading.samples import Sample

HELP = "Do the whole job on a built-in sample: inspect, fit to its device and budget, compress, distil, export, verify."
EXAMPLE = "penjing first-run -o penjing-first-run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Sample and folder."""
    parser.add_argument("--sample", default="watch", metavar="NAME", help="which sample (see `penjing samples`)")
    parser.add_argument("--epochs", type=int, default=None, metavar="N", help="instead of the sample's epochs")
    add_output(parser)


def taught(plan: Plan, chosen: "Sample", epochs: int | None) -> Plan:
    """The plan with the teaching that the sample's card recommends."""
    distillation = plan_from_json(chosen.plan, where=chosen.name).distillation
    if epochs is not None:
        distillation = msgspec.structs.replace(distillation, epochs=epochs)
    return checked(msgspec.structs.replace(plan, distillation=distillation), where="--epochs")


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Prints what happened; 3 if no plan meets the sample's budget, 4 if the verification failed."""
    from penjing.loading.samples import sample

    chosen = sample(arguments.sample)
    target = device(chosen.device)
    budget = {"flash": chosen.flash, "ram": chosen.ram}
    from penjing.pipeline.fit import fit_plan
    from penjing.pipeline.job import Job, compress_job
    from penjing.planning.fit import Budgets

    source = f"sample:{chosen.name}"
    arguments.model, arguments.data, arguments.architecture, arguments.allow_code = source, None, None, False
    if not terminal.json:
        terminal.say(terminal.text("cli.first_run_title", title=phrase(chosen.title, language=terminal.language)))
        terminal.say(terminal.text("cli.first_run_goal", device=target.title, **budget))
    budgets = Budgets(flash_bytes=parse_size(chosen.flash), ram_bytes=parse_size(chosen.ram))
    with terminal.progress() as on_progress:
        opened = open_sources(arguments)
        fitted = fit_plan(opened.model, opened.data, device=target, budgets=budgets, on_progress=on_progress)
        plan = taught(fitted.plan, chosen, arguments.epochs)
        result = compress_job(
            Job(
                model=opened.model,
                plan=plan,
                data=opened.data,
                model_source=source,
                data_source=opened.data_source,
                device=target,
                language=terminal.language,
            ),
            Path(arguments.output),
            on_progress=on_progress,
        )
    if not terminal.json:
        rows = [
            (terminal.text(f"stage.{step.step}"), accuracy(step.accuracy, terminal.language), f"{step.seconds:.1f} s")
            for step in result.steps
        ]
        columns = [terminal.text(f"cli.column.{key}") for key in ("step", "accuracy", "time")]
        terminal.say("")
        terminal.table("", columns, rows, right=" rr")
        terminal.say("")
    show_result(terminal, result, Path(arguments.output))
    if not terminal.json:
        terminal.say("")
        terminal.say(terminal.text("cli.first_run_end", folder=Path(arguments.output).resolve()))
    if not fitted.feasible:
        return 3
    return 0 if result.verdict.passed else 4
