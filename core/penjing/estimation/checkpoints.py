"""Keeps what flows at some places of a network for every sample, in bounded memory, so that runs can begin there."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penjing.compression.integer_graph import IntegerGraph, IntegerNode
from penjing.estimation.digests import Digest

Indices = NDArray[np.int64]
Values = NDArray[np.float32]
Shape = tuple[int, ...]

ELEMENT_COST = 8.0
"""What one value of a result costs beside a multiplication: memory traffic, activation functions."""
LEAST_GAIN = 0.015
"""A place to begin at saves at least this share of a run on average, else keeping it costs more."""


def worth_keeping(graph: IntegerGraph, shapes: Mapping[str, Shape], *, samples: int, memory: int) -> frozenset[str]:
    """The tensors to keep: those that save most work per byte when any one layer with a weight changes.

    Before a layer runs, some tensors are alive; where all of them are kept, a run can begin there.
    """
    costs = np.concatenate([[0.0], np.cumsum([_cost(node, shapes) for node in graph.nodes])])
    changed = [place for place, node in enumerate(graph.nodes) if _weights(node)]
    alive = {place: _alive(graph, place) for place in changed}
    kept: frozenset[str] = frozenset()
    starts: set[int] = set()

    def size(names: frozenset[str]) -> int:
        return sum(4 * samples * int(np.prod(shapes[name][1:], dtype=np.int64)) for name in names)

    def saved(places: set[int]) -> float:
        begins = [max((start for start in places if start <= place), default=0) for place in changed]
        return float(costs[begins].sum())

    least = LEAST_GAIN * float(costs[-1]) * len(changed)
    while True:
        best, choice = 0.0, None
        for place in changed:
            more = size(alive[place] - kept)
            if place in starts or size(kept) + more > memory:
                continue
            gain = saved(starts | {place}) - saved(starts)
            if gain >= least and gain / max(more, 1) > best:
                best, choice = gain / max(more, 1), place
        if choice is None:
            return kept
        starts.add(choice)
        kept |= alive[choice]


def cost(graph: IntegerGraph, shapes: Mapping[str, Shape]) -> float:
    """About how many multiplications one sample takes; at least 1."""
    return 1.0 + sum(_cost(node, shapes) for node in graph.nodes)


def _alive(graph: IntegerGraph, place: int) -> frozenset[str]:
    """What nodes before `place` make and nodes from there on read; network inputs are always at hand."""
    made = {node.name for node in graph.nodes[:place]}
    read = {feed for node in graph.nodes[place:] for feed in node.inputs} | {output.layer for output in graph.outputs}
    return frozenset(made & read)


def _weights(node: object) -> int:
    weight = node.weight.codes if isinstance(node, IntegerNode) and node.weight is not None else None
    if weight is None:
        weight = getattr(node, "tensors", {}).get("weight")
    return int(weight.size) if weight is not None and weight.ndim > 1 else 0


def _cost(node: object, shapes: Mapping[str, Shape]) -> float:
    shape = shapes[node.name]  # type: ignore[attr-defined]
    positions = float(np.prod(shape[2:], dtype=np.float64))
    return positions * _weights(node) + ELEMENT_COST * float(np.prod(shape[1:], dtype=np.float64))


@dataclass(frozen=True, eq=False)
class _Slot:
    """One tensor on all samples; `there` says on which it is known."""

    digest: Digest
    values: NDArray[Any]
    there: NDArray[np.bool_]
    scale: NDArray[np.float32]
    """[n, 2]: smallest value and step of each sample's codes, where values are kept in 8 bits."""


class Checkpoints:
    """The kept tensors of the network that ran last, by name.

    With `compact` they take a quarter of the memory and are rounded to 256 levels between each sample's extremes.
    """

    def __init__(self, samples: int, *, memory: int, compact: bool = False) -> None:
        self._samples, self._compact = samples, compact
        self._room = memory * 4 if compact else memory
        self._slots: dict[str, _Slot] = {}
        self._chosen: dict[tuple[tuple[str, Shape], ...], frozenset[str]] = {}

    @property
    def bytes(self) -> int:
        """What is held."""
        return sum(slot.values.nbytes for slot in self._slots.values())

    def wanted(self, graph: IntegerGraph, shapes: Mapping[str, Shape]) -> frozenset[str]:
        """The tensors of a network that are worth keeping; forgets others."""
        key = tuple((node.name, shapes[node.name]) for node in graph.nodes)
        if key not in self._chosen:
            self._chosen = {key: worth_keeping(graph, shapes, samples=self._samples, memory=self._room)}
        self._slots = {name: slot for name, slot in self._slots.items() if name in self._chosen[key]}
        return self._chosen[key]

    def has(self, name: str, digest: Digest, indices: Indices) -> bool:
        """Whether a tensor is known on all these samples."""
        slot = self._slots.get(name)
        return slot is not None and slot.digest == digest and bool(slot.there[indices].all())

    def get(self, name: str, indices: Indices) -> Values:
        """A tensor on some samples, [n, …]."""
        slot = self._slots[name]
        if not self._compact:
            return np.asarray(slot.values[indices], np.float32)
        shape = (-1, *(1,) * (slot.values.ndim - 1))
        low, step = slot.scale[indices, 0].reshape(shape), slot.scale[indices, 1].reshape(shape)
        return np.asarray(slot.values[indices] * step + low, np.float32)

    def put(self, name: str, digest: Digest, indices: Indices, values: Values) -> None:
        """Keep a tensor on some samples; what was kept of another network under this name is forgotten."""
        slot = self._slots.get(name)
        if slot is None or slot.values.shape[1:] != values.shape[1:]:
            try:
                slot = self._slots[name] = self._empty(digest, values.shape[1:])
            except MemoryError:
                return  # a run can begin earlier as well
        elif slot.digest != digest:  # its memory serves again: new pages are dear
            slot.there[:] = False
            slot = self._slots[name] = dataclasses.replace(slot, digest=digest)
        if self._compact:
            flat = values.reshape(len(values), -1)
            low, high = flat.min(axis=1), flat.max(axis=1)
            step = np.where(high > low, (high - low) / 255, 1).astype(np.float32)
            codes = np.rint((flat - low[:, None]) / step[:, None]).astype(np.uint8)
            slot.scale[indices] = np.stack([low, step], axis=1)
            slot.values[indices] = codes.reshape(values.shape)
        else:
            slot.values[indices] = values
        slot.there[indices] = True

    def _empty(self, digest: Digest, shape: Sequence[int]) -> _Slot:
        return _Slot(
            digest=digest,
            values=np.empty((self._samples, *shape), np.uint8 if self._compact else np.float32),
            there=np.zeros(self._samples, np.bool_),
            scale=np.zeros((self._samples if self._compact else 0, 2), np.float32),
        )
