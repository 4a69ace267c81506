"""What exporters write as several nodes though it is one operator: layer norm, also of Keras, and softplus of torch."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
from onnx import helper

from penjing.errors import UserError
from penjing.loading.onnx_tensors import Array, array_of

SAME_FROM = 17.0
"""From here on log(1 + exp(x)) is x in float32: it is larger by exp(-x), less than half a unit in x's last place."""

MOST_COPIES = 8
"""Copies of copies that are followed."""


def joined(proto: onnx.ModelProto, folder: Path) -> None:
    """Rewrites a file, in place: nodes that are one operator together become that operator.

    Where(Greater(x, threshold), x, Softplus(x)) is Softplus(x), from a threshold on from which both are alike;
    d / √(mean(d²) + ε) · γ + β of d = x - mean(x) along the last axis is a LayerNormalization (Ba 2016), and so is what
    Keras makes of it: x s + (-mean(x) s + β) with s = γ / √(mean(d²) + ε).
    """
    found = _Nodes(proto.graph, folder)
    joins = (_softplus, _layer_norm, _layer_norm_of_keras)
    nodes = [next((new for join in joins if (new := join(found, node)) is not None), node) for node in found.nodes]
    if all(new is old for new, old in zip(nodes, found.nodes, strict=True)):
        return
    read = {entry.name for entry in proto.graph.output}
    kept = []
    # Backwards: what only the joined nodes read goes, and what only that read.
    for node in reversed(nodes):
        if node.op_type not in _JOINED or read.intersection(node.output):
            kept.append(node)
            read.update(node.input)
            read.update(name for entry in node.attribute for name in _inner(entry))
    del proto.graph.node[:]
    proto.graph.node.extend(reversed(kept))


_JOINED = ("Add", "Div", "Greater", "Mul", "Neg", "Pow", "Reciprocal", "ReduceMean", "Sqrt", "Sub")


def _inner(entry: onnx.AttributeProto) -> list[str]:
    """What graphs inside a node read, at any depth."""
    graphs = [entry.g, *entry.graphs]
    nodes = [node for graph in graphs for node in graph.node]
    own = [name for node in nodes for name in node.input] + [one.name for graph in graphs for one in graph.output]
    return own + [name for node in nodes for inner in node.attribute for name in _inner(inner)]


class _Nodes:
    """A graph's nodes by what they make, and how often each value is read."""

    def __init__(self, graph: onnx.GraphProto, folder: Path) -> None:
        self.nodes, self._folder = list(graph.node), folder
        self.made_by = {name: node for node in self.nodes if not node.domain for name in node.output if name}
        self.stored = {entry.name: entry for entry in graph.initializer}
        self.reads = Counter(name for node in self.nodes for name in node.input)
        self.reads.update(entry.name for entry in graph.output)
        self.reads.update(name for node in self.nodes for entry in node.attribute for name in _inner(entry))

    def maker(self, name: str, op: str, *, reads: int = 1, inputs: int = 2) -> onnx.NodeProto | None:
        """The node of this kind that makes a value, if so many nodes read it."""
        node = self.made_by.get(name)
        fits = node is not None and node.op_type == op and self.reads[name] == reads and len(node.input) == inputs
        return node if fits else None

    def array(self, name: str) -> Array | None:
        """What is stored under a name, in the graph or in a Constant node, if it is one row along the last axis."""
        tensor, maker = self.stored.get(name), self.made_by.get(name)
        for _ in range(MOST_COPIES):  # exporters store equal tensors once
            if maker is None or maker.op_type != "Identity" or not maker.input:
                break
            tensor, maker = self.stored.get(maker.input[0]), self.made_by.get(maker.input[0])
        if maker is not None and maker.op_type == "Constant":
            tensor = next((entry.t for entry in maker.attribute if entry.name == "value"), None)
        try:
            return (
                None
                if tensor is None or any(size != 1 for size in tensor.dims[:-1])
                else array_of(tensor, self._folder)
            )
        except UserError:
            return None  # a damaged one: whoever reads it says so

    def number(self, name: str) -> float | None:
        """The same, of one number."""
        array = self.array(name)
        return float(array.reshape(-1)[0]) if array is not None and array.size == 1 else None

    def with_stored(self, node: onnx.NodeProto) -> tuple[str, str] | None:
        """Of a sum or product the value and the stored row."""
        for value, other in (tuple(node.input), tuple(reversed(node.input))):
            array = self.array(other)
            if array is not None and array.ndim > 0:
                return value, other
        return None


def _softplus(found: _Nodes, node: onnx.NodeProto) -> onnx.NodeProto | None:
    if node.op_type != "Where" or node.domain or len(node.input) != 3:
        return None
    condition, value, smooth = node.input
    beyond, softplus = found.maker(condition, "Greater"), found.made_by.get(smooth)
    if beyond is None or softplus is None or softplus.op_type != "Softplus" or softplus.input[:] != [value]:
        return None
    threshold = found.number(beyond.input[1]) if beyond.input[0] == value else None
    if threshold is None or not threshold >= SAME_FROM:
        return None
    return helper.make_node("Identity", [smooth], list(node.output), name=node.name)


def _layer_norm(found: _Nodes, node: onnx.NodeProto) -> onnx.NodeProto | None:
    if node.op_type != "Add" or node.domain or len(node.input) != 2:
        return None
    shifted = found.with_stored(node)
    times = found.maker(shifted[0], "Mul") if shifted else None
    scaled = found.with_stored(times) if times is not None else None
    over = found.maker(scaled[0], "Div") if scaled else None
    root = found.maker(over.input[1], "Sqrt", inputs=1) if over is not None else None
    inside = found.maker(root.input[0], "Add") if root is not None else None
    if shifted is None or scaled is None or over is None or inside is None:
        return None
    variance, epsilon = _mean(found, inside.input[0]), found.number(inside.input[1])
    square = found.maker(variance, "Pow") if variance is not None else None
    if square is None or epsilon is None or found.number(square.input[1]) != 2 or square.input[0] != over.input[0]:
        return None
    apart = found.maker(over.input[0], "Sub", reads=2)
    if apart is None or _mean(found, apart.input[1]) != apart.input[0]:
        return None
    name = f"{over.name.rpartition('/')[0]}/LayerNormalization" if "/" in over.name else node.name
    inputs = [apart.input[0], scaled[1], shifted[1]]
    return helper.make_node("LayerNormalization", inputs, list(node.output), name=name, axis=-1, epsilon=epsilon)


def _layer_norm_of_keras(found: _Nodes, node: onnx.NodeProto) -> onnx.NodeProto | None:
    if node.op_type != "Add" or node.domain or len(node.input) != 2:
        return None
    times, rest = found.maker(node.input[0], "Mul"), found.maker(node.input[1], "Add")
    shifted = found.with_stored(rest) if rest is not None else None
    lower = found.maker(shifted[0], "Mul") if shifted else None
    minus = found.maker(lower.input[0], "Neg", inputs=1) if lower is not None else None
    if times is None or lower is None or minus is None or shifted is None or times.input[1] != lower.input[1]:
        return None
    value, mean = times.input[0], minus.input[0]
    factor = found.maker(times.input[1], "Mul", reads=2)
    scaled = found.with_stored(factor) if factor is not None else None
    over = found.maker(scaled[0], "Reciprocal", inputs=1) if scaled else None
    root = found.maker(over.input[0], "Sqrt", inputs=1) if over is not None else None
    inside = found.maker(root.input[0], "Add") if root is not None else None
    if scaled is None or inside is None:
        return None
    variance, epsilon = _mean(found, inside.input[0]), found.number(inside.input[1])
    square = found.maker(variance, "Mul") if variance is not None else None
    apart = found.maker(square.input[0], "Sub", reads=2) if square is not None else None
    if square is None or apart is None or epsilon is None or square.input[0] != square.input[1]:
        return None
    if apart.input[:] != [value, mean] or _mean(found, mean, reads=2) != value:
        return None
    inputs = [value, scaled[1], shifted[1]]
    return helper.make_node("LayerNormalization", inputs, list(node.output), name=node.name, axis=-1, epsilon=epsilon)


def _mean(found: _Nodes, name: str, *, reads: int = 1) -> str | None:
    """What a value is the mean of, along the last axis, which stays."""
    for inputs in (1, 2):
        node = found.maker(name, "ReduceMean", inputs=inputs, reads=reads)
        if node is None:
            continue
        said = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
        axes = found.array(node.input[1]) if inputs == 2 else said.get("axes")
        if axes is not None and np.ravel(axes).tolist() == [-1] and said.get("keepdims", 1) == 1:
            return str(node.input[0])
    return None
