"""Reads tables: numbers in every column but those that tell what is right; how it is written is found out or said."""

import codecs
import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penjing.errors import UserError
from penjing.loading import limits
from penjing.loading.card import TableCard
from penjing.loading.dataset import Split
from penjing.loading.raw_data import RawData
from penjing.loading.reasons import reason
from penjing.loading.splitting import RULE
from penjing.results import Note

MAX_BYTES = 512 << 20
MAX_VALUES = 1 << 27
MAX_COLUMNS = 1 << 16
LABEL = "label"
SEPARATORS = (",", ";", "\t", "|")
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-", "–", "#n/a"})
"""What stands for a value that is not there, in any case of letters."""
UNTOUCHED = TableCard()
_LOOKED_AT = 65536
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def read_csv(
    path: Path,
    *,
    label: str | None = None,
    target: str | Sequence[str] | None = None,
    taken: int | None = None,
    answers: int | None = None,
    card: TableCard = UNTOUCHED,
) -> RawData:
    """A table with or without a header; the label is in the column `label` (or the card's), else in the last.

    Without a card there is no label where no column is called so and there are exactly as many columns as the network
    takes; and the last columns are targets where there are exactly as many more as it answers, more than one.

    Args:
        path: The file.
        label: The column of the label, by name or by number from 1; "" where there is none. Labels may be words;
            classes are then in alphabetical order. Labels that are fractions are targets.
        target: The columns of the numbers that a network is to answer.
        taken: How many values the network takes.
        answers: How many it answers.
        card: How the table is written, and what stands for missing values.

    Raises:
        UserError: `data.not_csv`, `data.encoding`, `data.cell`, `data.missing_cell`, `data.row_length`,
            `data.no_column`, `load.too_big`.
    """
    limits.check_file(path, most=MAX_BYTES)
    where = path.name
    text = _decoded(path, card)
    separator = card.separator or _separator(text[:_LOOKED_AT])
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
        first = next(rows, [])
        limits.check(len(first), MAX_COLUMNS, what="columns", where=where)
        decimal = card.decimal or _decimal(text[:_LOOKED_AT], separator)
        numbers = Numbers(where=where, decimal=decimal, missing=card.missing)
        has_header = card.header if card.header is not None else not all(map(numbers.fits, first[:-1] or first))
        header = [cell.strip() for cell in first] if has_header else []
        columns = _columns(header, len(first), label, target, taken, answers, card, where)
        table = _table(rows if has_header else _with_first(first, rows), columns, numbers, len(first), 1 + has_header)
    except csv.Error as error:
        raise UserError("data.not_csv", path=where, detail=error) from error
    if not table.features or not table.features[0]:
        raise UserError("data.not_csv", path=where, detail="no rows of numbers")
    facts = [Note(code="data.fact.table", values={"separator": _NAMES.get(separator, separator), "decimal": decimal})]
    names = ", ".join(_named(header, table.places[:MOST_NAMED])) + (", …" if len(table.places) > MOST_NAMED else "")
    facts.append(Note(code="data.fact.columns", values={"count": len(table.places), "columns": names}))
    if columns.names:
        facts.append(Note(code="data.fact.target", values={"columns": ", ".join(columns.names)}))
    if table.gaps:
        values: dict[str, int | float | str] = {"count": table.gaps, "columns": len(table.gap_columns)}
        facts.append(Note(code=_FILLED[card.missing], values=values))
    if table.dropped:
        facts.append(Note(code="data.fact.rows_left_out", values={"count": table.dropped}))
    y, targets = None, None
    classes: tuple[str, ...] = ()
    if columns.targets:
        targets = np.array(table.targets, np.float32)
    elif columns.label is not None:
        y, targets, classes = _classes(table.labels, numbers)
    features = np.array(table.features, np.float32)
    return RawData(
        splits={"train": Split(x=features, y=y, targets=targets)},
        whole=True,
        classes=classes,
        target_names=columns.names if targets is not None and header else (),
        rule=RULE,
        names={"train": "rows"},
        facts=tuple(facts),
        fill=card.missing if table.gaps and card.missing in ("mean", "median", "zero") else None,
    )


MOST_NAMED = 32
"""So many columns are named."""
_FILLED = {
    "mean": "data.fact.missing_mean",
    "median": "data.fact.missing_median",
    "zero": "data.fact.missing_zero",
}
_NAMES = {"\t": "Tab"}


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which column is what, by place."""

    label: int | None
    targets: tuple[int, ...]
    ignored: frozenset[int]
    names: tuple[str, ...] = ()
    """Of the targets, or of the label."""


@dataclass(kw_only=True)
class Numbers:
    """Reads cells."""

    where: str
    decimal: str
    missing: str

    def value(self, cell: str) -> float | None:
        """The number in a cell, NaN where one is missing; None if it is no number."""
        text = cell.strip()
        if text.lower() in MISSING:
            return math.nan
        if self.decimal == ",":
            text = text.replace(".", "").replace(",", ".")
        try:
            found = float(text)
        except ValueError:
            return None
        return found if math.isfinite(found) and "_" not in text else None

    def fits(self, cell: str) -> bool:
        """Whether a cell may be one of numbers."""
        return cell.strip() != "" and self.value(cell) is not None

    def required(self, cell: str, row: int, column: int) -> float:
        """The number in a cell that must hold one, or NaN."""
        found = self.value(cell)
        if found is None:
            raise UserError("data.cell", where=self.where, row=row, column=column + 1, value=cell[:80])
        if math.isnan(found) and self.missing == "refuse":
            raise UserError("data.missing_cell", where=self.where, row=row, column=column + 1, value=cell)
        return found


class Table:
    """What was read so far."""

    def __init__(self) -> None:
        self.features: list[list[float]] = []
        self.targets: list[list[float]] = []
        self.labels: list[str] = []
        self.gaps = self.dropped = 0
        self.gap_columns: set[int] = set()
        self.places: list[int] = []
        """Of the columns that go into the network, in their order."""


def _table(rows: Iterator[list[str]], columns: Columns, numbers: Numbers, width: int, start: int) -> Table:
    found = Table()
    beside = {*columns.targets, *columns.ignored, *(() if columns.label is None else (columns.label,))}
    places = found.places = [place for place in range(width) if place not in beside]
    for number, row in enumerate(rows, start=start):
        if not row or (len(row) == 1 and width > 1 and not row[0].strip()):
            continue
        if len(row) != width:
            raise UserError("data.row_length", where=numbers.where, row=number, count=len(row), columns=width)
        values = [numbers.required(row[place], number, place) for place in places]
        targets = [numbers.required(row[place], number, place) for place in columns.targets]
        label = "" if columns.label is None else row[columns.label].strip()
        gaps = {place for place, value in zip(places, values, strict=True) if math.isnan(value)}
        nameless = columns.label is not None and label.lower() in MISSING - {"none", "-"}
        # What nobody knows cannot be learned: a row without its answer goes.
        if nameless or any(map(math.isnan, targets)) or (gaps and numbers.missing == "drop"):
            found.dropped += 1
            continue
        found.gaps += len(gaps)
        found.gap_columns |= gaps
        found.features.append(values)
        found.targets.append(targets)
        if columns.label is not None:
            found.labels.append(label)
        limits.check(len(found.features) * width, MAX_VALUES, what="values", where=numbers.where)
    return found


def _with_first(first: list[str], rows: Iterator[list[str]]) -> Iterator[list[str]]:
    yield first
    yield from rows


def _decoded(path: Path, card: TableCard) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError("data.not_csv", path=path.name, detail=error.strerror or error) from error
    encoding = card.encoding or next((name for mark, name in _BOMS.items() if content.startswith(mark)), "utf-8")
    try:
        # Names of codecs that change bytes into bytes, or unpack, are none of text.
        text = str(content, encoding)
    except LookupError as error:
        raise UserError("data.unknown_encoding", value=encoding) from error
    except (UnicodeError, ValueError) as error:
        raise UserError("data.encoding", path=path.name, encoding=encoding, detail=reason(error)) from error
    if "\0" in text[:_LOOKED_AT]:
        raise UserError("data.not_csv", path=path.name, detail="it holds bytes that are no text")
    return text.removeprefix("\ufeff")


def _separator(text: str) -> str:
    """What gives the same number of cells, more than one, in most of the first lines; of several the most cells."""

    def told(separator: str) -> tuple[int, int]:
        try:
            rows = list(csv.reader(io.StringIO("\n".join(text.split("\n")[:50]), newline=""), delimiter=separator))
        except csv.Error:
            return 0, 0
        counts = [len(row) for row in rows[:-1] or rows if row]
        most = max(set(counts), key=counts.count) if counts else 1
        return (counts.count(most) * 100 // max(len(counts), 1) if most > 1 else 0), most

    return max(SEPARATORS, key=lambda separator: (told(separator), -SEPARATORS.index(separator)))


def _decimal(text: str, separator: str) -> str:
    if separator == ",":
        return "."
    try:
        rows = list(csv.reader(io.StringIO("\n".join(text.split("\n")[1:200]), newline=""), delimiter=separator))
    except csv.Error:
        return "."  # what reads the table says what is wrong with it
    cells = [cell.strip() for row in rows for cell in row]
    commas = sum(_DECIMAL_COMMA.fullmatch(cell) is not None for cell in cells)
    return "," if commas and not any(re.fullmatch(r"[+-]?\d*\.\d+", cell) for cell in cells) else "."


def _named(header: Sequence[str], places: Sequence[int]) -> tuple[str, ...]:
    return tuple(header[column] if header else str(column + 1) for column in places)


def _columns(
    header: list[str],
    count: int,
    label: str | None,
    target: str | Sequence[str] | None,
    taken: int | None,
    answers: int | None,
    card: TableCard,
    where: str,
) -> Columns:
    def place(wanted: str) -> int:
        if wanted in header:
            return header.index(wanted)
        if wanted.isdigit() and 1 <= int(wanted) <= count:
            return int(wanted) - 1
        raise UserError("data.no_column", where=where, column=wanted, found=", ".join(header) or f"1 – {count}")

    ignored = frozenset(place(one) for one in card.ignore)
    left = [column for column in range(count) if column not in ignored]

    if target is not None:
        targets = tuple(place(one) for one in ((target,) if isinstance(target, str) else target))
        return Columns(label=None, targets=targets, ignored=ignored, names=_named(header, targets))
    if label == "":
        return Columns(label=None, targets=(), ignored=ignored)
    if label is not None or LABEL in header:
        found = place(label or LABEL)
        return Columns(label=found, targets=(), ignored=ignored, names=_named(header, (found,)))
    if taken is not None and len(left) == taken:
        return Columns(label=None, targets=(), ignored=ignored)
    if taken is not None and answers is not None and answers > 1 and len(left) == taken + answers:
        targets = tuple(left[taken:])
        return Columns(label=None, targets=targets, ignored=ignored, names=_named(header, targets))
    return Columns(label=left[-1] if left else None, targets=(), ignored=ignored, names=_named(header, left[-1:]))


def _classes(
    labels: list[str], numbers: Numbers
) -> tuple[NDArray[np.int64] | None, NDArray[np.float32] | None, tuple[str, ...]]:
    """(labels, targets, names of classes): whole numbers are labels, other numbers targets, words classes."""
    values = [numbers.value(label) for label in labels]
    known = [value for value in values if value is not None and not math.isnan(value)]
    if len(known) == len(labels):
        if all(value == int(value) and abs(value) < 1 << 53 for value in known):
            return np.array(known, np.int64), None, ()
        return None, np.array(known, np.float32)[:, None], ()
    classes = sorted(set(labels))
    place = {name: index for index, name in enumerate(classes)}
    return np.array([place[label] for label in labels], np.int64), None, tuple(classes)
