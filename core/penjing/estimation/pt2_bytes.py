"""Predicted bytes of a `.pt2` archive: torch.export's zip of stored tensors and of JSON that says a lot about little.

The texts below have the length of what torch 2.13 writes; only their lengths count.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from penjing.estimation.deployed import fold, is_quantized
from penjing.estimation.state import FILTERED, NetworkState
from penjing.layer_graph import Layer, LayerGraph

_ALIGNMENT = 64
_GAP = 16
"""The data descriptor behind every entry."""
_BATCH = """{"as_expr": {"expr_str": "Symbol('s77', positive=True, integer=True)", "hint": {"as_int": 2}}}"""
_META = (
    '"dtype": 7, "sizes": [], "requires_grad": false, "device": {"type": "cpu", "index": null}, '
    '"strides": [], "storage_offset": {"as_int": 0}, "layout": 7'
)
_WITHIN_MODEL, _WITHIN_CONFIG = 990, 14
"""What `model.json` and the configuration of weights hold for any network."""
_SAMPLE_INPUTS = 1577
"""The file of example inputs beside their values."""
_SMALL_FILES: Mapping[str, int] = {
    "data/constants/model_constants_config.json": 14,
    "archive_format": 3,
    "archive_version": 1,
    ".data/version": 2,
    "byteorder": 6,
    ".data/serialization_id": 40,
}

_NODES: Mapping[str, tuple[str, int]] = {
    "conv": ("conv2d", 697),
    "linear": ("linear", 605),
    "batch_norm": ("batch_norm", 992),
    "relu": ("relu", 450),
    "relu6": ("hardtanh", 579),
    "sigmoid": ("sigmoid", 480),
    "hard_sigmoid": ("hardsigmoid", 478),
    "hard_swish": ("hardswish", 470),
    "max_pool": ("max_pool2d", 593),
    "avg_pool": ("avg_pool2d", 611),
    "global_avg_pool": ("mean", 518),
    "flatten": ("flatten", 527),
    "dropout": ("dropout", 566),
    "add": ("add", 514),
    "multiply": ("mul", 519),
    "concat": ("cat", 535),
    "reshape": ("reshape", 595),
    "slice": ("slice", 608),
    "transpose": ("permute", 523),
    "matmul": ("matmul", 553),
    "layer_norm": ("layer_norm", 783),
    "group_norm": ("group_norm", 783),
    "gelu": ("gelu", 484),
    "softmax": ("softmax", 531),
    "pad": ("pad", 610),
    "add_constant": ("add", 514),
    "mean": ("mean", 535),
    "embedding": ("index", 3300),
    "conv_transpose": ("conv_transpose2d", 1800),
}
"""By kind of layer: the name of its node, and the bytes of the node without any names."""
_OTHER_NODE = 510
_CELLS: Mapping[str, tuple[int, int]] = {"lstm": (19, 13670), "gru": (17, 12930), "rnn": (8, 6460)}
"""By cell, the nodes that order a recurrent layer's gates as torch's function has them, and call it: how many, which
all say the layer's name twice, and their bytes without it."""
_STEP, _TURN = 1020, 925
"""The nodes that take one step of a sequence, and that turn it round."""
_MORE_INPUTS, _MORE_OUTPUTS = 440, 185
"""What every input and output beside the first adds elsewhere."""
_BATCH_SIZE = 620
"""The node that says how large the batch is, which all reshapes and first states read."""
_GROUPS = 120
"""A node of a grouped convolution also says dilation and groups."""

_TURNED = 1740
"""A grouped transposed convolution takes its weight apart, turns it in every group, and puts it together again."""


@dataclass(frozen=True)
class _Tensor:
    name: str
    shape: tuple[int, ...]
    buffer: bool = False
    width: int = 4

    @property
    def argument(self) -> str:
        return ("b_" if self.buffer else "p_") + self.name.replace(".", "_")

    @property
    def size(self) -> int:
        return self.width * math.prod(self.shape)


def pt2_bytes(graph: LayerGraph, state: NetworkState) -> int:
    """The whole archive, float32; a quantized network comes without the batch norms that were folded."""
    graph = fold(graph) if is_quantized(state) else graph
    tensors = [tensor for layer in graph.layers for tensor in _tensors(layer)]
    inputs = sum(2 * 4 * math.prod(entry.shape) for entry in graph.inputs)
    entries = {f"data/weights/weight_{index}": tensor.size for index, tensor in enumerate(tensors)}
    entries["data/weights/model_weights_config.json"] = _WITHIN_CONFIG + sum(_config(tensor) for tensor in tensors)
    entries["models/model.json"] = _model(graph, tensors)
    entries["data/sample_inputs/model.pt"] = _SAMPLE_INPUTS + inputs
    return _archive({**entries, **_SMALL_FILES})


def _archive(entries: Mapping[str, int]) -> int:
    """Local headers padded so that data is aligned, then the directory."""
    place = directory = 0
    for name, size in entries.items():
        length = len("model/") + len(name)
        # Padding is an extra field, which has a header of four bytes itself.
        start = -(-(place + 30 + length + 4) // _ALIGNMENT) * _ALIGNMENT
        place = start + size + _GAP
        directory += 46 + length
    return place + directory + 22


def _tensors(layer: Layer) -> Iterator[_Tensor]:
    filters = (layer.weight_shape[0],) if layer.weight_shape else ()
    if layer.kind == "batch_norm":
        yield _Tensor(f"{layer.name}.weight", filters)
        yield _Tensor(f"{layer.name}.bias", filters)
        yield _Tensor(f"{layer.name}.running_mean", filters, buffer=True)
        yield _Tensor(f"{layer.name}.running_var", filters, buffer=True)
        yield _Tensor(f"{layer.name}.num_batches_tracked", (), buffer=True, width=8)
    elif layer.kind in ("layer_norm", "group_norm"):
        yield _Tensor(f"{layer.name}.weight", filters)
        yield _Tensor(f"{layer.name}.bias", filters)
    elif layer.weight_kind in FILTERED:
        yield _Tensor(f"{layer.name}.weight", layer.weight_shape or ())
        if layer.bias:
            yield _Tensor(f"{layer.name}.bias", filters)
    elif layer.params:
        # One number a channel, which has an axis for every one behind the channels.
        behind = max(len(layer.output_shape) - 2, 0) if layer.output_shape[1:2] == (layer.params,) else 0
        yield _Tensor(f"{layer.name}.value", (layer.params,) + (1,) * behind)


def _config(tensor: _Tensor) -> int:
    frame = f'"{tensor.name}": {{"path_name": "weight_10", "is_param": true, "use_pickle": false, "tensor_meta": }}, '
    return len(frame) + _meta(tensor.shape)


def _model(graph: LayerGraph, tensors: list[_Tensor]) -> int:
    total = _WITHIN_MODEL
    for tensor in tensors:
        argument = len(tensor.argument)
        total += len('{"as_tensor": {"name": ""}}, ') + argument
        total += len('"": , ') + argument + _meta(tensor.shape)
        kept = ', "persistent": true' if tensor.buffer else ""
        kind = "buffer" if tensor.buffer else "parameter"
        total += (
            len(f'{{"{kind}": {{"arg": {{"name": ""}}, "{kind}_name": ""{kept}}}}}, ') + argument + len(tensor.name)
        )
    names = {entry.name: entry.name for entry in graph.inputs}
    for entry in graph.inputs:
        total += 2 * len('{"as_tensor": {"name": ""}}, ') + 20 + len('"": , ') + _meta(entry.shape, batch=True)
        total += 3 * len(entry.name)
    total += _MORE_INPUTS * (len(graph.inputs) - 1) + _MORE_OUTPUTS * (len(graph.outputs) - 1)
    total += _BATCH_SIZE if any(layer.kind in ("reshape", "recurrent") for layer in graph.layers) else 0
    modules = {layer.name for layer in graph.layers}
    # A dot in a name makes a module of what stands before it, which the archive lists too.
    modules |= {parent for name in modules for parent in _parents(name)}
    total += sum(len('{"fqn": "", "signature": null}, ') + len(name) for name in modules)
    for index, layer in enumerate(graph.layers):
        if layer.kind == "identity":
            names[layer.name] = names[layer.inputs[0]]
            continue
        operator, size = _NODES.get(layer.kind, (layer.kind, _OTHER_NODE))
        name = names[layer.name] = f"{operator}_{index % 10}"
        total += size + 2 + 2 * len(layer.name) + 2 * len(name) + sum(len(names[feed]) for feed in layer.inputs)
        total += sum(len(tensor.argument) for tensor in _tensors(layer) if tensor.width == 4)
        total += _recurrent(layer) if layer.kind == "recurrent" else 0
        if layer.weight_kind in ("depthwise", "grouped"):
            total += _TURNED if layer.kind == "conv_transpose" else _GROUPS
        total += len('"": , ') + len(name) + _meta(layer.output_shape, batch=True)
    return total


def _parents(name: str) -> Iterator[str]:
    """`a` and `a.b` of `a.b.c`."""
    parts = name.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts)))


def _recurrent(layer: Layer) -> int:
    nodes, size = _CELLS[str(layer.attributes["cell"])]
    last, turns = bool(layer.attributes["last"]), 0
    if layer.attributes.get("reverse"):
        turns = 1 if last else 2  # one step alone need not be turned back
    return size + _STEP * last + _TURN * turns + 2 * len(layer.name) * (nodes + last + turns)


def _meta(shape: tuple[int, ...], *, batch: bool = False) -> int:
    """The length of a tensor's description: sizes and strides, the first size a symbol where the batch is open."""
    total = len(_META) + 2
    stride = 1
    for extent in reversed(shape):
        total += len(f'{{"as_int": {extent}}}, {{"as_int": {stride}}}, ')
        stride *= extent
    total -= 4 if shape else 0
    return total + (len(_BATCH) - len('{"as_int": 1}') if batch else 0)
