"""Whether the operators of an ONNX file are known, before any of its nodes is read."""

import onnx

from penjing.errors import UserError
from penjing.loading.assembly import known
from penjing.loading.onnx_folding import FOLDED
from penjing.loading.onnx_qdq import NODES
from penjing.loading.onnx_stored import FILLED
from penjing.model.nested import DOMAINS, every_node
from penjing.model.operators.reading import OnnxNode


def check_known(graph: onnx.GraphProto) -> None:
    """Refuses a file with operators that neither a row nor the standard knows; all of them are named at once.

    Raises:
        UserError: `load.unknown_operator`.
    """
    stored = {tensor.name for tensor in graph.initializer}
    unknown: dict[str, str] = {}
    for node in every_node(graph.node):
        if node.domain in ("", "ai.onnx"):
            if node.op_type in ("Constant", "Shape", "Size", FILLED):
                stored.update(node.output)
                continue
            if node.op_type in (*FOLDED, *NODES) and all(name in stored for name in node.input if name):
                stored.update(node.output)
                continue
            if known(OnnxNode, node.op_type) or onnx.defs.has(node.op_type):
                continue
            op = node.op_type
        elif node.domain in DOMAINS:
            continue  # whether onnxruntime has it is known once it runs
        else:
            op = f"{node.domain}.{node.op_type}"
        unknown.setdefault(op, node.name or next(iter(node.output), ""))
    if unknown:
        layer = next(iter(unknown.values()))
        raise UserError("load.unknown_operator", operator=", ".join(sorted(unknown)), layer=layer)
