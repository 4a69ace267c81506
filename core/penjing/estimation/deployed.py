"""What a network stores once it is deployed: batch norm folded, weights in the device's storage, biases, scales."""

from collections.abc import Iterator
from dataclasses import dataclass

from penjing.devices.profiles import Device
from penjing.estimation.state import FILTERED, FLOAT_BITS, NetworkState
from penjing.estimation.storage import BIAS_BYTES, stored_bytes
from penjing.layer_graph import Layer, LayerGraph

REQUANTIZATION_BYTES = 5
"""An int32 multiplier and an int8 shift for every weight scale of a layer that runs in integers (Jacob 2018)."""
SCALE_BYTES = 4
"""A float32 scale for every weight scale of a layer whose weights alone are quantized."""


@dataclass(frozen=True)
class Stored:
    """The constants of one deployed layer."""

    layer: Layer
    weights: int
    kept: int
    bits: int
    """As quantized; a device may store them wider."""
    bias: int
    """Values of the bias, those that folding batch norm adds included."""
    scales: int
    integer: bool
    """Whether it runs in integers, so that its scales are multipliers and shifts."""


def stored_layers(graph: LayerGraph, state: NetworkState) -> Iterator[Stored]:
    """Every layer that has constants, batch norm folded wherever a layer with a weight alone feeds it."""
    gone = folded(graph)
    gains_bias = {graph.by_name[name].inputs[0] for name in gone}
    for layer in graph.layers:
        if layer.name in gone or not layer.params:
            continue
        weight = state.weight(layer)
        bias = layer.weight_shape[0] if layer.name in gains_bias and layer.weight_shape else layer.bias
        other = layer.params - layer.weights - layer.bias  # parameters of operators that are not weight and bias
        yield Stored(
            layer, layer.weights, weight.kept, weight.bits, bias + other, weight.scales, state.is_integer(layer)
        )


def folded(graph: LayerGraph) -> frozenset[str]:
    """The batch norms that disappear: each is the only reader of a layer with a weight."""
    readers: dict[str, int] = {}
    for layer in graph.layers:
        for feed in layer.inputs:
            readers[feed] = readers.get(feed, 0) + 1
    outputs = {output.layer for output in graph.outputs}

    def folds(layer: Layer) -> bool:
        feed = graph.by_name.get(layer.inputs[0]) if layer.weight_kind == "affine" else None
        if feed is None or feed.name in outputs or readers[feed.name] != 1:
            return False
        return feed.weight_kind in FILTERED

    return frozenset(layer.name for layer in graph.layers if folds(layer))


def size_bytes(graph: LayerGraph, state: NetworkState, device: Device | None) -> int:
    """Bytes of weights and biases under the device's storage; without a device densely packed at their exact bits."""
    total = 0
    for stored in stored_layers(graph, state):
        bits = stored.bits if device is None else device.stored_bits(stored.bits)
        formats = () if device is None else device.sparse_storage
        total += stored_bytes(stored.weights, kept=stored.kept, bits=bits, formats=formats) + BIAS_BYTES * stored.bias
    return total


def scale_bytes(graph: LayerGraph, state: NetworkState, device: Device) -> int:
    """Bytes of what the runtime needs beside weights and biases: multipliers and shifts, or scales."""
    total = 0
    for stored in stored_layers(graph, state):
        if device.stored_bits(stored.bits) < FLOAT_BITS:
            total += stored.scales * (REQUANTIZATION_BYTES if stored.integer else SCALE_BYTES)
    return total
