"""ONNX files whose activations are rounded while they run: products of codes said as products of what these stand for.

Then their weights are those of layers, on a grid:

    (x_codes - x_zero) · (w_codes - w_zero) · (x_scale · w_scale) = real(x_codes) · real(w_codes)

`onnxruntime.quantization.quantize_dynamic` writes the left side as MatMulInteger or ConvInteger, Cast and Mul; its
optimizer as one node of its own.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import onnx
from onnx import helper

_PRODUCTS: Mapping[str, str] = {"MatMulInteger": "MatMul", "ConvInteger": "Conv"}
_MICROSOFTS = ("DynamicQuantizeMatMul", "MatMulIntegerToFloat")
_DEQUANTIZE, _DYNAMIC = "DequantizeLinear", "DynamicQuantizeLinear"


class _Side(NamedTuple):
    """Codes, their scale, and their zero point or ""."""

    codes: str
    scale: str
    zero: str


def in_reals(proto: onnx.ModelProto) -> None:
    """Rewrites such products, in place; what does not look like one stays."""
    graph = proto.graph
    if not any(node.op_type in (*_PRODUCTS, *_MICROSOFTS) for node in graph.node):
        return
    known = _Known(graph)
    nodes = [made for node in graph.node if node.output for made in known.instead(node)]
    del graph.node[:]
    graph.node.extend(nodes)


class _Known:
    def __init__(self, graph: onnx.GraphProto) -> None:
        self._needless: set[str] = set()
        self._made = {name: node for node in graph.node for name in node.output}
        self._readers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in graph.node:
            for name in node.input:
                self._readers[name].append(node)
        self._ends = Counter(entry.name for entry in graph.output)
        self._shapes = {entry.name: tuple(entry.dims) for entry in graph.initializer}
        self._reals: set[str] = set()

    def instead(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """What stands for one node."""
        if node.output[0] in self._needless:
            return
        if node.op_type in _PRODUCTS and node.domain in ("", "ai.onnx"):
            yield from self._product(node)
        elif node.op_type in _MICROSOFTS and node.domain == "com.microsoft":
            yield from self._of_microsoft(node)
        else:
            yield node

    def _product(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        given = [*node.input, "", "", ""]
        source, cast, scaled = self._made.get(given[0]), self._only(node, "Cast"), None
        if cast is not None and source is not None and source.op_type == _DYNAMIC and len(source.output) == 3:
            scaled = self._only(cast, "Mul")
        weights = None if scaled is None or source is None else self._scale_beside(scaled, source.output[1])
        if source is None or cast is None or scaled is None or weights is None or given[2] != source.output[2]:
            yield node
            return
        op, shape, scales = _PRODUCTS[node.op_type], self._shapes.get(given[1]), self._shapes.get(weights)
        if not shape or scales is None or len(scales) > 1 or (op == "Conv" and scales not in ((), (1,))):
            yield node
            return
        left = _Side(given[0], source.output[1], given[2])
        right = _Side(given[1], weights, given[3])
        yield from self._written(op, left, right, scaled.output[0], node, axis=0 if op == "Conv" else len(shape) - 1)
        self._needless |= {*cast.output, *scaled.output}

    def _of_microsoft(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        given, name = [*node.input, *[""] * 7], node.output[0]
        shape = self._shapes.get(given[1])
        if not shape:
            yield node
            return
        if node.op_type == "DynamicQuantizeMatMul":
            left = _Side(f"{name}#codes", f"{name}#scale", f"{name}#zero")
            yield helper.make_node(_DYNAMIC, [given[0]], list(left))
            right, bias = _Side(given[1], given[2], given[3]), given[4]
        else:
            left, right, bias = _Side(given[0], given[2], given[4]), _Side(given[1], given[3], given[5]), given[6]
        result = f"{name}#product" if bias else name
        yield from self._written("MatMul", left, right, result, node, axis=len(shape) - 1)
        if bias:
            yield helper.make_node("Add", [result, bias], [name])

    def _written(
        self, op: str, left: _Side, right: _Side, result: str, node: onnx.NodeProto, *, axis: int
    ) -> Iterator[onnx.NodeProto]:
        reals = []
        for side, along in ((left, 1), (right, axis)):
            reals.append(f"{side.codes}#real")
            if reals[-1] not in self._reals:
                self._reals.add(reals[-1])
                feeds = [name for name in side if name]
                yield helper.make_node(_DEQUANTIZE, feeds, [reals[-1]], axis=along)
        made = helper.make_node(op, reals, [result], name=node.name)
        made.attribute.extend(node.attribute)
        yield made

    def _only(self, node: onnx.NodeProto, op: str) -> onnx.NodeProto | None:
        """What alone reads a node's only result, if it is such an operator."""
        readers = self._readers[node.output[0]] if len(node.output) == 1 else []
        alone = len(readers) == 1 and readers[0].op_type == op and node.output[0] not in self._ends
        return readers[0] if alone else None

    def _scale_beside(self, scaled: onnx.NodeProto, own: str) -> str | None:
        """The weight's scale where a product is scaled by it and by that of the values, multiplied."""
        for name in scaled.input:
            both = self._made.get(name)
            if both is not None and both.op_type == "Mul" and own in both.input:
                return next((other for other in both.input if other != own), None)
        return None
