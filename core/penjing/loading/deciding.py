"""Whether a piece of ONNX nodes decides by its feeds what it does: then a batch is not each of its examples alone."""

from collections.abc import Iterable, Sequence

import onnx

from penjing.model.nested import every_node

_RANGES = frozenset({"DynamicQuantizeLinear", "DynamicQuantizeLSTM", "DynamicQuantizeMatMul"})
"""Operators that round to a range which they find in all examples together."""

_SHAPES = frozenset({"Shape", "Size"})
"""What looks at a value but not at its numbers."""


def decides(nodes: Sequence[onnx.NodeProto], feeds: Iterable[str]) -> bool:
    """Whether a branch, the number of a loop's turns, or a range of codes depends on the numbers of the feeds."""
    known = set(feeds)
    if any(node.op_type in _RANGES for node in every_node(nodes)):
        return True
    return _follow(nodes, known)


def _follow(nodes: Sequence[onnx.NodeProto], known: set[str]) -> bool:
    """Whether one of the nodes decides; `known` gains every value that depends on the feeds."""
    found = False
    for node in nodes:
        if node.op_type in _SHAPES:
            continue
        graphs = {entry.name: entry.g for entry in node.attribute if entry.type == onnx.AttributeProto.GRAPH}
        if node.op_type == "If":
            found |= node.input[0] in known
            for graph in graphs.values():
                found |= _follow(graph.node, known)
                depends = [entry.name in known for entry in graph.output]
                known.update(name for name, one in zip(node.output, depends, strict=False) if one)
        elif node.op_type == "Loop" and "body" in graphs:
            found |= _loop(node, graphs["body"], known)
        else:
            for graph in graphs.values():
                known.update(entry.name for entry in graph.input)
                found |= _follow(graph.node, known)
            if graphs or any(name in known for name in node.input):
                known.update(node.output)
    return found


def _loop(node: onnx.NodeProto, body: onnx.GraphProto, known: set[str]) -> bool:
    counts = any(name in known for name in node.input[:2])
    carried = [entry.name for entry in body.input[2:]]
    known.update(own for own, given in zip(carried, node.input[2:], strict=False) if given in known)
    found = False
    while True:  # what a turn makes of the feeds, the next one is given
        before = len(known)
        found |= _follow(body.node, known)
        made = [entry.name for entry in body.output]
        known.update(own for own, name in zip(carried, made[1:], strict=False) if name in known)
        if len(known) == before:
            break
    known.update(name for name, inner in zip(node.output, made[1:], strict=False) if inner in known or counts)
    return found or counts or (bool(made) and made[0] in known)
