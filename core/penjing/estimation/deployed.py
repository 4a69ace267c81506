"""What a network stores once it is deployed: batch norm folded, weights in the device's storage, biases, scales."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from penjing.devices.profiles import Device
from penjing.estimation.state import FLOAT_BITS, NetworkState, WeightState
from penjing.estimation.storage import BIAS_BYTES, STORAGES, codebook_bytes, storage_bytes, stored_bytes
from penjing.layer_graph import Layer, LayerGraph
from penjing.model.c_kernels.parts import stored_width
from penjing.model.c_kernels.sparse import sparse_bytes

REQUANTIZATION_BYTES = 5
"""An int32 multiplier and an int8 shift for every weight scale of a layer that runs in integers (Jacob 2018)."""
STATE_BYTES = 9
"""The same of a recurrent layer: a multiplier for what a gate sees of the input, and one for what of the state."""
SUMS = frozenset({"conv", "conv_transpose", "linear"})
"""Kinds of layers whose result is a sum of products and a bias: batch norm folds into them."""
_SKIPPED = frozenset({"conv", "linear"})
"""Those whose zeros exported C can leave out."""
_WIDEST = 8
"""Bits of weights that exported C computes with."""
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
    zeros: int
    codebook: int
    """Values that the weights share, 0 for none. No device's runtime decodes them: they are stored as `bits` bits."""
    integer: bool
    """Whether it runs in integers, so that its scales are multipliers and shifts."""


def stored_layers(graph: LayerGraph, state: NetworkState) -> Iterator[Stored]:
    """Every layer that has constants, batch norm folded."""
    for layer in fold(graph).layers:
        if layer.params:
            yield stored_layer(layer, state.weight(layer), integer=state.is_integer(layer))


def stored_layer(layer: Layer, weight: WeightState, *, integer: bool) -> Stored:
    """The constants of one layer of a folded graph; what is not its weight is a bias, or a batch norm's β."""
    return Stored(
        layer=layer,
        weights=layer.weights,
        kept=weight.kept,
        bits=weight.bits,
        bias=layer.params - layer.weights,
        scales=weight.scales,
        zeros=weight.zeros,
        codebook=weight.codebook,
        integer=integer,
    )


def is_quantized(state: NetworkState) -> bool:
    """Whether anything is; quantization folds batch norm in the network itself."""
    widths = [*(weight.bits for weight in state.weights.values()), *state.tensor_bits.values()]
    return any(bits < FLOAT_BITS for bits in widths) or any(weight.codebook for weight in state.weights.values())


def fold(graph: LayerGraph) -> LayerGraph:
    """The graph without the batch norms that `compression.folding` folds: their layers gain a bias, names stay.

    Each is the only reader of a layer with filters that has an integer form and its channels along the same axis.
    """
    found: LayerGraph | None = graph.__dict__.get("_folded")
    if found is None:
        found = graph.__dict__["_folded"] = _fold(graph)
    return found


def _fold(graph: LayerGraph) -> LayerGraph:
    readers = Counter(feed for layer in graph.layers for feed in layer.inputs)
    readers.update(output.layer for output in graph.outputs)
    renamed: dict[str, str] = {}
    layers: dict[str, Layer] = {}
    for layer in graph.layers:
        feed = layers.get(renamed.get(layer.inputs[0], layer.inputs[0]))
        folds = layer.kind == "batch_norm" and feed is not None and readers[layer.inputs[0]] == 1
        if folds and feed is not None and feed.kind in SUMS and feed.channel_axis == layer.channel_axis:
            filters = feed.weight_shape[0] if feed.weight_shape else 0
            layers[feed.name] = msgspec.structs.replace(feed, bias=filters, params=feed.params - feed.bias + filters)
            renamed[layer.name] = feed.name
        else:
            inputs = tuple(renamed.get(name, name) for name in layer.inputs)
            layers[layer.name] = layer if inputs == layer.inputs else msgspec.structs.replace(layer, inputs=inputs)
    if not renamed:
        return graph
    outputs = tuple(
        msgspec.structs.replace(output, layer=renamed.get(output.layer, output.layer)) for output in graph.outputs
    )
    return msgspec.structs.replace(graph, layers=tuple(layers.values()), outputs=outputs)


def size_bytes(graph: LayerGraph, state: NetworkState, device: Device | None) -> int:
    """Bytes of weights and biases under the device's storage; without a device densely packed at their exact bits."""
    return sum(stored_size(stored, device) for stored in stored_layers(graph, state))


def scale_bytes(graph: LayerGraph, state: NetworkState, device: Device) -> int:
    """Bytes of what the runtime needs beside weights and biases: multipliers and shifts, or scales."""
    return sum(stored_scales(stored, device) for stored in stored_layers(graph, state))


def stored_size(stored: Stored, device: Device | None) -> int:
    """Bytes of one layer's weight and bias."""
    bias = BIAS_BYTES * stored.bias
    if device is None and stored.codebook:
        return codebook_bytes(stored.weights, kept=stored.kept, size=stored.codebook, bits=stored.bits) + bias
    if device is not None and device.brings_c and (fewer := sparse_in_c(stored)) is not None:
        return fewer + bias
    bits = stored.bits if device is None else device.stored_bits(stored.bits)
    formats = () if device is None or device.brings_c else device.sparse_storage
    return stored_bytes(stored.weights, kept=stored.kept, bits=bits, formats=formats) + bias


def sizes_by_storage(stored: Stored) -> dict[str, int]:
    """Bytes of one layer's weight and bias in every storage there is, at the bits of the plan.

    By `storage.STORAGES`; `c` is what exported C stores, where its kernels know so many bits, and `codebook`, where
    weights share values, what indices into it take.
    """
    bias = BIAS_BYTES * stored.bias
    count, kept, bits = stored.weights, stored.kept, stored.bits
    sizes: dict[str, int] = {one: storage_bytes(count, kept=kept, bits=bits, storage=one) + bias for one in STORAGES}
    if bits <= _WIDEST:
        fewer, width = sparse_in_c(stored), stored_width(bits)
        all_of_it = storage_bytes(count, kept=kept, bits=width, storage="dense")
        sizes["c"] = bias + (all_of_it if fewer is None else fewer)
    if stored.codebook:
        sizes["codebook"] = codebook_bytes(count, kept=kept, size=stored.codebook, bits=bits) + bias
    return sizes


def sparse_in_c(stored: Stored) -> int | None:
    """Bytes of a layer's weight where exported C stores what is kept of it alone; None where it stores all."""
    layer = stored.layer
    usual = layer.weight_kind == "dense" and layer.kind in _SKIPPED and not stored.zeros
    if not usual or layer.weight_shape is None or stored.kept == stored.weights or stored.bits > _WIDEST:
        return None
    return sparse_bytes(layer.weight_shape, kept=stored.kept, bits=stored.bits)


def stored_arrays(stored: Stored, device: Device) -> tuple[int, ...]:
    """Bytes of each of one layer's arrays that may end within a word: weights, shifts, zero points."""
    weights = stored_size(stored, device) - BIAS_BYTES * stored.bias
    shifts = stored.scales if stored.integer and device.stored_bits(stored.bits) != FLOAT_BITS else 0
    return weights, shifts, stored.zeros


def stored_scales(stored: Stored, device: Device) -> int:
    """Bytes of one layer's scales."""
    if device.stored_bits(stored.bits) == FLOAT_BITS:
        return 0
    if not stored.integer:
        return stored.scales * SCALE_BYTES
    # In integers every filter has a bias: it holds the input's zero point times the filter's sum (Jacob 2018, eq. 7).
    filters = stored.layer.weight_shape[0] if stored.layer.weight_shape and not stored.bias else 0
    each = STATE_BYTES if stored.layer.kind == "recurrent" else REQUANTIZATION_BYTES
    return stored.scales * each + stored.zeros + filters * BIAS_BYTES
