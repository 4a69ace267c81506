"""The card beside a data set, `dataset.toml` or `card.toml`: what its numbers mean."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from penjing.catalogue.metrics import known
from penjing.errors import UserError

NAMES = ("dataset.toml", "card.toml")
MAX_CARD_BYTES = 1 << 20

Layout = Literal["NCHW", "NHWC", "NCL", "NLC", "NC"]


class ImageCard(msgspec.Struct, frozen=True, kw_only=True):
    """How pictures of any size become what the network takes."""

    fit: Literal["stretch", "crop", "pad"] = "stretch"
    """`stretch` to its shape; scale and `crop` the middle; scale and `pad` with the background."""
    background: str = "#ffffff"
    """What shows through transparent pixels and fills a padded margin: #rrggbb."""


class TableCard(msgspec.Struct, frozen=True, kw_only=True):
    """How a table is read; None: found out."""

    separator: Literal[",", ";", "\t", "|"] | None = None
    decimal: Literal[".", ","] | None = None
    encoding: str | None = None
    header: bool | None = None
    ignore: tuple[str, ...] = ()
    """Columns that are left out, by name or by number from 1."""
    missing: Literal["mean", "median", "zero", "drop", "refuse"] = "mean"
    """What stands for a missing value: the column's mean or median over training rows, 0; or leave the row out."""


class AudioCard(msgspec.Struct, frozen=True, kw_only=True):
    """How sound becomes what the network takes (`loading.log_mel`)."""

    sample_rate: Annotated[int, msgspec.Meta(ge=1000, le=192_000)] = 16_000
    window: Annotated[int, msgspec.Meta(ge=16, le=16_384)] = 400
    """Samples of one spectrum …"""
    hop: Annotated[int, msgspec.Meta(ge=1, le=16_384)] = 160
    """… and from one to the next."""
    fft: Annotated[int, msgspec.Meta(ge=16, le=32_768)] | None = None
    """None: the next power of two from `window`."""
    mels: Annotated[int, msgspec.Meta(ge=1, le=512)] | None = None
    """None: the smaller extent of what the network takes."""
    coefficients: Annotated[int, msgspec.Meta(ge=1, le=512)] | None = None
    """Cosine coefficients of the log-mel values (MFCC), where the network takes those."""
    low: Annotated[float, msgspec.Meta(ge=0)] = 20.0
    high: Annotated[float, msgspec.Meta(gt=0)] | None = None
    """Hz; None: half the sample rate."""
    floor: Annotated[float, msgspec.Meta(gt=0)] = 1e-6
    """Added to the energies before the natural logarithm."""


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
    metric: str | None = None
    """Id of `catalogue.metrics`; None: found out."""
    split: str = ""
    target: str | tuple[str, ...] | None = None
    """Of a table: the columns with the numbers that the network is to answer."""
    normal: str | None = None
    """Where abnormal examples are to be told: the class of normal ones; None: the first."""
    image: ImageCard = ImageCard()
    table: TableCard = TableCard()
    audio: AudioCard = AudioCard()
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
        card = msgspec.toml.decode(content, type=Card)
        if card.metric is not None and not known(card.metric):
            raise UserError("load.bad_card", path=path, detail=f"unknown metric {card.metric!r}")
        return card
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
