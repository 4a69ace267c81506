"""Predicted bytes of a `.penjingnet` file: packed weights, and a graph in JSON that is much like the real one."""

import json
import zlib
from collections.abc import Mapping
from typing import Any

from penjing.estimation.deployed import fold, is_quantized
from penjing.estimation.state import FILTERED, FLOAT_BITS, NetworkState
from penjing.estimation.storage import stored_bytes
from penjing.estimation.tensors import inner_tensors
from penjing.layer_graph import Layer, LayerGraph

_NAMES = ("network.json", "weights.bin")
_ZIP = sum(30 + 46 + 2 * len(name) for name in _NAMES) + 22
"""Headers of two entries and the end of the archive."""
_SCALE, _ZERO = 4, 1

_ATTRIBUTES: Mapping[str, Mapping[str, Any]] = {
    "batch_norm": {"eps": 1e-05, "momentum": 0.1, "dims": 2},
    "flatten": {"start_dim": 1, "end_dim": -1},
    "reshape": {"shape": [-1]},
    "global_avg_pool": {"keepdim": True},
    "concat": {"dim": 1},
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
    weights = (_SCALE + _ZERO) * len(codes) + sum(_tensor_bytes(layer, state) for layer in graph.layers)
    return _ZIP + weights + _deflated(_network(graph, state, codes))


def _tensor_bytes(layer: Layer, state: NetworkState) -> int:
    """Scales, the weight packed at its bits (kept values behind a bitmap where that is smaller) or coded, the rest."""
    if layer.kind == "batch_norm":
        return 4 * _SCALE * layer.weights
    if layer.weight_kind not in FILTERED:
        return _SCALE * layer.params
    weight = state.weight(layer)
    if weight.codebook:
        return weight.coded + _SCALE * weight.scales + 4 * layer.bias
    pruned = weight.kept < layer.weights
    packed = stored_bytes(layer.weights, kept=weight.kept, bits=weight.bits, formats=("bitmask",) if pruned else ())
    return packed + _SCALE * weight.scales + 4 * layer.bias


def _network(graph: LayerGraph, state: NetworkState, codes: Mapping[str, int]) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "inputs": [
            {"name": one.name, "source_name": one.source_name, "shape": one.shape}
            | _quantizer("quantizer", one.name, codes)
            for one in graph.inputs
        ],
        "nodes": [_node(layer, state, codes) for layer in graph.layers],
        "outputs": [{"source_name": output.source_name, "layer": output.layer} for output in graph.outputs],
        "opset": graph.opset or 18,
    } | ({"warnings": state.warnings} if state.warnings else {})


def _node(layer: Layer, state: NetworkState, codes: Mapping[str, int]) -> dict[str, Any]:
    node: dict[str, Any] = {"name": layer.name, "kind": layer.kind, "inputs": layer.inputs}
    if layer.source_name != layer.name:
        node["source_name"] = layer.source_name
    if attributes := _attributes(layer):
        node["attributes"] = attributes
    if layer.weight_kind in FILTERED and (bits := state.weight(layer).bits) < FLOAT_BITS:
        scales = state.weight(layer).scales
        node["weight"] = {"bits": bits, "channels": scales, "axis": 0} if scales else {"bits": bits, "float16": True}
        if scales and state.weight(layer).codebook:
            node["weight"] = {"bits": bits}
    node |= _quantizer("activation", layer.name, codes)
    if layer.params:
        node["tensors"] = _tensors(layer, state)
    return node


def _attributes(layer: Layer) -> Mapping[str, Any]:
    axes = len(layer.output_shape) - 2
    if layer.kind == "conv":
        ones = [1] * axes
        return {"stride": ones, "padding": ones, "dilation": ones, "groups": 1}
    if layer.kind in ("max_pool", "avg_pool"):
        twos, last = [2] * axes, "dilation" if layer.kind == "max_pool" else "count_include_pad"
        return {"kernel": twos, "stride": twos, "padding": [0] * axes, "ceil_mode": False, last: [1] * axes}
    return _ATTRIBUTES.get(layer.kind, {})


def _tensors(layer: Layer, state: NetworkState) -> dict[str, Any]:
    vector = {"shape": [layer.weight_shape[0] if layer.weight_shape else layer.params]}
    if layer.kind == "batch_norm":
        return dict.fromkeys(("weight", "bias", "running_mean", "running_var"), vector)
    if layer.weight_kind not in FILTERED:
        return {"value": vector}
    weight = state.weight(layer)
    entry: dict[str, Any] = {"shape": layer.weight_shape}
    if weight.bits < FLOAT_BITS:
        entry["encoding"] = "packed" if weight.scales else "float16"
    if weight.codebook:
        values = {"values": "packed" if weight.scales else "float16"} if weight.bits < FLOAT_BITS else {}
        mask = {"mask": True} if weight.kept < layer.weights else {}
        book = {"size": weight.codebook, **values, "bytes": weight.coded}
        entry |= {"encoding": "codebook", **mask, "codebook": book}
    elif weight.kept < layer.weights:
        entry |= {"mask": True, "bitmap": True}
    return {"weight": entry} | ({"bias": vector} if layer.bias else {})


def _quantizer(key: str, tensor: str, codes: Mapping[str, int]) -> dict[str, Any]:
    if tensor not in codes:
        return {}
    bits = {} if codes[tensor] == 8 else {"bits": codes[tensor]}
    return {key: bits | {"symmetric": False, "zeros": "i1"}}


def _deflated(network: dict[str, Any]) -> int:
    text = json.dumps(network, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")
    return len(zlib.compress(text, 9)) - 6  # zip keeps deflate's bytes without zlib's frame
