"""ONNX files in the older "QOperator" form, where one node computes on codes: said with QuantizeLinear and its inverse.

`QLinearConv(x, …)` means `QuantizeLinear(Conv(DequantizeLinear(x), …))`: that is how the standard defines it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import onnx
from onnx import helper

from penjing.loading.onnx_dynamic import in_reals

_DEQUANTIZE, _QUANTIZE = "DequantizeLinear", "QuantizeLinear"


@dataclass(frozen=True, kw_only=True)
class _Form:
    """Where a node keeps what: (value, scale, zero point) of each input, those of the result, its bias."""

    op: str
    inputs: Sequence[tuple[int, int, int]]
    result: tuple[int, int]
    bias: int | None = None
    own: Sequence[str] = ()
    """Attributes that the plain operator does not have."""


_ONE, _TWO = [(0, 1, 2)], [(0, 1, 2), (3, 4, 5)]
_FORMS: Mapping[str, _Form] = {
    "QLinearConv": _Form(op="Conv", inputs=_TWO, result=(6, 7), bias=8),
    "QLinearMatMul": _Form(op="MatMul", inputs=_TWO, result=(6, 7)),
    "QLinearAdd": _Form(op="Add", inputs=_TWO, result=(6, 7)),
    "QLinearMul": _Form(op="Mul", inputs=_TWO, result=(6, 7)),
    "QGemm": _Form(op="Gemm", inputs=_TWO, result=(7, 8), bias=6),
    "QLinearSigmoid": _Form(op="Sigmoid", inputs=_ONE, result=(3, 4)),
    "QLinearLeakyRelu": _Form(op="LeakyRelu", inputs=_ONE, result=(3, 4)),
    "QLinearSoftmax": _Form(op="Softmax", inputs=_ONE, result=(3, 4), own=("opset",)),
    "QLinearAveragePool": _Form(op="AveragePool", inputs=_ONE, result=(3, 4), own=("channels_last",)),
    "QLinearGlobalAveragePool": _Form(op="GlobalAveragePool", inputs=_ONE, result=(3, 4), own=("channels_last",)),
}
"""By operator of the standard, or of onnxruntime's own (domain com.microsoft)."""

_OURS = ("", "ai.onnx", "com.microsoft")


def spelled_out(proto: onnx.ModelProto) -> None:
    """Rewrites a file, in place, so that nothing but the two nodes speaks of codes."""
    in_reals(proto)
    if not any(_speaks(node) for node in proto.graph.node):
        return
    nodes = [made for node in proto.graph.node for made in _nodes(node)]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)


def _speaks(node: onnx.NodeProto) -> bool:
    alike = node.op_type in (_QUANTIZE, _DEQUANTIZE) and node.domain == "com.microsoft"
    return node.domain in _OURS and (alike or node.op_type in _FORMS or node.op_type == "QLinearConcat")


def _nodes(node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    if not _speaks(node):
        yield node
    elif node.op_type in (_QUANTIZE, _DEQUANTIZE):
        node.domain = ""
        yield node
    elif node.op_type == "QLinearConcat":
        triples = [(place, place + 1, place + 2) for place in range(2, len(node.input) - 2, 3)]
        yield from _in_reals(node, _Form(op="Concat", inputs=triples, result=(0, 1)))
    elif any(entry.name == "channels_last" and entry.i for entry in node.attribute):
        yield node  # no plain operator pools the middle axes
    else:
        yield from _in_reals(node, _FORMS[node.op_type])


def _in_reals(node: onnx.NodeProto, form: _Form) -> Iterator[onnx.NodeProto]:
    given = [*node.input, *[""] * 10]
    name = node.output[0]
    reals = []
    for place, (value, scale, zero) in enumerate(form.inputs):
        reals.append(f"{name}#real{place}")
        # Scales of filters: a convolution's lie along its weight's first axis, a matrix product's along the last.
        turned = any(entry.name == "transB" and entry.i for entry in node.attribute)
        axis = 0 if form.op == "Conv" or turned else 1
        feeds = [given[part] for part in (value, scale, zero) if given[part]]
        yield helper.make_node(_DEQUANTIZE, feeds, [reals[-1]], axis=axis)
    if form.bias is not None and given[form.bias]:
        yield helper.make_node("Mul", [given[form.inputs[0][1]], given[form.inputs[1][1]]], [f"{name}#unit"])
        yield helper.make_node(_DEQUANTIZE, [given[form.bias], f"{name}#unit"], [f"{name}#bias"], axis=0)
        reals.append(f"{name}#bias")
    scale, zero = (given[part] for part in form.result)
    plain = helper.make_node(form.op, reals, [f"{name}#result" if scale else name], name=node.name)
    plain.attribute.extend(entry for entry in node.attribute if entry.name not in form.own)
    yield plain
    if scale:
        yield helper.make_node(_QUANTIZE, [f"{name}#result", scale, *([zero] if zero else [])], [name])
