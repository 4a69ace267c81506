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

from penjing.catalogue.metrics import metric as metric_called
from penjing.results import Note

SplitName = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Examples as stored, [n, …], with labels and the recording that each is from, where these are known."""

    x: NDArray[Any]
    y: NDArray[np.int64] | None = None
    groups: NDArray[np.int64] | None = None
    targets: NDArray[np.float32] | None = None
    """What a regression is to answer, [n, values]."""
    others: tuple[NDArray[Any], ...] = ()
    """Of a network with several inputs: what goes into the second, third, …"""

    def __len__(self) -> int:
        return len(self.x)

    def part(self, chosen: slice | NDArray[Any]) -> "Split":
        """Some of the examples, with all that belongs to them."""
        return Split(
            x=self.x[chosen],
            y=None if self.y is None else self.y[chosen],
            groups=None if self.groups is None else self.groups[chosen],
            targets=None if self.targets is None else self.targets[chosen],
            others=tuple(values[chosen] for values in self.others),
        )


@dataclass(frozen=True, kw_only=True)
class Form:
    """How what is stored for one input becomes what the network takes; fields as in `Dataset`."""

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    moves: tuple[int, ...] | None = None
    shape: tuple[int, ...] | None = None
    channel_axis: int = 1

    def values(self, stored: NDArray[Any]) -> Tensor:
        """Float32 in the network's layout, normalised; [n, …]."""
        moved = stored if self.moves is None else stored.transpose(self.moves)
        # A copy: nobody may write into the data.
        values = torch.from_numpy(np.array(moved, dtype=np.float32, order="C"))
        if self.shape is not None:
            values = values.reshape(len(values), *self.shape)
        if self.mean != (0.0,):
            values = values - self._channels(self.mean, values.dim())
        if self.std != (1.0,):
            values = values / self._channels(self.std, values.dim())
        return values

    def _channels(self, values: tuple[float, ...], rank: int) -> Tensor:
        shape = [1] * rank
        shape[self.channel_axis] = -1
        return torch.tensor(values, dtype=torch.float32).reshape(shape)


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
    metric: str = "top1"
    """Id of `catalogue.metrics`."""
    metrics: tuple[str, ...] = ()
    """Ids of those that can be chosen in its place."""
    metric_chosen: bool = False
    """Whether a person chose it, in place of what the card says or is found out."""
    reconstructs: bool = False
    """Whether what the network is to answer is its own input (an autoencoder)."""
    title: str = ""
    source: str = ""
    """The file or folder it was read from, for the report."""
    split_rule: str = ""
    moves: tuple[int, ...] | None = None
    shape: tuple[int, ...] | None = None
    channel_axis: int = 1
    """Where the network's input has its channels: 1, or -1 for channels last."""
    border: float = 0.0
    """Above which value a single output says the second of two classes (`two_sided.border_of`)."""

    target_names: tuple[str, ...] = ()
    """Of the numbers that are to be answered, where they have names."""
    others: tuple[Form, ...] = ()
    """Of the second, third, … input."""
    facts: tuple[Note, ...] = ()
    """How files became examples: what was resized, filled in, left out; for the card."""

    @property
    def has_labels(self) -> bool:
        """Whether examples have classes that the network is to tell."""
        how = metric_called(self.metric)
        if not how.is_share or how.id == "agreement":
            return False
        return all(split.y is not None for split in (self.train, self.val, self.test))

    @property
    def has_truth(self) -> bool:
        """Whether the data tells what is right; otherwise networks are compared with the original."""
        return self.has_labels or self.has_values or self.metric == "auc"

    @property
    def has_values(self) -> bool:
        """Whether it tells which numbers the network is to answer: targets, or its own input."""
        return self.reconstructs or all(split.targets is not None for split in (self.train, self.val, self.test))

    def split(self, name: SplitName) -> Split:
        """One split by name."""
        found: Split = getattr(self, name)
        return found

    @property
    def form(self) -> Form:
        """Of the first input."""
        return Form(mean=self.mean, std=self.std, moves=self.moves, shape=self.shape, channel_axis=self.channel_axis)

    def batch(self, split: Split, indices: slice | NDArray[Any]) -> Tensor:
        """Examples as the network's first input takes them: float32, its layout, normalised; [n, …]."""
        return self.form.values(split.x[indices])

    def inputs(self, split: Split, indices: slice | NDArray[Any]) -> tuple[Tensor, ...]:
        """Examples as each input of the network takes them."""
        more = (form.values(stored[indices]) for form, stored in zip(self.others, split.others, strict=True))
        return (self.batch(split, indices), *more)

    def wanted(self, split: Split, indices: slice | NDArray[Any]) -> Tensor:
        """The numbers that the network is to answer, float32 [n, values]; only where the data `has_values`."""
        if self.reconstructs:
            return self.batch(split, indices).flatten(1)
        assert split.targets is not None
        return torch.from_numpy(np.array(split.targets[indices], np.float32))

    def batches(self, split: Split, size: int) -> Iterator[tuple[Tensor, Tensor | None]]:
        """First inputs of a split in order, `size` at a time, with their labels [n] int64 where there are any."""
        for start in range(0, len(split), size):
            part = slice(start, start + size)
            labels = None if split.y is None else torch.from_numpy(split.y[part])
            yield self.batch(split, part), labels
