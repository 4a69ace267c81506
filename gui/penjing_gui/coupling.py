"""What a cut of filters goes through before it is done: layers and filters that hold the same channels; no Qt."""

from collections.abc import Iterable, Mapping, Sequence

from penjing.layer_graph import Layer, LayerGraph

Channels = frozenset[int]


def channels_of(layer: Layer, rows: Iterable[int]) -> Channels:
    """The channel ids of some filters; fixed ones cannot be cut and are left out."""
    ids = layer.output_channels
    return frozenset(ids[row] for row in rows if row < len(ids) and ids[row] >= 0)


def tied_rows(layer: Layer, channels: Channels) -> tuple[int, ...]:
    """All filters of a layer that make these channels: those of a group are cut together."""
    return tuple(row for row, channel in enumerate(layer.output_channels) if channel in channels)


def touched(graph: LayerGraph, channels: Channels) -> Sequence[str]:
    """The layers that make, pass on or read any of the channels, in execution order."""
    return [name for name, held in _held(graph).items() if not channels.isdisjoint(held)]


def _held(graph: LayerGraph) -> Mapping[str, Channels]:
    """By layer, all channels of its result and of its weight; kept with the graph as its cached properties are."""
    found: dict[str, Channels] | None = graph.__dict__.get("_held_channels")
    if found is None:
        found = {
            layer.name: frozenset(one for one in (*layer.output_channels, *layer.input_channels) if one >= 0)
            for layer in graph.layers
        }
        graph.__dict__["_held_channels"] = found
    return found
