"""Peak RAM by liveness: which tensors live when, and where they lie in one static arena (EXPORT §4).

Lifetimes and greedy placement by size: Pisarchyk & Lee 2020, arXiv:2001.03288. Several orders are tried and the
best is improved by swaps; the lower bound says when nothing better can exist.

>>> plan_arena((Buffer("a", 100, 0, 1), Buffer("b", 50, 1, 2), Buffer("c", 80, 2, 2))).size
176
"""

import functools
import itertools
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from penjing.estimation.state import NetworkState
from penjing.layer_graph import Layer, LayerGraph

ALIGNMENT = 16
"""Bytes that every buffer is rounded up to."""
WORD = 4
"""Bytes of a state."""
SWAPS = 200
"""Most attempts of the hill climbing; it stops at the first that reaches the lower bound."""


@dataclass(frozen=True)
class Buffer:
    """Memory that one tensor, or several that share it, need from step `first` to step `last`, both included."""

    name: str
    size: int
    first: int
    last: int

    @property
    def aligned(self) -> int:
        """Its size rounded up to the alignment."""
        return -(-self.size // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True)
class Arena:
    """A placement of all buffers."""

    size: int
    """Bytes: max(offset + size)."""
    bound: int
    """No placement can be smaller: the largest sum of sizes alive at one step."""
    peak_step: int
    """The first step at which `bound` is alive."""
    alive: tuple[str, ...]
    """The buffers alive at that step, largest first: what a smaller peak has to do with."""
    offsets: Mapping[str, int]


def arena(graph: LayerGraph, state: NetworkState) -> Arena:
    """The arena of a network at batch 1, its inputs and outputs included."""
    return plan_arena(buffers(graph, state))


def buffers(graph: LayerGraph, state: NetworkState) -> tuple[Buffer, ...]:
    """The buffers of a network in the order of their first use; a step is a layer's place in the graph.

    Aliases share their input's buffer. An elementwise layer is fused into the layer that feeds it when nothing
    else needs what it overwrites. Inputs live from step 0, outputs to the end.
    """
    sharing = sharing_of(graph)
    steps = {layer.name: index for index, layer in enumerate(graph.layers)}
    last_step = max(len(graph.layers) - 1, 0)
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    size: dict[str, int] = {}
    for entry in graph.inputs:
        first[entry.name] = last[entry.name] = 0
        size[entry.name] = tensor_bytes(math.prod(entry.shape), state.bits(entry.name))
    for layer in graph.layers:
        for feed in layer.inputs:
            last[sharing.owner(feed)] = steps[layer.name]
        owner = sharing.owner(layer.name)
        if owner == layer.name:
            first[owner] = last[owner] = steps[layer.name]
        if not layer.alias and owner in steps:
            # Of a chain of fused layers only the last result is ever in memory, at its own precision.
            size[owner] = tensor_bytes(layer.elements, state.bits(layer.name))
    for output in graph.outputs:
        last[sharing.owner(output.layer)] = last_step
    for layer in graph.layers:
        if needed := scratch_bytes(layer):
            name = scratch_of(layer.name)
            size[name], first[name], last[name] = needed, steps[layer.name], steps[layer.name]
    return tuple(Buffer(name, size[name], first[name], last[name]) for name in first)


def scratch_of(layer: str) -> str:
    """The name of the memory that a layer works in; no tensor has it."""
    return f"{layer}/states"


def scratch_bytes(layer: Layer) -> int:
    """What a layer works in while it runs: a recurrent one keeps its states before and after a step, and its cells."""
    if layer.kind != "recurrent":
        return 0
    return layer.output_shape[-1] * WORD * (3 if layer.attributes.get("cell") == "lstm" else 2)


def tensor_bytes(elements: int, bits: int) -> int:
    """Bytes of a tensor at run time: one a value up to 8 bits, two up to 16, else four."""
    return elements * (1 if bits <= 8 else 2 if bits <= 16 else 4)


def sharing_of(graph: LayerGraph) -> "Sharing":
    """The sharing of a graph, kept with it as its cached properties are; a cut changes none of it."""
    found: Sharing | None = graph.__dict__.get("_sharing")
    if found is None:
        found = graph.__dict__["_sharing"] = Sharing(graph)
    return found


class Sharing:
    """Which tensors lie in the same memory: the owner is the layer or input that first writes it."""

    def __init__(self, graph: LayerGraph) -> None:
        self._layers = graph.by_name
        self._outputs = {output.layer for output in graph.outputs}
        self._readers: dict[str, int] = {}
        for layer in graph.layers:
            for feed in layer.inputs:
                self._readers[feed] = self._readers.get(feed, 0) + 1
        self._owner = {entry.name: entry.name for entry in graph.inputs}
        for layer in graph.layers:
            shares = layer.alias or self.is_fused(layer)
            self._owner[layer.name] = self._owner[layer.inputs[0]] if shares else layer.name

    def owner(self, tensor: str) -> str:
        """The layer or network input whose buffer holds a tensor."""
        return self._owner[tensor]

    def is_fused(self, layer: Layer) -> bool:
        """Whether a kernel applies this elementwise layer to the result of the layer that feeds it."""
        if not layer.in_place or layer.alias or len(layer.inputs) != 1:
            return False
        feed = layer.inputs[0]
        while self.only_reader(feed) and feed in self._layers:
            if not self._layers[feed].alias:
                return True
            feed = self._layers[feed].inputs[0]
        return False

    def only_reader(self, tensor: str) -> bool:
        """Whether exactly one layer needs a tensor, and nobody outside does."""
        return self._readers.get(tensor, 0) == 1 and tensor not in self._outputs


def plan_arena(wanted: Sequence[Buffer]) -> Arena:
    """The smallest placement found in a bounded, deterministic search."""
    bound, peak_step = _bound(wanted)
    alive = sorted((one for one in wanted if one.first <= peak_step <= one.last), key=lambda one: -one.aligned)
    best_order, best_offsets, best = _search(wanted, bound)
    assert len(best_order) == len(wanted)
    offsets = {wanted[index].name: best_offsets[index] for index in range(len(wanted))}
    return Arena(best, bound, peak_step, tuple(one.name for one in alive), offsets)


def _bound(wanted: Sequence[Buffer]) -> tuple[int, int]:
    """The largest sum of sizes alive at one step, and the first step that has it."""
    grows: dict[int, int] = {}
    for one in wanted:
        size = one.aligned
        grows[one.first] = grows.get(one.first, 0) + size
        grows[one.last + 1] = grows.get(one.last + 1, 0) - size
    steps = sorted(grows)
    sums = itertools.accumulate(grows[step] for step in steps)
    return max(zip(sums, steps, strict=True), key=lambda pair: (pair[0], -pair[1]), default=(0, 0))


def _search(wanted: Sequence[Buffer], bound: int) -> tuple[list[int], list[int], int]:
    def span(one: Buffer) -> int:
        return one.last - one.first + 1

    overlapping = _overlaps(tuple((one.first, one.last) for one in wanted))
    sizes = [one.aligned for one in wanted]
    orders = (
        sorted(range(len(wanted)), key=lambda index: (-sizes[index], wanted[index].first)),
        sorted(range(len(wanted)), key=lambda index: (-sizes[index] * span(wanted[index]), wanted[index].first)),
        sorted(range(len(wanted)), key=lambda index: (wanted[index].first, -sizes[index])),
        sorted(range(len(wanted)), key=lambda index: (-span(wanted[index]), -sizes[index])),
    )
    best: tuple[list[int], list[int], int] | None = None
    for order in orders:
        offsets, total = _place(order, sizes, overlapping)
        if best is None or total < best[2]:
            best = order, offsets, total
        if total == bound:
            return order, offsets, total
    assert best is not None
    chance = random.Random(0)  # the same network has the same arena on every machine
    for _ in range(SWAPS):
        order = list(best[0])
        left, right = chance.randrange(len(order)), chance.randrange(len(order))
        order[left], order[right] = order[right], order[left]
        offsets, total = _place(order, sizes, overlapping)
        if total <= best[2]:
            best = order, offsets, total
        if total == bound:
            break
    return best


@functools.lru_cache(maxsize=8)
def _overlaps(lives: tuple[tuple[int, int], ...]) -> list[list[int]]:
    """Which others are alive together with each, (first, last) step of them given: the same for all sizes."""
    return [
        [other for other, (begin, end) in enumerate(lives) if begin <= last and first <= end and other != place]
        for place, (first, last) in enumerate(lives)
    ]


def _place(order: Sequence[int], sizes: Sequence[int], overlapping: Sequence[Sequence[int]]) -> tuple[list[int], int]:
    """Each buffer in turn at the lowest offset that is free of the placed ones alive at the same time."""
    offsets = [-1] * len(order)
    total = 0
    for index in order:
        taken = sorted((offsets[other], sizes[other]) for other in overlapping[index] if offsets[other] >= 0)
        offset = 0
        for start, length in taken:
            if start - offset >= sizes[index]:
                break
            offset = max(offset, start + length)
        offsets[index] = offset
        total = max(total, offset + sizes[index])
    return offsets, total
