"""A data set that looks up before every batch: so whatever looks at samples can be stopped or paused there."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from penjing.loading.dataset import Dataset, Split


@dataclass(frozen=True, kw_only=True, eq=False)
class WatchedDataset(Dataset):
    """The same data; `on_batch` is called before each batch and may raise `errors.Cancelled`, or wait."""

    on_batch: Callable[[], None]

    def batch(self, split: Split, indices: slice | NDArray[Any]) -> Tensor:
        """As `Dataset.batch`."""
        self.on_batch()
        return super().batch(split, indices)


def watched(data: Dataset | None, on_batch: Callable[[], None]) -> WatchedDataset | None:
    """The data, watched."""
    if data is None:
        return None
    given = {field.name: getattr(data, field.name) for field in dataclasses.fields(Dataset)}
    return WatchedDataset(**given, on_batch=on_batch)
