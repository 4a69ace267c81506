"""What most subcommands open: a model, its data, a plan, a device."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from penjing.devices.profiles import Device, device
from penjing.errors import UserError
from penjing.plan import Plan, read_plan

if TYPE_CHECKING:
    from penjing.loading.dataset import Dataset
    from penjing.model.model import Model

MAX_PLAN_BYTES = 64 * 1024 * 1024


class Opened(NamedTuple):
    """A network and, where there is some, its data."""

    model: "Model"
    data: "Dataset | None"
    data_source: str | None
    """As it is written into reports and verdicts."""


def add_model(parser: argparse.ArgumentParser, *, data: bool = True) -> None:
    """MODEL, and --data."""
    parser.add_argument("model", metavar="MODEL", help="a file (.onnx, .pt2, .penjingnet, …) or sample:NAME")
    parser.add_argument("--architecture", metavar="NAME|FILE.py:FACTORY", help="for files that hold only weights")
    parser.add_argument("--allow-code", action="store_true", help="consent to run the factory of --architecture")
    if data:
        parser.add_argument(
            "--data",
            metavar="DATA",
            help=".npz, a table or a folder of pictures or .wav files by class; a sample has its own",
        )
        parser.add_argument(
            "--metric",
            metavar="NAME",
            help="what quality is: top1, top3, agreement, mse, mae, r2 or auc; found out without it",
        )


def add_network(parser: argparse.ArgumentParser) -> None:
    """--model with --plan and --data, where a network is not what the subcommand is about."""
    parser.add_argument("--model", metavar="MODEL", help="a file (.onnx, .pt2, .penjingnet, …) or sample:NAME")
    parser.add_argument("--plan", metavar="PLAN.json", help="what to do to it; see the README")
    parser.add_argument("--architecture", metavar="NAME|FILE.py:FACTORY", help="for files that hold only weights")
    parser.add_argument("--allow-code", action="store_true", help="consent to run the factory of --architecture")
    parser.add_argument("--data", metavar="DATA", help=".npz, .csv or a folder of images, for criteria that need some")


def open_sources(arguments: argparse.Namespace) -> Opened:
    """The model and the data that the arguments name; a sample's own data where none is named."""
    # torch takes seconds to import: not before the arguments are known to be right.
    from penjing.loading.data import open_data
    from penjing.loading.with_data import open_with_data

    source = getattr(arguments, "data", None)
    consent = {"architecture": arguments.architecture, "allow_code": arguments.allow_code}
    model = open_with_data(arguments.model, source, **consent)
    if source is None and str(arguments.model).startswith("sample:"):
        source = arguments.model
    if source is None:
        return Opened(model, None, None)
    data = open_data(source, model=model, metric=getattr(arguments, "metric", None))
    return Opened(model, data, source if source.startswith("sample:") else str(Path(source).resolve()))


def add_plan(parser: argparse.ArgumentParser) -> None:
    """--plan."""
    parser.add_argument("--plan", required=True, metavar="PLAN.json", help="what to do; see the README")


def open_plan(arguments: argparse.Namespace) -> Plan:
    """The plan of --plan."""
    path = Path(arguments.plan)
    try:
        if path.stat().st_size > MAX_PLAN_BYTES:
            raise UserError("plan.unreadable", path=path, detail=f"{path.stat().st_size} > {MAX_PLAN_BYTES}")
        content = path.read_bytes()
    except OSError as error:
        raise UserError("plan.unreadable", path=path, detail=error.strerror or error) from error
    return read_plan(content, where=path.name)


def add_device(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """--device."""
    parser.add_argument("--device", required=required, metavar="NAME", help="a device profile; see `penjing devices`")


def open_device(arguments: argparse.Namespace) -> Device | None:
    """The device of --device."""
    return device(arguments.device) if arguments.device else None
