"""Which tensors carry a quantizer once activations are quantized, decided on values as `compression.placement` does.

>>> from penjing.layer_graph import LayerGraph
>>> from penjing.plan import Plan
>>> tensor_bits(LayerGraph(inputs=(), outputs=(), layers=()), Plan())
{}
"""

from collections import Counter
from collections.abc import Mapping

from penjing.estimation.deployed import fold
from penjing.estimation.state import FILTERED, FLOAT_BITS, NetworkState
from penjing.layer_graph import LayerGraph
from penjing.plan import Plan

_CLAMPS = frozenset({"relu", "relu6", "clip"})
_ROWS = "embedding"
"""What looks up rows of a table that its input names."""
_KEEP_SCALE = _CLAMPS | frozenset(
    {
        "max_pool",
        "global_max_pool",
        "flatten",
        "reshape",
        "transpose",
        "pad",
        "upsample",
        "slice",
        "identity",
        "dropout",
        "softmax",
    }
)
"""Operators in integers whose result has no scale of its own to clamp to: they move values, or are a probability."""


def tensor_bits(graph: LayerGraph, plan: Plan) -> dict[str, int]:
    """Bits of every tensor once activations are quantized, as `compression.placement` places quantizers.

    A layer with filters decides about its result, after the clamp that is fused into it if there is one; any other
    result is quantized when all that feeds it is, and a network input when every layer with filters that it reaches
    first quantizes its result. What a fused clamp overwrites has no quantizer of its own.
    """
    deployed = fold(graph)
    found = {entry.name: _input_bits(entry.name, deployed, plan) for entry in deployed.inputs}
    for layer in deployed.layers:
        if layer.weight_kind in FILTERED or layer.kind == _ROWS:
            found[layer.name] = plan.settings(layer.name).activation_bits
        else:
            found[layer.name] = max((found[feed] for feed in layer.inputs), default=FLOAT_BITS)
    for name in inner_tensors(deployed):
        found[name] = FLOAT_BITS
    return spread(graph, found)


def loaded(graph: LayerGraph) -> NetworkState:
    """The network as its file has it: in float32, unless the file is already quantized."""
    return NetworkState(tensor_bits=_loaded_bits(graph) if graph.is_quantized else {})


def planned_bits(graph: LayerGraph, plan: Plan) -> dict[str, int]:
    """`tensor_bits`, and where the plan leaves a tensor alone, those that it has as loaded."""
    planned = tensor_bits(graph, plan)
    if not graph.is_quantized:
        return planned
    before = _loaded_bits(graph)
    return {name: bits if bits < FLOAT_BITS else before[name] for name, bits in planned.items()}


def _loaded_bits(graph: LayerGraph) -> dict[str, int]:
    grids = {**graph.input_grids, **{layer.name: layer.result_grid for layer in graph.layers}}
    return spread(graph, {name: grid.bits for name, grid in grids.items() if grid is not None})


def spread(graph: LayerGraph, found: Mapping[str, int]) -> dict[str, int]:
    """Bits of all tensors of a graph; a batch norm that is folded by now is its layer's result."""
    bits = {entry.name: found.get(entry.name, FLOAT_BITS) for entry in graph.inputs}
    for layer in graph.layers:
        if layer.name in found:
            bits[layer.name] = found[layer.name]
        else:
            bits[layer.name] = bits[layer.inputs[0]] if layer.kind == "batch_norm" else FLOAT_BITS
    return bits


def inner_tensors(graph: LayerGraph) -> frozenset[str]:
    """The results that are never in memory, as the layer behind clamps them at once."""
    readers = Counter(feed for layer in graph.layers for feed in layer.inputs)
    readers.update(output.layer for output in graph.outputs)
    fused: set[str] = set()
    inner: set[str] = set()
    for layer in graph.layers:
        feed = graph.by_name.get(layer.inputs[0]) if layer.kind in _CLAMPS else None
        if feed is None or readers[feed.name] != 1:
            continue
        if feed.name in fused or (feed.in_integers and feed.kind not in _KEEP_SCALE):
            fused.add(layer.name)
            inner.add(feed.name)
    return frozenset(inner)


def _input_bits(name: str, graph: LayerGraph, plan: Plan) -> int:
    reached, met = {name}, []
    for layer in graph.layers:
        if not reached.isdisjoint(layer.inputs):
            if layer.weight_kind in FILTERED or layer.kind == _ROWS:
                bits = plan.settings(layer.name).activation_bits
                # Numbers that name rows of a table are codes themselves, where there are as many codes as rows.
                named = layer.params // layer.output_shape[-1] if layer.kind == _ROWS else 0
                met.append(bits if named <= 1 << bits else FLOAT_BITS)
            else:
                reached.add(layer.name)
    return max(met, default=FLOAT_BITS)
