"""What a reader of data sets hands over: arrays as stored, not yet fitted to a network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from penjing.loading.dataset import Split, SplitName
from penjing.results import Note

Fill = Literal["mean", "median", "zero"]


@dataclass(frozen=True, kw_only=True)
class RawData:
    """Splits by name; `whole` says that everything is under `train` and still has to be split."""

    splits: Mapping[SplitName, Split]
    whole: bool = False
    classes: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()
    """Of the numbers that are to be answered."""
    rule: str = ""
    """How it was split, in words."""
    facts: tuple[Note, ...] = ()
    """What the reader did with the files."""
    fill: Fill | None = None
    """Values that are NaN are missing, and this is what stands for them."""
    names: Mapping[SplitName, str] = field(default_factory=dict)
    """What the file calls each split's examples, for messages."""
