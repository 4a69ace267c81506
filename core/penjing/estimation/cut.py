"""A network with fewer channels, as values: what every layer loses when channel ids go.

>>> from penjing.layer_graph import LayerGraph
>>> import numpy as np
>>> cut(LayerGraph(inputs=(), outputs=(), layers=()), np.ones(0, dtype=np.bool_)).layers
()
"""

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from penjing.layer_graph import FIXED, Layer, LayerGraph

Keep = NDArray[np.bool_]
Ids = NDArray[np.int64]


def cut(graph: LayerGraph, keep: Keep) -> LayerGraph:
    """The graph that is left of `graph` when only the channels of `keep`, bool [channel_count], stay.

    Counts and shapes are those of the really cut network; channel ids and groups are left out.
    """
    if keep.all():
        return graph
    counts: dict[int, int] = {}  # many layers share their channels, and so the very same array

    def count(ids: Ids) -> int:
        if id(ids) not in counts:
            counts[id(ids)] = int(np.count_nonzero(stays(ids, keep)))
        return counts[id(ids)]

    ids = channel_arrays(graph)
    layers = tuple(_cut(layer, count(ids[layer.name][0]), count(ids[layer.name][1])) for layer in graph.layers)
    return msgspec.structs.replace(graph, layers=layers, groups=(), channel_count=0)


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


def _cut(layer: Layer, made: int, taken: int) -> Layer:
    """A layer with so many result and weight-input channels left."""
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
