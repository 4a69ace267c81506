"""ONNX nodes that hold graphs: limits, branches that are known to be taken, and bodies made fit to be kept whole."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import onnx

from penjing.errors import UserError
from penjing.loading import limits
from penjing.loading.onnx_floats import FLOATS, in_float32
from penjing.model.nested import depth, every_node, graphs_of, with_names
from penjing.model.opaque import MOST_NESTED

Take = Callable[[onnx.TensorProto], None]
"""Puts a stored tensor among the file's values, under its name."""


def check_nesting(graph: onnx.GraphProto, where: str) -> None:
    """Whether the nodes can be counted, those inside of nodes with them.

    Raises:
        UserError: `load.too_big`, `load.sparse_tensors`.
    """
    limits.check(depth(graph.node), MOST_NESTED, what="graphs inside one another", where=where)
    nodes = list(itertools.islice(every_node(graph.node), limits.MAX_NODES + 1))
    limits.check(len(nodes), limits.MAX_NODES, what="nodes", where=where)
    inner = [one for node in nodes for one in graphs_of(node)]
    tensors = len(graph.initializer) + sum(len(one.initializer) for one in inner)
    limits.check(tensors, limits.MAX_TENSORS, what="tensors", where=where)
    if graph.sparse_initializer or any(one.sparse_initializer for one in inner):
        raise UserError("load.sparse_tensors", where=where)


def names_of(nodes: Iterable[onnx.NodeProto]) -> Iterator[object]:
    """Every name inside the graphs of these nodes."""
    for graph in (one for node in every_node(nodes) for one in graphs_of(node)):
        for value in (*graph.input, *graph.output, *graph.value_info):
            yield value.name
        for tensor in graph.initializer:
            yield tensor.name
            yield from (part for entry in tensor.external_data for part in (entry.key, entry.value))
        for node in graph.node:
            yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
            yield from (entry.name for entry in node.attribute)


def with_own_names(node: onnx.NodeProto, take: Take) -> onnx.NodeProto:
    """The node, its graphs as they can be kept: nothing in them is named like anything else of the file.

    Stored numbers go where the file's own are, floats of any width become float32, and shapes that were written for
    one size of batch are forgotten.
    """
    stem, count = next((name for name in node.output if name), node.op_type), itertools.count()
    made: onnx.NodeProto = with_names(node, str, lambda name: f"{stem}#s{next(count)}")
    # Inner ones first: nodes that are put back are copies.
    for graph in reversed([one for inner in every_node([made]) for one in graphs_of(inner)]):
        _plain(graph)
        _without_numbers(graph, take)
    return made


def _plain(graph: onnx.GraphProto) -> None:
    graph.doc_string = ""
    del graph.value_info[:], graph.metadata_props[:], graph.quantization_annotation[:]
    for value in (*graph.input, *graph.output):
        value.doc_string = ""
        if value.type.WhichOneof("value") == "tensor_type":
            kind = value.type.tensor_type
            if len(kind.shape.dim) > 1:  # a number, as that of the turns of a loop, stays one
                for extent in kind.shape.dim:
                    extent.Clear()
            if kind.elem_type in FLOATS:
                kind.elem_type = onnx.TensorProto.FLOAT
    for node in graph.node:
        node.CopyFrom(in_float32(node))


def _without_numbers(graph: onnx.GraphProto, take: Take) -> None:
    given = {entry.name for entry in graph.input}
    for tensor in graph.initializer:
        if tensor.name not in given:
            take(tensor)
    del graph.initializer[:]
    left = []
    for node in graph.node:
        tensor = _constant(node)
        if tensor is None:
            left.append(node)
        else:
            take(tensor)
    del graph.node[:]
    graph.node.extend(left)


def _constant(node: onnx.NodeProto) -> onnx.TensorProto | None:
    """The tensor of a Constant node; None of other nodes, and of constants that are text."""
    if node.op_type != "Constant" or node.domain or len(node.attribute) != 1 or len(node.output) != 1:
        return None
    entry = node.attribute[0]
    tensor = onnx.TensorProto()
    if entry.name == "value" and entry.type == onnx.AttributeProto.TENSOR:
        tensor.CopyFrom(entry.t)
    elif entry.name in _PLAIN:
        value: Any = onnx.helper.get_attribute_value(entry)
        tensor = onnx.numpy_helper.from_array(np.array(value, _PLAIN[entry.name]))
    else:
        return None
    tensor.name = node.output[0]
    return tensor


_PLAIN = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}
"""By attribute of a Constant node: the type of what it stores."""
