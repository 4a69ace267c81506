"""Operators that exporters write though the standard has none of the name: said with those that it has."""

import onnx
from onnx import helper

_ONE = "#one"


def mended(proto: onnx.ModelProto) -> None:
    """Rewrites a file, in place.

    tf2onnx hands TensorFlow's `Erfc` on as it is (Keras's GELU is made of it): erfc(x) = 1 - erf(x).
    """
    if not any(_is_erfc(node) for node in proto.graph.node):
        return
    one = onnx.TensorProto(data_type=onnx.TensorProto.FLOAT, float_data=[1.0])
    nodes = [helper.make_node("Constant", [], [_ONE], value=one)]
    for node in proto.graph.node:
        if _is_erfc(node):
            inner = f"{node.output[0]}#erf"
            nodes.append(helper.make_node("Erf", list(node.input), [inner], name=node.name))
            nodes.append(helper.make_node("Sub", [_ONE, inner], list(node.output)))
        else:
            nodes.append(node)
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)


def _is_erfc(node: onnx.NodeProto) -> bool:
    return node.op_type == "Erfc" and node.domain in ("", "ai.onnx") and len(node.input) == len(node.output) == 1
