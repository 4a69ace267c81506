"""Channel ids flowing through a network: which channels are the same channel, and which cannot be cut."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penjing.layer_graph import FIXED

Ids = NDArray[np.int64]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Channels:
    """The channel ids of one tensor along one of its axes."""

    ids: Ids
    axis: int = 1


class ChannelIds:
    """Hands out channel ids, ties them (union-find) and marks the ones that cannot be cut."""

    def __init__(self) -> None:
        self._parent: list[int] = []
        self._fixed: set[int] = set()

    def fresh(self, count: int) -> Ids:
        """New ids, each a channel of its own."""
        first = len(self._parent)
        self._parent.extend(range(first, first + count))
        return np.arange(first, first + count, dtype=np.int64)

    def tie(self, left: Ids, right: Ids) -> None:
        """Make channels pairwise the same; a channel tied to a fixed one is fixed."""
        for one, other in zip(left.tolist(), right.tolist(), strict=True):
            if one == FIXED or other == FIXED:
                self._freeze_one(other if one == FIXED else one)
                continue
            low, high = sorted((self._find(one), self._find(other)))
            self._parent[high] = low
            if high in self._fixed:
                self._fixed.add(low)

    def freeze(self, ids: Ids) -> None:
        """Mark channels as not to be cut."""
        for one in ids.tolist():
            self._freeze_one(one)

    def resolved(self, ids: Ids) -> Ids:
        """The representative of every id, FIXED where it cannot be cut."""
        return np.array([self._resolve(one) for one in ids.tolist()], dtype=np.int64)

    def _freeze_one(self, one: int) -> None:
        if one != FIXED:
            self._fixed.add(self._find(one))

    def _resolve(self, one: int) -> int:
        if one == FIXED:
            return FIXED
        root = self._find(one)
        return FIXED if root in self._fixed else root

    def _find(self, one: int) -> int:
        root = one
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[one] != root:
            self._parent[one], one = root, self._parent[one]
        return root


@dataclass(frozen=True)
class Flow:
    """What an operator sees of the channels around it: ids and shapes (batch 1) of its inputs, shape of its result."""

    ids: ChannelIds
    inputs: tuple[Channels, ...]
    input_shapes: tuple[Shape, ...]
    output_shape: Shape

    def fresh(self, count: int, axis: int = 1) -> Channels:
        """A result whose channels are made here."""
        return Channels(self.ids.fresh(count), axis)

    def fixed(self, axis: int = 1) -> Channels:
        """A result none of whose channels can be cut."""
        extent = self.output_shape[axis] if len(self.output_shape) > axis else 1
        return Channels(np.full(extent, FIXED, np.int64), axis)

    def tie(self, left: Ids, right: Ids) -> None:
        """Make channels pairwise the same."""
        self.ids.tie(left, right)

    def freeze(self, ids: Any) -> None:
        """Mark channels as not to be cut."""
        self.ids.freeze(ids)
