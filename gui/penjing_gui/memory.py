"""RAM over the steps of one inference: which tensors of a plan lie where, and which are there at the peak; no Qt.

>>> timeline(LayerGraph(inputs=(), outputs=(), layers=()), NetworkState()).size
0
"""

from dataclasses import dataclass

from penjing.estimation.arena import Sharing, buffers, plan_arena
from penjing.estimation.live import MOVABLE
from penjing.estimation.state import NetworkState
from penjing.layer_graph import LayerGraph
from penjing.plan import Plan, Settings

_FIELDS = tuple(name for name in Settings.__struct_fields__ if name not in MOVABLE)
"""Settings that change channels or the bits of tensors; all others leave the memory as it is."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """One piece of memory, from the step that first writes it to the last that reads it."""

    tensors: tuple[str, ...]
    """The layers or network inputs whose results lie there, in their order."""
    first: int
    last: int
    """Steps, both included: places of layers in the network."""
    offset: int
    size: int
    """Bytes, aligned."""
    at_peak: bool


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """All blocks in the order of their first step."""

    steps: tuple[str, ...]
    """The layer that runs at each step."""
    blocks: tuple[Block, ...]
    size: int
    """Bytes of the arena: what the RAM figure says."""
    peak_step: int
    peak: int
    """Bytes alive at that step; the rest of `size` are gaps that no placement found can close."""


def timeline(graph: LayerGraph, state: NetworkState) -> Timeline:
    """The arena of a network as `estimation.arena` plans it; `graph` is the network after its cut."""
    wanted = buffers(graph, state)
    found, sharing = plan_arena(wanted), Sharing(graph)
    tensors: dict[str, list[str]] = {}
    for name in (*(entry.name for entry in graph.inputs), *(layer.name for layer in graph.layers)):
        tensors.setdefault(sharing.owner(name), []).append(name)
    blocks = tuple(
        Block(
            tensors=tuple(tensors.get(one.name, [one.name])),  # what a layer works in is no tensor
            first=one.first,
            last=one.last,
            offset=found.offsets[one.name],
            size=one.aligned,
            at_peak=one.name in found.alive,
        )
        for one in sorted(wanted, key=lambda one: (one.first, one.last))
    )
    steps = tuple(layer.name for layer in graph.layers)
    return Timeline(steps=steps, blocks=blocks, size=found.size, peak_step=found.peak_step, peak=found.bound)


def shaping(graph: LayerGraph, plan: Plan) -> tuple[object, ...]:
    """All of a plan that the memory depends on: plans with equal values have one timeline."""
    settings = (plan.settings(layer.name) for layer in graph.compressible)
    return (plan.steps, *(tuple(getattr(one, name) for name in _FIELDS) for one in settings))


def made_by(graph: LayerGraph, block: Block) -> str | None:
    """The layer with weights that decides how large a block is: its first maker, or the nearest one before it."""
    name = block.tensors[0]
    while name in graph.by_name:
        layer = graph.by_name[name]
        if layer.compressible:
            return name
        if not layer.inputs:
            return None
        name = layer.inputs[0]
    return None
