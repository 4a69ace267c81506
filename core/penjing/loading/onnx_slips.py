"""Operators that no onnxruntime knows, though exporters write them: said with those that it has."""

import onnx
from onnx import helper

_ONE = "#one"


def mended(proto: onnx.ModelProto) -> None:
    """Rewrites a file, in place.

    tf2onnx hands TensorFlow's `Erfc` on as it is (Keras's GELU is made of it): erfc(x) = 1 - erf(x). `Swish`, in the
    standard since version 24, is x · sigmoid(alpha · x).
    """
    if not any(_is(node, "Erfc") or _is(node, "Swish") for node in proto.graph.node):
        return
    nodes = [helper.make_node("Constant", [], [_ONE], value=_one())]
    for node in proto.graph.node:
        if _is(node, "Erfc"):
            inner = f"{node.output[0]}#erf"
            nodes.append(helper.make_node("Erf", list(node.input), [inner], name=node.name))
            nodes.append(helper.make_node("Sub", [_ONE, inner], list(node.output)))
        elif _is(node, "Swish"):
            nodes += _swish(node)
        else:
            nodes.append(node)
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)


def _one() -> onnx.TensorProto:
    return onnx.TensorProto(data_type=onnx.TensorProto.FLOAT, float_data=[1.0])


def _swish(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    (value,), (result,) = node.input, node.output
    alpha = next((entry.f for entry in node.attribute if entry.name == "alpha"), 1.0)
    made, steeper = [], value
    if alpha != 1:
        steeper = f"{result}#steeper"
        made.append(helper.make_node("Constant", [], [f"{result}#alpha"], value_float=alpha))
        made.append(helper.make_node("Mul", [value, f"{result}#alpha"], [steeper]))
    made.append(helper.make_node("Sigmoid", [steeper], [f"{result}#gate"]))
    return [*made, helper.make_node("Mul", [value, f"{result}#gate"], [result], name=node.name)]


def _is(node: onnx.NodeProto, op: str) -> bool:
    return node.op_type == op and node.domain in ("", "ai.onnx") and len(node.input) == len(node.output) == 1
