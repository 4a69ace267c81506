"""`penjing devices [NAME]`: the device profiles, a network compared across them, and a profile fitted to a board."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from penjing.cli.sources import add_network, open_plan, open_sources
from penjing.cli.terminal import Terminal
from penjing.cli.words import banded
from penjing.devices.battery import Battery, Duty, days
from penjing.devices.facts import fact_title, fact_value
from penjing.devices.profiles import Collection, Device, Measurement, checked_name, collection, device
from penjing.devices.refit import refit
from penjing.devices.units import parse_charge, parse_current, parse_time, parse_voltage
from penjing.devices.writing import save_device
from penjing.errors import UserError
from penjing.plan import Plan
from penjing.report.words import UNKNOWN, size

if TYPE_CHECKING:
    from penjing.estimation.comparison import Compared

HELP = (
    "List the device profiles, or show one with its facts and sources. With --model, compare a network under a plan "
    "across devices; with --model and --latency, fit the profile to a time that you measured and keep it as your own."
)
EXAMPLE = "penjing devices nrf52840 --model sample:watch --plan plan.json --latency 38ms --as my-board"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A name; a network and its plan; what was measured; a battery."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="a device; case, - and _ do not matter")
    add_network(parser)
    parser.add_argument("--latency", metavar="TIME", help="what one inference took on your board, for example 38ms")
    parser.add_argument("--as", dest="own_name", metavar="NEW-NAME", help="name of the fitted profile (NAME-measured)")
    parser.add_argument("--cell", metavar="CHARGE", help="battery, for example 220mAh: adds how many days it lasts")
    parser.add_argument("--volts", metavar="V", default="3V", help="of the battery (3V)")
    parser.add_argument("--per-hour", metavar="N", type=float, default=60.0, help="inferences an hour (60)")
    parser.add_argument("--sleep", metavar="CURRENT", default="1uA", help="between inferences (1uA)")


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Prints a table of all devices, every fact of one, a comparison, or what a measurement changed."""
    found = collection()
    terminal.warn([problem.message(terminal.language) for problem in found.problems])
    if arguments.latency is not None:
        return _measured(arguments, terminal)
    if arguments.model is not None:
        return _compared(arguments, terminal, found)
    for option in ("plan", "data", "cell", "own_name"):
        if getattr(arguments, option) is not None:
            shown = "--as" if option == "own_name" else f"--{option}"
            raise UserError("cli.usage", detail=f"{shown} needs --model", program="penjing devices")
    chosen = (device(arguments.name),) if arguments.name else found.devices
    if terminal.json:
        terminal.document({"devices": [_facts(entry, found) for entry in chosen]})
    elif arguments.name:
        facts = _facts(chosen[0], found)
        columns = [terminal.text(f"cli.column.{key}") for key in ("fact", "value")]
        terminal.table(chosen[0].title, columns, list(_rows(facts, terminal.language)))
    else:
        _list(terminal, found)
    return 0


def _facts(entry: Device, found: Collection) -> dict[str, Any]:
    """Every fact of a profile, and whether it is the user's own."""
    origin = "user" if entry.name in found.files else "shipped"
    return {**msgspec.to_builtins(entry), "power_mw": entry.power_mw, "origin": origin}


def _rows(facts: dict[str, Any], language: str, before: str = "") -> Iterator[tuple[str, str]]:
    """One row for each single fact, in words."""
    for key, value in facts.items():
        if isinstance(value, dict) and value:
            yield from _rows(value, language, f"{before}{key}.")
        elif value not in (None, [], (), {}):
            yield fact_title(f"{before}{key}", language), fact_value(key, value, language)
        elif not before:
            yield fact_title(key, language), UNKNOWN


def _list(terminal: Terminal, found: Collection) -> None:
    rows = [
        (
            entry.name,
            entry.title,
            f"{entry.clock_mhz:g} MHz",
            size(entry.flash_bytes),
            size(entry.ram_bytes),
            terminal.text("cli.device.user") if entry.name in found.files else "",
        )
        for entry in found.devices
    ]
    columns = [terminal.text(f"cli.column.{key}") for key in ("name", "title", "clock", "flash", "ram", "origin")]
    terminal.table("", columns, rows, right="  rrr")


# ---------------------------------------------------------------------------------------------------------- comparison


def _compared(arguments: argparse.Namespace, terminal: Terminal, found: Collection) -> int:
    plan = open_plan(arguments) if arguments.plan else Plan()
    cell, duty = _battery(arguments)
    named = device(arguments.name) if arguments.name else None
    from penjing.estimation.comparison import variants
    from penjing.pipeline.boards import compare_model

    opened = open_sources(arguments)
    chosen = found.devices if named is None else variants(named)
    rows = compare_model(opened.model, plan, opened.data, chosen)
    lasting = [_days(row, cell, duty) for row in rows]
    if terminal.json:
        documents = [
            {"name": row.device, **msgspec.to_builtins(row), "battery_days": life}
            for row, life in zip(rows, lasting, strict=True)
        ]
        terminal.document({"devices": documents})
        return 0
    names = ["device", "library", "fits", "flash", "ram", "latency", "energy", "bits_save", "zeros_save"]
    names += [] if cell is None else ["days"]
    cells = [
        _cells(row, terminal) + ([] if cell is None else [UNKNOWN if life is None else f"{life:,.0f}"])
        for row, life in zip(rows, lasting, strict=True)
    ]
    terminal.table("", [terminal.text(f"cli.column.{name}") for name in names], cells, right="   rrrrrrr")
    if named is not None:
        for saving in rows[0].savings:
            terminal.warn([terminal.text(note.code, **note.values) for note in saving.notes])
    return 0


def _cells(row: "Compared", terminal: Terminal) -> list[str]:
    figures = row.figures
    saved = {saving.part: saving.flash_bytes for saving in row.savings}
    fits = {True: "cli.fits", False: "cli.too_small", None: "cli.not_known"}[row.fits]
    return [
        row.device,
        row.library or UNKNOWN,
        terminal.text(fits),
        size(figures.flash_bytes),
        size(figures.ram_bytes),
        banded(figures.latency_ms, "ms", figures.latency_band),
        banded(figures.energy_mj, "mJ", figures.energy_band),
        size(saved.get("weight_bits", 0)),
        size(saved.get("zeros", 0)),
    ]


def _battery(arguments: argparse.Namespace) -> tuple[Battery | None, Duty]:
    if arguments.cell is None:
        return None, Duty(per_hour=0, sleep_uw=0)
    volts = parse_voltage(arguments.volts)
    if not 0 <= arguments.per_hour <= 1e9:
        detail = f"--per-hour {arguments.per_hour:g} is not between 0 and 1e9"
        raise UserError("cli.usage", detail=detail, program="penjing devices")
    cell = Battery(capacity_mah=parse_charge(arguments.cell), volts=volts)
    return cell, Duty(per_hour=arguments.per_hour, sleep_uw=parse_current(arguments.sleep) * volts)


def _days(row: "Compared", cell: Battery | None, duty: Duty) -> float | None:
    if cell is None:
        return None
    return days(cell, duty, energy_mj=row.figures.energy_mj, latency_ms=row.figures.latency_ms)


# --------------------------------------------------------------------------------------------------------- measurement


def _measured(arguments: argparse.Namespace, terminal: Terminal) -> int:
    if arguments.name is None or arguments.model is None:
        raise UserError("cli.usage", detail="--latency needs NAME and --model", program="penjing devices")
    latency = parse_time(arguments.latency)
    known = device(arguments.name)
    own = known.name in collection().files
    name = checked_name(arguments.own_name or (known.name if own else f"{known.name}-measured"))
    plan = open_plan(arguments) if arguments.plan else Plan()
    from penjing.pipeline.boards import work_of

    opened = open_sources(arguments)
    title = f"{arguments.model} {plan.hash[:8]}"[-400:]
    measurement = Measurement(name=title, latency_ms=latency, macs=work_of(opened.model, plan, opened.data, known))
    # The same network timed again replaces what was there.
    earlier = [one for one in known.measurements if one.name != measurement.name]
    found = refit(known, (*earlier, measurement))
    aliases = known.aliases if name == known.name else ()
    titled = known.title if name == known.name else f"{known.title} · {name}"
    path = save_device(msgspec.structs.replace(found.device, name=name, title=titled[:400], aliases=aliases))
    if terminal.json:
        rows = [{**msgspec.to_builtins(row), "error": row.error} for row in found.rows]
        document = {"name": name, "path": str(path), "measurements": rows, "unseen_error": found.unseen_error}
        terminal.document({**document, "band": _band(found.device)})
        return 0
    cells = [
        (
            row.name,
            banded(row.measured_ms, "ms", None),
            banded(row.before_ms, "ms", None),
            banded(row.after_ms, "ms", None),
            f"{100 * row.error:+.1f} %",
        )
        for row in found.rows
    ]
    columns = [terminal.text(f"cli.column.{key}") for key in ("measurement", "measured", "before", "after", "error")]
    terminal.table("", columns, cells, right=" rrrr")
    unseen = UNKNOWN if found.unseen_error is None else f"{100 * found.unseen_error:.0f} %"
    terminal.say(
        terminal.text("cli.refit", name=name, path=path, unseen=unseen, band=f"{100 * _band(found.device):.0f}")
    )
    return 0


def _band(fitted: Device) -> float:
    return max(rates.band for rates in fitted.throughput[fitted.library or ""].values())
