"""Predicted bytes of the C files of a `c99` export: the text is the export's own, with zeros where its numbers will be.

Torch-free. A node is a layer with the clamps that are fused into it; batch norm is folded.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from penjing.errors import UserError
from penjing.estimation.deployed import fold, sparse_in_c, stored_layer
from penjing.estimation.state import FILTERED, NetworkState, WeightState
from penjing.estimation.storage import BIAS_BYTES
from penjing.estimation.tensors import inner_tensors
from penjing.layer_graph import Layer, LayerGraph
from penjing.model.c_kernels import sparse, text
from penjing.model.c_kernels.parts import stored_width

WIDEST = 8
_NAME = "model"
_CONSTANTS = frozenset({"add_constant", "multiply_constant"})
_OWN_KERNEL = {"conv_transpose": "conv_transpose", "recurrent": ""}
"""Layers with filters that have kernels of their own; those of recurrent ones are called as their cell."""
_SIZES = {"int8_t": 1, "uint8_t": 1, "int32_t": 4}


@dataclass(frozen=True)
class Call:
    """One call of a kernel: how many values each array under its fields has, by field."""

    kernel: str
    arrays: tuple[tuple[str, str, int], ...] = ()
    """(field, C type, number of values)."""
    reads: int = 1

    @property
    def constants(self) -> int:
        """Bytes of its arrays."""
        return sum(self.array_bytes)

    @property
    def array_bytes(self) -> Sequence[int]:
        """Bytes of each of its arrays."""
        return [count * _SIZES[type] for _, type, count in self.arrays]


@dataclass(frozen=True)
class Node:
    """A layer and the clamps after it."""

    layers: tuple[Layer, ...]
    calls: tuple[Call, ...]


def c99_bytes(graph: LayerGraph, state: NetworkState) -> int | None:
    """Bytes of NAME.c, NAME.h and main.c; None for a network that is not in integers of at most 8 bits all through."""
    nodes = nodes_of(graph, state)
    if nodes is None or refusal(graph, state) is not None:
        return None
    body = calls = 0
    kernels: set[str] = set()
    for index, node in enumerate(nodes):
        last, names = node.layers[-1], [layer.source_name for layer in node.layers]
        body += 1 + len(text.node_comment(names, node.layers[0].kind, last.output_shape))
        for step, call in enumerate(node.calls):
            name = text.node_name(index, node.layers[0].name) + (f"_{step}" if step else "")
            fields = {field: f"{name}_{field}" for field, _, _ in call.arrays}
            body += sum(text.array_bytes(fields[field], type, count) for field, type, count in call.arrays)
            body += len(text.struct_text(name, call.kernel, {**_zeros(call.kernel), **fields}))
            calls += len(text.call_text(name, call.kernel, (text.place(0),) * call.reads, text.place(0)))
            kernels.add(call.kernel)
    entry, read = "", {name for layer in graph.layers for name in layer.inputs}
    for number, port in _numbered(graph.inputs):
        if state.bits(port.name) == WIDEST or port.name not in read:
            entry += text.input_text(_NAME, text.place(0), number)
            continue
        named = text.numbered("input_range", number)
        body += 1 + len(text.struct_text(named, "clamp", {}))
        kernels.add("clamp")
        entry += text.call_text(named, "clamp", (text.given(_NAME, "input", number),), text.place(0))
    results = [text.output_text(_NAME, text.place(0), number) for number, _ in _numbered(graph.outputs)]
    frame = text.source_text(
        _NAME,
        kernels=kernels,
        nodes="",
        calls="",
        entry=entry,
        output="".join(results),
        rounding="single",
    )
    macros: dict[str, int | float | str] = {"ARENA_SIZE": 0, "CONST_SIZE": 0, "ROUNDING": "single"}
    macros |= text.port_macros("INPUT", [_port(len(entry.shape)) for entry in graph.inputs])
    macros |= text.port_macros("OUTPUT", [_port(_rank(graph, output.layer)) for output in graph.outputs])
    header = text.header_text(_NAME, macros=macros)
    return body + calls + len(frame) + len(header) + len(text.example_text(_NAME))


_Port = TypeVar("_Port")


def _numbered(ports: Sequence[_Port]) -> Iterator[tuple[int | None, _Port]]:
    yield from enumerate(ports) if len(ports) > 1 else ((None, port) for port in ports)


def _rank(graph: LayerGraph, tensor: str) -> int:
    layer = graph.by_name.get(tensor)
    return len(layer.output_shape if layer is not None else graph.inputs[0].shape)


def _port(rank: int) -> text.Port:
    return text.Port(size=0, scale=0.0, zero_point=0, layout=text.LAYOUTS.get(rank, ""), axes="0" * rank)


def constant_bytes(graph: LayerGraph, state: NetworkState) -> int | None:
    """Bytes of weights, biases, scales and tables: NAME_CONST_SIZE."""
    nodes = nodes_of(graph, state)
    return None if nodes is None else sum(call.constants for node in nodes for call in node.calls)


def other_constants(graph: LayerGraph, state: NetworkState) -> int:
    """Bytes that layers without filters store in integers beyond their parameters: tables, multipliers, shifts."""
    return sum(layer_constants(layer, state) for layer in fold(graph).layers)


def layer_constants(layer: Layer, state: NetworkState) -> int:
    """The same of one layer of a folded graph."""
    calls = plain_calls(layer, state)
    return sum(call.constants for call in calls) - BIAS_BYTES * layer.params if calls else 0


def plain_calls(layer: Layer, state: NetworkState) -> tuple[Call, ...]:
    """What a layer without filters calls; nothing where it does not run in integers."""
    made = None if layer.weight_kind in FILTERED else _CALLS.get(layer.kind)
    if made is None or any(state.bits(name) > WIDEST for name in layer.inputs):
        return ()
    return tuple(made(layer, state))


def refusal(graph: LayerGraph, state: NetworkState) -> UserError | None:
    """Why a network cannot be exported as C99, as far as values tell: the layers and what to do; None: nothing is seen.

    `export.c99_axes` or `export.c99_not_integer`, as the export itself would say.
    """
    odd = [entry.source_name for entry in graph.inputs if len(entry.shape) not in text.LAYOUTS]
    if odd or not graph.inputs or not graph.outputs:
        return UserError("export.c99_axes", inputs=", ".join(odd))
    bad = [chain[0].source_name for chain in _chains(fold(graph)) if not _is_carried(graph, chain, state)]
    read = {name for layer in graph.layers for name in layer.inputs}
    bad += [entry.source_name for entry in graph.inputs if entry.name in read and state.bits(entry.name) > WIDEST]
    return UserError("export.c99_not_integer", layers=", ".join(bad)) if bad else None


def nodes_of(graph: LayerGraph, state: NetworkState) -> tuple[Node, ...] | None:
    """What the export will write; None where it will refuse."""
    chains = _chains(fold(graph))
    if not all(_is_carried(graph, chain, state) for chain in chains):
        return None
    return tuple(Node(tuple(chain), tuple(_CALLS[chain[0].kind](chain[0], state))) for chain in chains)


def calls_of(graph: LayerGraph, state: NetworkState) -> tuple[Call, ...]:
    """The calls of every layer that has a kernel, in execution order; what is wider than 8 bits counts as 8."""
    made = (chain[0] for chain in _chains(fold(graph)) if chain[0].kind in _CALLS)
    return tuple(call for layer in made for call in _CALLS[layer.kind](layer, state))


def _is_carried(graph: LayerGraph, chain: Sequence[Layer], state: NetworkState) -> bool:
    """Whether the layer with what is fused into it has a kernel, and codes of at most 8 bits."""
    first, result = chain[0], chain[-1]
    feed = graph.by_name.get(first.inputs[0])
    if first.kind in _CONSTANTS and feed is not None and feed.elements < first.elements:
        return False  # one value meets several constants
    widths = [state.bits(name) for name in (*first.inputs, result.name)]
    widths += [state.weight(first).bits] if first.weight_kind in FILTERED else []
    return first.kind in _CALLS and first.in_integers and max(widths) <= WIDEST


def _chains(graph: LayerGraph) -> list[list[Layer]]:
    """The layers of a folded graph, each with the clamps that are fused into it, in execution order."""
    inner = inner_tensors(graph)
    chains: dict[str, list[Layer]] = {}
    for layer in graph.layers:
        chain = chains.pop(layer.inputs[0]) if layer.inputs[0] in inner else []
        chains[layer.name] = [*chain, layer]
    places = {layer.name: place for place, layer in enumerate(graph.layers)}
    return sorted(chains.values(), key=lambda chain: places[chain[0].name])


def _zeros(kernel: str) -> Mapping[str, text.Value]:
    return {"extent": (0,) * 6, "stride": (0,) * 6} if kernel == "move" else {}


def filter_kernel(layer: Layer, weight: WeightState) -> str:
    """The kernel of a layer with filters; weights of more than 8 bits count as 8."""
    width = stored_width(min(weight.bits, WIDEST))
    if layer.kind in _OWN_KERNEL:
        return f"{_OWN_KERNEL[layer.kind] or layer.attributes['cell']}_{width}bit"
    if sparse_in_c(stored_layer(layer, weight, integer=True)) is not None:
        return sparse.KERNEL
    kind = "depthwise" if layer.weight_kind == "depthwise" and _filter_count(layer) > 1 else "conv"
    if layer.weight_kind == "grouped" or weight.zeros or (kind == "conv" and _has_gaps(layer)):
        kind = "conv_general"
    return f"{kind}_{width}bit"


def _has_gaps(layer: Layer) -> bool:
    """Whether the values that a row of a filter meets do not lie beside one another."""
    dilation = layer.attributes.get("dilation") or (1,)
    return dilation[-1] != 1 and (layer.weight_shape or (1,))[-1] != 1


def _filter_count(layer: Layer) -> int:
    return layer.weight_shape[0] if layer.weight_shape else 0


def _filters(layer: Layer, state: NetworkState) -> Iterator[Call]:
    weight = state.weight(layer)
    width, filters = stored_width(min(weight.bits, WIDEST)), _filter_count(layer)
    stored = -(-layer.weights * width // 8)
    weights = ("weights", "int8_t" if width == 8 else "uint8_t", stored)
    if (fewer := sparse_in_c(stored_layer(layer, weight, integer=True))) is not None:
        weights = ("weights", "uint8_t", fewer)
    arrays = [
        weights,
        ("bias", "int32_t", filters),
        ("multiplier", "int32_t", weight.scales),
        ("shift", "int8_t", weight.scales),
    ]
    arrays += [("weight_zeros", "int8_t", weight.zeros)] if weight.zeros else []
    yield Call(filter_kernel(layer, weight), tuple(arrays))


def _recurrent(layer: Layer, state: NetworkState) -> Iterator[Call]:
    weight, more = state.weight(layer), layer.params - layer.weights - layer.bias
    width = stored_width(min(weight.bits, WIDEST))
    arrays = [
        ("weights", "int8_t" if width == WIDEST else "uint8_t", -(-layer.weights * width // 8)),
        ("input_multiplier", "int32_t", weight.scales),
        ("state_multiplier", "int32_t", weight.scales),
        ("argument_shift", "int8_t", weight.scales),
        ("bias", "int32_t", layer.bias),
    ]
    arrays += [("state_bias", "int32_t", more)] if more else []
    arrays += [("weight_zeros", "int8_t", weight.zeros)] if weight.zeros else []
    yield Call(filter_kernel(layer, weight), tuple(arrays), reads=2)


def _norm(layer: Layer, state: NetworkState) -> Iterator[Call]:
    count = layer.params // 2
    yield Call("norm", (("factors", "int32_t", count), ("offsets", "int32_t", count)))


def _scaled(layer: Layer, state: NetworkState) -> Iterator[Call]:
    count = layer.params // 2 if layer.kind == "batch_norm" else layer.params
    arrays = [("weights", "int32_t", count), ("multiplier", "int32_t", count), ("shift", "int8_t", count)]
    arrays += [] if layer.kind == "multiply_constant" else [("bias", "int32_t", count)]
    yield Call("scaled", tuple(arrays))


def _prelu(layer: Layer, state: NetworkState) -> Iterator[Call]:
    count = layer.params
    yield Call(
        "prelu", (("weights", "int32_t", 2 * count), ("multiplier", "int32_t", count), ("shift", "int8_t", count))
    )


def _mean(layer: Layer, state: NetworkState) -> Iterator[Call]:
    yield Call("mean_pool", (("multiplier", "int32_t", 1), ("shift", "int8_t", 1)))


def _lookup(layer: Layer, state: NetworkState) -> Iterator[Call]:
    yield Call("lookup", (("table", "int8_t", 1 << state.bits(layer.inputs[0])),))


def _softmax(layer: Layer, state: NetworkState) -> Iterator[Call]:
    yield Call("softmax", (("table", "int32_t", 1 << state.bits(layer.inputs[0])),))


def _log_softmax(layer: Layer, state: NetworkState) -> Iterator[Call]:
    yield Call("log_softmax", (("table", "int32_t", 1 << state.bits(layer.inputs[0])),))


def _rows(layer: Layer, state: NetworkState) -> Iterator[Call]:
    yield Call("rows", (("table", "int8_t", layer.params),))


def _concat(layer: Layer, state: NetworkState) -> Iterator[Call]:
    return (Call("place") for _ in layer.inputs)


def _plain(kernel: str, reads: int = 1) -> Callable[[Layer, NetworkState], Iterator[Call]]:
    return lambda layer, state: iter((Call(kernel, reads=reads),))


def _nothing(layer: Layer, state: NetworkState) -> Iterator[Call]:
    return iter(())


_CALLS: Mapping[str, Callable[[Layer, NetworkState], Iterator[Call]]] = {
    **dict.fromkeys(("conv", "conv_transpose", "linear"), _filters),
    "recurrent": _recurrent,
    **dict.fromkeys(("layer_norm", "group_norm"), _norm),
    "matmul": _plain("product", 2),
    "resize": _plain("resize"),
    **dict.fromkeys(("batch_norm", "multiply_constant", "add_constant"), _scaled),
    "prelu": _prelu,
    **dict.fromkeys(("avg_pool", "global_avg_pool", "mean"), _mean),
    **dict.fromkeys(("max_pool", "global_max_pool"), _plain("max_pool")),
    **dict.fromkeys(("relu", "relu6", "clip"), _plain("clamp")),
    **dict.fromkeys(
        (
            *("sigmoid", "tanh", "hard_sigmoid", "hard_swish", "leaky_relu", "gelu", "silu", "erf", "smooth"),
            *("elementary", "power"),
        ),
        _lookup,
    ),
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "embedding": _rows,
    **dict.fromkeys(("add", "subtract"), _plain("add", 2)),
    "multiply": _plain("multiply", 2),
    "concat": _concat,
    **dict.fromkeys(("flatten", "reshape", "identity", "dropout"), _nothing),
    **dict.fromkeys(("transpose", "upsample", "slice"), _plain("move")),
    "pad": _plain("pad"),
}
"""By kind of layer, the calls that its C facet makes."""
