"""A network with fewer channels, as values: what every layer loses when channel ids go.

>>> from penjing.layer_graph import LayerGraph
>>> import numpy as np
>>> cut(LayerGraph(inputs=(), outputs=(), layers=()), np.ones(0, dtype=np.bool_)).layers
()
"""

import math
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from penjing.estimation.arena import sharing_of
from penjing.layer_graph import FIXED, Layer, LayerGraph

Keep = NDArray[np.bool_]
Ids = NDArray[np.int64]


def cut(graph: LayerGraph, keep: Keep) -> LayerGraph:
    """The graph that is left of `graph` when only the channels of `keep`, bool [channel_count], stay.

    Counts and shapes are those of the really cut network; channel ids and groups are left out.
    """
    if keep.all():
        return graph
    last: _Last | None = graph.__dict__.get("_cut")
    if last is not None and np.array_equal(last.keep, keep):
        return last.graph
    counts = _counts(graph, keep)
    if last is None:
        layers = tuple(map(_cut, graph.layers, counts))
    else:  # a slider moves a few layers only
        layers = tuple(
            then if now == before else _cut(layer, now)
            for layer, now, before, then in zip(graph.layers, counts, last.counts, last.graph.layers, strict=True)
        )
    found = msgspec.structs.replace(graph, layers=layers, groups=(), channel_count=0)
    found.__dict__["_sharing"] = sharing_of(graph)
    graph.__dict__["_cut"] = _Last(keep.copy(), counts, found)
    return found


@dataclass(frozen=True, eq=False)
class _Last:
    """The last cut of a graph, kept with it as its cached properties are."""

    keep: Keep
    counts: list[tuple[int, int]]
    graph: LayerGraph


def _counts(graph: LayerGraph, keep: Keep) -> list[tuple[int, int]]:
    """By layer, how many (output, input) channels stay; all layers are counted at once."""
    index: tuple[Ids, Ids, list[tuple[int, int]]] | None = graph.__dict__.get("_channel_places")
    if index is None:
        arrays: dict[int, Ids] = {}  # many layers share their channels, and so the very same array
        pairs = list(channel_arrays(graph).values())
        for pair in pairs:
            arrays.update((id(ids), ids) for ids in pair)
        places = {key: place for place, key in enumerate(arrays)}
        ends = np.cumsum([0, *map(len, arrays.values())])
        joined = np.concatenate(list(arrays.values())) if arrays else np.zeros(0, np.int64)
        index = joined, ends, [(places[id(made)], places[id(taken)]) for made, taken in pairs]
        graph.__dict__["_channel_places"] = index
    joined, ends, layers = index
    until = np.concatenate([np.zeros(1, np.int64), np.cumsum(stays(joined, keep), dtype=np.int64)])[ends]
    counts = np.diff(until).tolist()
    return [(counts[made], counts[taken]) for made, taken in layers]


def channel_arrays(graph: LayerGraph) -> dict[str, tuple[Ids, Ids]]:
    """By layer, (output, input) channel ids as arrays, kept with the graph as its cached properties are."""
    found: dict[str, tuple[Ids, Ids]] | None = graph.__dict__.get("_channel_arrays")
    if found is None:
        known: dict[tuple[int, ...], Ids] = {}

        def array(ids: tuple[int, ...]) -> Ids:
            if ids not in known:
                known[ids] = np.array(ids, np.int64)
            return known[ids]

        found = {layer.name: (array(layer.output_channels), array(layer.input_channels)) for layer in graph.layers}
        graph.__dict__["_channel_arrays"] = found
    return found


def stays(ids: Ids, keep: Keep) -> Keep:
    """Which of these channels stay; fixed ones always do."""
    if len(keep) == 0:
        return np.ones(len(ids), dtype=np.bool_)
    kept: Keep = keep[ids] | (ids == FIXED)
    return kept


def _cut(layer: Layer, counts: tuple[int, int]) -> Layer:
    """A layer with so many result and weight-input channels left."""
    made, taken = counts
    whole = len(layer.output_channels)
    if made == whole and taken == len(layer.input_channels):
        return layer
    shape = list(layer.output_shape)
    if made != whole:
        shape[layer.channel_axis] = made
    weight_shape, bias = layer.weight_shape, layer.bias
    if weight_shape is not None and layer.weight_kind != "other":
        bias = made if layer.bias else 0
        if layer.weight_kind in ("dense", "grouped"):
            weight_shape = (made, taken, *weight_shape[2:])
        else:
            weight_shape = (made, *weight_shape[1:])
    weights = math.prod(weight_shape) if weight_shape is not None else 0
    params = layer.params - (layer.weights + layer.bias) + weights + bias
    if weight_shape is None and layer.params == whole:
        params = made  # a constant for each channel
    return msgspec.structs.replace(
        layer,
        output_shape=tuple(shape),
        output_channels=(),
        input_channels=(),
        weight_shape=weight_shape,
        bias=bias,
        params=params,
        macs=layer.positions * weights if layer.positions else layer.macs,
    )
