"""A data set in memory: stored values, labels, and how they become what the network takes.

>>> import numpy as np
>>> from penjing.loading.dataset import Dataset, Split
>>> split = Split(x=np.zeros((3, 1, 8, 8), np.uint8), y=np.array([0, 1, 1]))
>>> data = Dataset(train=split, val=split, test=split, classes=("no", "yes"), std=(255.0,))
>>> data.batch(split, slice(2)).shape
torch.Size([2, 1, 8, 8])
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penjing.loading.card import Metric

SplitName = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Examples as stored, [n, …], with labels and the recording that each is from, where these are known."""

    x: NDArray[Any]
    y: NDArray[np.int64] | None = None
    groups: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Three splits and what turns a stored example into what the network takes: (x - mean) / std.

    `mean` and `std` are one number, or one a channel. `moves` is the order of axes that turns stored examples into
    the network's layout, `shape` the shape of one example as the network takes it; None leaves them as stored.
    """

    train: Split
    val: Split
    test: Split
    classes: tuple[str, ...] = ()
    layout: str = ""
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    metric: Metric = "top1"
    title: str = ""
    source: str = ""
    """The file or folder it was read from, for the report."""
    split_rule: str = ""
    moves: tuple[int, ...] | None = None
    shape: tuple[int, ...] | None = None
    channel_axis: int = 1
    """Where the network's input has its channels: 1, or -1 for channels last."""

    @property
    def has_labels(self) -> bool:
        """Whether accuracy can be measured; otherwise only agreement."""
        return self.metric == "top1" and all(split.y is not None for split in (self.train, self.val, self.test))

    def split(self, name: SplitName) -> Split:
        """One split by name."""
        found: Split = getattr(self, name)
        return found

    def batch(self, split: Split, indices: slice | NDArray[Any]) -> Tensor:
        """Examples as the network takes them: float32, its layout, normalised; [n, …]."""
        stored = split.x[indices]
        moved = stored if self.moves is None else stored.transpose(self.moves)
        values = torch.from_numpy(
            np.array(moved, dtype=np.float32, order="C")
        )  # a copy: nobody may write into the data
        if self.shape is not None:
            values = values.reshape(len(values), *self.shape)
        if self.mean != (0.0,):
            values = values - self._channels(self.mean, values.dim())
        if self.std != (1.0,):
            values = values / self._channels(self.std, values.dim())
        return values

    def batches(self, split: Split, size: int) -> Iterator[tuple[Tensor, Tensor | None]]:
        """The examples of a split in order, `size` at a time, with their labels [n] int64 where there are any."""
        for start in range(0, len(split), size):
            part = slice(start, start + size)
            labels = None if split.y is None else torch.from_numpy(split.y[part])
            yield self.batch(split, part), labels

    def _channels(self, values: tuple[float, ...], rank: int) -> Tensor:
        shape = [1] * rank
        shape[self.channel_axis] = -1
        return torch.tensor(values, dtype=torch.float32).reshape(shape)
