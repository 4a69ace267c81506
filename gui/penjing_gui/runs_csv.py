"""Runs as comma-separated values: one line a run, plain numbers in base units, the plan's hash."""

import csv
import io
from collections.abc import Iterable, Mapping

from penjing.plan import Plan
from penjing_gui.item_models.runs import Row

COLUMNS = (
    "id", "name", "kind", "created", "parent", "accuracy", "accuracy_low", "accuracy_high", "samples",
    "params", "nonzero", "macs", "size_bytes", "file_bytes", "flash_bytes", "ram_bytes", "latency_ms", "energy_mj",
    "fits", "plan_hash",
)  # fmt: skip
_FIGURES = COLUMNS[9:18]
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def runs_csv(rows: Iterable[Row], plans: Mapping[str, Plan]) -> str:
    """A table with a head; what is unknown stays empty."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows:
        found = row.accuracy
        measured = ("", "", "", "") if found is None else (found.value, found.low, found.high, found.n)
        figures = ["" if (value := getattr(row.figures, name)) is None else value for name in _FIGURES]
        hash = plans[row.id].hash if row.id in plans else ""
        texts = [_harmless(text) for text in (row.id, row.name, row.kind, row.created, row.parent)]
        writer.writerow([*texts, *measured, *figures, "yes" if row.fits else "no", hash])
    return out.getvalue()


def _harmless(text: str) -> str:
    """Spreadsheets run what begins like a formula; names come from files."""
    return f"'{text}" if text.startswith(_FORMULAS) else text
