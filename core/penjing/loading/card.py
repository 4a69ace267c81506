"""The card beside a data set, `dataset.toml` or `card.toml`: what its numbers mean."""

from pathlib import Path
from typing import Literal

import msgspec

from penjing.errors import UserError

NAMES = ("dataset.toml", "card.toml")
MAX_CARD_BYTES = 1 << 20

Layout = Literal["NCHW", "NHWC", "NCL", "NLC", "NC"]
Metric = Literal["top1", "agreement"]


class SampleEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What only a sample's card says; other keys are for people."""

    description: str
    device: str
    flash: str
    ram: str
    source: str
    licence: str
    model: str = "model.penjingnet"
    data: str = "data.npz"


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What a card says; everything may be left out, and unknown keys are for people."""

    title: str = ""
    classes: tuple[str, ...] = ()
    layout: Layout | None = None
    mean: float | tuple[float, ...] | None = None
    std: float | tuple[float, ...] | None = None
    metric: Metric | None = None
    split: str = ""
    label: str | None = None
    """The label column of a CSV file; "" where it has none."""
    sample: SampleEntry | None = None
    plan: dict[str, object] = {}


def read_card(path: Path) -> Card:
    """The card in a file.

    Raises:
        UserError: `load.bad_card` with the path to what is wrong.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_CARD_BYTES + 1)
        if len(content) > MAX_CARD_BYTES:
            raise UserError("load.bad_card", path=path, detail="longer than 1 MiB")
        return msgspec.toml.decode(content, type=Card)
    except (msgspec.DecodeError, UnicodeDecodeError, OSError, RecursionError) as error:
        raise UserError("load.bad_card", path=path, detail=error) from error


def card_of(data: Path) -> Card:
    """The card that belongs to a data file (beside it) or to a folder (inside it, else beside it)."""
    folders = (data, data.parent) if data.is_dir() else (data.parent,)
    for folder in folders:
        for name in NAMES:
            if (folder / name).is_file():
                return read_card(folder / name)
    return Card()
