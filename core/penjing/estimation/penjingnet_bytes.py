"""Predicted bytes of a `.penjingnet` file: packed weights, and a graph in JSON that is much like the real one."""

from collections.abc import Mapping
from typing import Any

import msgspec

from penjing.estimation.deployed import fold, is_quantized
from penjing.estimation.state import FILTERED, FLOAT_BITS, NetworkState
from penjing.estimation.storage import stored_bytes
from penjing.estimation.tensors import inner_tensors
from penjing.layer_graph import Layer, LayerGraph
from penjing.model.penjingnet_container import packed_bytes

_SCALE = 4
_USUAL_BITS = 8

_ATTRIBUTES: Mapping[str, Mapping[str, Any]] = {
    "batch_norm": {"eps": 1e-05, "momentum": 0.1, "dims": 2},
    "flatten": {"start_dim": 1, "end_dim": -1},
    "reshape": {"shape": [-1]},
    "concat": {"dim": 1},
    "gelu": {"approximate": "none"},
    "upsample": {"factors": [2, 2]},
    "dropout": {"p": 0.5},
    "softmax": {"dim": 1},
}
"""Attributes whose number does not depend on the layer; values are guesses, deflate makes them nearly equal."""


def penjingnet_bytes(graph: LayerGraph, state: NetworkState) -> int:
    """The whole file; a quantized network comes without the batch norms that were folded."""
    graph = fold(graph) if is_quantized(state) else graph
    inner = inner_tensors(graph) if is_quantized(state) else frozenset()
    coded = [entry.name for entry in graph.inputs] + [layer.name for layer in graph.layers if layer.name not in inner]
    codes = {name: state.bits(name) for name in coded if state.bits(name) < FLOAT_BITS}
    weights = sum(_SCALE + _zero_bytes(bits) for bits in codes.values()) + sum(
        _tensor_bytes(layer, state) for layer in graph.layers
    )
    return weights + packed_bytes(msgspec.json.encode(_network(graph, state, codes)))


def _tensor_bytes(layer: Layer, state: NetworkState) -> int:
    """Scales, the weight packed at its bits (kept values behind a bitmap where that is smaller) or coded, the rest."""
    if layer.kind == "batch_norm":
        return 4 * _SCALE * layer.weights
    if layer.weight_kind not in FILTERED:
        return _SCALE * layer.params
    weight = state.weight(layer)
    if weight.codebook:
        return weight.coded + _SCALE * weight.scales + (1 + layer.bias if layer.bias else 0)
    pruned = weight.kept < layer.weights
    packed = stored_bytes(layer.weights, kept=weight.kept, bits=weight.bits, formats=("bitmask",) if pruned else ())
    return packed + _SCALE * weight.scales + 4 * (layer.params - layer.weights)


def _network(graph: LayerGraph, state: NetworkState, codes: Mapping[str, int]) -> dict[str, Any]:
    return {
        "schema_version": 2,
        "inputs": [
            {"name": one.name, "source_name": _encodable(one.source_name), "shape": one.shape}
            | _quantizer("quantizer", one.name, codes)
            for one in graph.inputs
        ],
        "nodes": [_node(layer, _source(layer, graph), state, codes) for layer in graph.layers],
        "outputs": [{"source_name": _encodable(output.source_name), "layer": output.layer} for output in graph.outputs],
        **({"opset": graph.opset} if graph.opset else {}),
        **({"warnings": state.warnings} if state.warnings else {}),
    }


def _encodable(name: str) -> str:
    return name.encode(errors="replace").decode()


def _source(layer: Layer, graph: LayerGraph) -> tuple[int, ...]:
    """The shape of what the layer reads first."""
    shapes = {entry.name: entry.shape for entry in graph.inputs}
    shapes |= {known.name: known.output_shape for known in graph.layers if known.name in layer.inputs}
    return shapes.get(layer.inputs[0], ()) if layer.inputs else ()


def _node(layer: Layer, source: tuple[int, ...], state: NetworkState, codes: Mapping[str, int]) -> dict[str, Any]:
    node: dict[str, Any] = {"name": layer.name, "kind": layer.kind, "inputs": layer.inputs}
    if layer.source_name != layer.name:
        node["source_name"] = _encodable(layer.source_name)
    if attributes := _attributes(layer, source):
        node["attributes"] = attributes
    if layer.weight_kind in FILTERED and (bits := state.weight(layer).bits) < FLOAT_BITS:
        node["weight"] = _weight_quantizer(bits, state.weight(layer).scales)
    node |= _quantizer("activation", layer.name, codes)
    if layer.params:
        node["tensors"] = _tensors(layer, state)
    return node


def _weight_quantizer(bits: int, scales: int) -> dict[str, Any]:
    said: dict[str, Any] = {} if bits == _USUAL_BITS else {"bits": bits}
    if not scales:
        return said | {"float16": True}
    return said if scales == 1 else said | {"channels": scales, "axis": 0}


def _attributes(layer: Layer, source: tuple[int, ...]) -> Mapping[str, Any]:
    axes = len(layer.output_shape) - 2
    if layer.attributes:
        return layer.attributes
    if layer.kind in ("global_avg_pool", "global_max_pool"):
        return {"keepdim": axes > 0}
    if layer.kind not in ("conv", "max_pool", "avg_pool") or len(source) != len(layer.output_shape):
        return _ATTRIBUTES.get(layer.kind, {})
    pairs = list(zip(source[2:], layer.output_shape[2:], strict=True))
    steps = [max(1, round(before / after)) for before, after in pairs]
    if layer.kind == "conv":
        same = all(after * step >= before for (before, after), step in zip(pairs, steps, strict=True))
        padding = [extent // 2 if same else 0 for extent in (layer.weight_shape or ())[2:]]
        return {"stride": steps, "padding": padding, "dilation": [1] * axes, "groups": 1}
    last = "dilation" if layer.kind == "max_pool" else "count_include_pad"
    return {"kernel": steps, "stride": steps, "padding": [0] * axes, "ceil_mode": False, last: [1] * axes}


def _tensors(layer: Layer, state: NetworkState) -> dict[str, Any]:
    vector = {"shape": [layer.weight_shape[0] if layer.weight_shape else layer.params]}
    if layer.kind == "batch_norm":
        return dict.fromkeys(("weight", "bias", "running_mean", "running_var"), vector)
    if layer.weight_kind not in FILTERED:
        known = "weight" if layer.kind == "prelu" else "value"
        return {known: {"shape": [*vector["shape"], 1, 1] if known == "value" else vector["shape"]}}
    weight = state.weight(layer)
    entry: dict[str, Any] = {"shape": layer.weight_shape}
    if weight.bits < FLOAT_BITS:
        entry["encoding"] = "packed" if weight.scales else "float16"
    if weight.codebook:
        mask = {"mask": True} if weight.kept < layer.weights else {}
        book = {"size": weight.codebook, "values": "packed" if weight.scales else "float16", "bytes": weight.coded}
        entry |= {"encoding": "codebook", **mask, "codebook": book}
    elif weight.kept < layer.weights:
        entry |= {"mask": True, "bitmap": True}
    fixed = {"encoding": "fixed8"} if weight.codebook else {}
    return {"weight": entry} | ({"bias": vector | fixed} if layer.bias else {})


def _quantizer(key: str, tensor: str, codes: Mapping[str, int]) -> dict[str, Any]:
    if tensor not in codes:
        return {}
    bits = {} if codes[tensor] == _USUAL_BITS else {"bits": codes[tensor]}
    return {key: bits | {"symmetric": False, "zeros": f"i{_zero_bytes(codes[tensor])}"}}


def _zero_bytes(bits: int) -> int:
    return -(-bits // _USUAL_BITS)
