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

    Counts and shapes are those of the really cut network; channel ids keep their numbers, groups are left out.
    """
    if keep.all():
        return graph
    ids = channel_arrays(graph)
    layers = tuple(_cut(layer, *ids[layer.name], keep) for layer in graph.layers)
    return msgspec.structs.replace(graph, layers=layers, groups=())


def channel_arrays(graph: LayerGraph) -> dict[str, tuple[Ids, Ids]]:
    """By layer, (output, input) channel ids as arrays, kept with the graph as its cached properties are."""
    found: dict[str, tuple[Ids, Ids]] | None = graph.__dict__.get("_channel_arrays")
    if found is None:
        found = {
            layer.name: (np.array(layer.output_channels, np.int64), np.array(layer.input_channels, np.int64))
            for layer in graph.layers
        }
        graph.__dict__["_channel_arrays"] = found
    return found


def stays(ids: Ids, keep: Keep) -> Keep:
    """Which of these channels stay; fixed ones always do."""
    if len(keep) == 0:
        return np.ones(len(ids), dtype=np.bool_)
    kept: Keep = keep[ids] | (ids == FIXED)
    return kept


def _cut(layer: Layer, output_ids: Ids, input_ids: Ids, keep: Keep) -> Layer:
    outputs, inputs = stays(output_ids, keep), stays(input_ids, keep)
    if outputs.all() and inputs.all():
        return layer
    made, taken = int(outputs.sum()), int(inputs.sum())
    shape = list(layer.output_shape)
    if not outputs.all():
        shape[layer.channel_axis] = made
    weight_shape = layer.weight_shape
    bias = layer.bias
    if weight_shape is not None and layer.weight_kind != "other":
        bias = made if layer.bias else 0
        if layer.weight_kind in ("dense", "grouped"):
            weight_shape = (made, taken, *weight_shape[2:])
        else:
            weight_shape = (made, *weight_shape[1:])
    weights = math.prod(weight_shape) if weight_shape is not None else 0
    return msgspec.structs.replace(
        layer,
        output_shape=tuple(shape),
        output_channels=tuple(output_ids[outputs].tolist()),
        input_channels=tuple(input_ids[inputs].tolist()),
        weight_shape=weight_shape,
        bias=bias,
        params=layer.params - (layer.weights + layer.bias) + weights + bias,
        macs=layer.positions * weights if layer.positions else layer.macs,
    )
