"""Softplus as torch's newer exporter writes it, with a threshold from which on it is the value itself, is Softplus."""

import onnx
from onnx import numpy_helper

LEAST = 17.0
"""From here on log(1 + exp(x)) is x in float32: it is larger by exp(-x), less than half a unit in x's last place."""


def without_thresholds(proto: onnx.ModelProto) -> None:
    """Rewrites a file, in place: Where(Greater(x, threshold), x, Softplus(x)) becomes Softplus(x)."""
    nodes = proto.graph.node
    made_by = {name: node for node in nodes for name in node.output if name}
    if not any(node.op_type == "Where" and _is_softplus(node, made_by, proto.graph) for node in nodes):
        return
    kept = []
    for node in nodes:
        if node.op_type == "Where" and _is_softplus(node, made_by, proto.graph):
            kept.append(onnx.helper.make_node("Identity", [node.input[2]], list(node.output), name=node.name))
        else:
            kept.append(node)
    read = {name for node in kept for name in node.input} | {entry.name for entry in proto.graph.output}
    kept = [node for node in kept if node.op_type != "Greater" or read.intersection(node.output)]
    del nodes[:]
    nodes.extend(kept)


def _is_softplus(node: onnx.NodeProto, made_by: dict[str, onnx.NodeProto], graph: onnx.GraphProto) -> bool:
    if node.domain or len(node.input) != 3 or len(node.output) != 1:
        return False
    beyond, smooth = made_by.get(node.input[0]), made_by.get(node.input[2])
    if beyond is None or smooth is None or (beyond.op_type, smooth.op_type) != ("Greater", "Softplus"):
        return False
    if len(beyond.input) != 2 or not beyond.input[0] == smooth.input[0] == node.input[1]:
        return False
    threshold = _number(beyond.input[1], made_by, graph)
    return threshold is not None and threshold >= LEAST


def _number(name: str, made_by: dict[str, onnx.NodeProto], graph: onnx.GraphProto) -> float | None:
    """A stored number; None of anything else."""
    maker = made_by.get(name)
    if maker is None:
        stored = next((entry for entry in graph.initializer if entry.name == name), None)
    else:
        values = [entry.t for entry in maker.attribute if maker.op_type == "Constant" and entry.name == "value"]
        stored = values[0] if values else None
    if stored is None or stored.data_location == onnx.TensorProto.EXTERNAL or len(stored.dims) > 1:
        return None
    try:
        array = numpy_helper.to_array(stored)
    except Exception:  # a damaged tensor; whoever reads it says so
        return None
    return float(array.reshape(-1)[0]) if array.size == 1 and array.dtype.kind == "f" else None
