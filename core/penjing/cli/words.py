"""Figures as people read them: bytes, counts, times, accuracies with their interval, before and after."""

from collections.abc import Callable, Sequence
from typing import Any

from penjing.assets import text
from penjing.cli.terminal import Terminal
from penjing.report.words import UNKNOWN, gained, quality_title, rung_name, size
from penjing.results import Accuracy, Figures, Verdict


def count(number: float | None) -> str:
    """A whole number with thin groups."""
    return UNKNOWN if number is None else f"{number:,.0f}"


def accuracy(value: Accuracy | None, language: str) -> str:
    """A percentage, its 95 % interval, its sample count and where the samples are from."""
    if value is None:
        return UNKNOWN
    split = text(f"split.{value.split}", language=language)
    how = value.how
    low, high = (how.show(end).removesuffix(" %") for end in (value.low, value.high))
    return f"{how.show(value.value)} [{low}, {high}] n={value.n} {split}"


def banded(value: float | None, unit: str, band: float | None) -> str:
    """A predicted time or energy and its band."""
    spread = f" ± {100 * band:.0f} %" if band is not None else ""
    return UNKNOWN if value is None else f"{value:.3g} {unit}{spread}"


def figures_table(terminal: Terminal, baseline: Figures, compressed: Figures) -> None:
    """Before and after, a figure a line."""

    def number(name: str, unit: str, band: float | None) -> Callable[[float | None], str]:
        return lambda value: banded(value, unit, band)

    rows: list[tuple[str, Callable[[Any], str]]] = [
        ("accuracy", lambda value: accuracy(value, terminal.language)),
        ("params", count),
        ("nonzero", count),
        ("macs", count),
        ("size_bytes", size),
        ("file_bytes", size),
        ("flash_bytes", size),
        ("ram_bytes", size),
        ("latency_ms", number("latency_ms", "ms", compressed.latency_band)),
        ("energy_mj", number("energy_mj", "mJ", compressed.energy_band)),
    ]
    cells: list[Sequence[str]] = []
    for name, show in rows:
        before, after = getattr(baseline, name), getattr(compressed, name)
        gain = ""
        if name != "accuracy" and before and after:
            gain = f"{before / after:.1f}×"
        elif name == "accuracy" and before is not None and after is not None:
            gain = gained(before, after, terminal.language)
        title = terminal.text(f"figure.{name}")
        if name == "accuracy" and (known := after or before) is not None:
            title = quality_title(known, terminal.language)
        cells.append((title, show(before), show(after), gain))
    terminal.table(
        "", [terminal.text(f"cli.column.{key}") for key in ("figure", "before", "after", "gain")], cells, right=" rrr"
    )


def verdict_table(terminal: Terminal, verdict: Verdict) -> None:
    """The rungs of the verification and what they found."""
    marks = {True: "cli.passed", False: "cli.failed", None: "cli.not_tried"}
    rows = [
        (rung_name(rung.name, terminal.language), terminal.text(marks[rung.passed]), rung.detail)
        for rung in verdict.rungs
    ]
    columns = [terminal.text(f"cli.column.{key}") for key in ("rung", "result", "detail")]
    terminal.table(terminal.text("cli.verdict_passed" if verdict.passed else "cli.verdict_failed"), columns, rows)
