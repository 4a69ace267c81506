"""Reads CSV tables: numbers in every column but the one with the label, if there is one."""

import csv
import math
from pathlib import Path

import numpy as np

from penjing.errors import UserError
from penjing.loading import limits
from penjing.loading.dataset import Split
from penjing.loading.raw_data import RawData
from penjing.loading.splitting import RULE

MAX_BYTES = 512 << 20
MAX_VALUES = 1 << 27
LABEL = "label"


def read_csv(path: Path, *, label: str | None = None, taken: int | None = None) -> RawData:
    """A table with or without a header; the label is in the column `label` (or the card's), else in the last.

    There is no label where the card names the column "", or where no column is called so and there are exactly as
    many as the network takes (`taken`). Labels may be words; classes are then in alphabetical order.

    Raises:
        UserError: `data.not_csv`, `data.cell`, `data.row_length`, `data.no_column`, `load.too_big`.
    """
    limits.check_file(path, most=MAX_BYTES)
    where = path.name
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            start = file.read(65536)
            file.seek(0)
            delimiter = max((",", ";", "\t"), key=start.partition("\n")[0].count)
            rows = csv.reader(file, delimiter=delimiter)
            first = next(rows, [])
            header = [cell.strip() for cell in first] if not all(_is_number(cell) for cell in first[:-1]) else []
            column = _label_column(header, len(first), label, taken, where)
            features: list[list[float]] = []
            labels: list[str] = []
            for number, row in enumerate(rows if header else _with_first(first, rows), start=2 if header else 1):
                if not row:
                    continue
                if len(row) != len(first):
                    raise UserError("data.row_length", where=where, row=number, count=len(row), columns=len(first))
                if column is not None:
                    labels.append(row.pop(column).strip())
                features.append(_numbers(row, where, number))
                limits.check(len(features) * len(row), MAX_VALUES, what="values", where=where)
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise UserError("data.not_csv", path=where, detail=error) from error
    if not features or not features[0]:
        raise UserError("data.not_csv", path=where, detail="no rows of numbers")
    targets, classes = _classes(labels) if column is not None else (None, ())
    split = Split(x=np.array(features, np.float32), y=targets)
    return RawData(splits={"train": split}, whole=True, classes=classes, rule=RULE, names={"train": "rows"})


def _with_first(first: list[str], rows: "csv._reader"):  # type: ignore[name-defined,no-untyped-def]
    yield list(first)
    yield from rows


def _label_column(header: list[str], columns: int, label: str | None, taken: int | None, where: str) -> int | None:
    if label == "":
        return None
    wanted = label or LABEL
    if wanted in header:
        return header.index(wanted)
    if label is not None:
        raise UserError("data.no_column", where=where, column=label, found=", ".join(header) or "–")
    return None if columns == taken else columns - 1


def _numbers(row: list[str], where: str, number: int) -> list[float]:
    values = []
    for place, cell in enumerate(row, start=1):
        if not _is_number(cell):
            raise UserError("data.cell", where=where, row=number, column=place, value=cell)
        values.append(float(cell))
    return values


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _classes(labels: list[str]) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], tuple[str, ...]]:
    try:
        numbers = [float(label) for label in labels]
    except ValueError:
        numbers = []
    if numbers and all(math.isfinite(number) and number == int(number) for number in numbers):
        return np.array(numbers, np.int64), ()
    classes = sorted(set(labels))
    place = {name: index for index, name in enumerate(classes)}
    return np.array([place[label] for label in labels], np.int64), tuple(classes)
