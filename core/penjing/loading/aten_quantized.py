"""Quantized programs of torch.export, as torchao's PT2E flow writes them: what they round becomes grids.

`quantized_decomposed.quantize_…` and `dequantize_…` mean what ONNX's QuantizeLinear and DequantizeLinear mean, but
that the range of codes is said by their bounds. A range that is found while the network runs
(`choose_qparams`) is the one of ONNX's DynamicQuantizeLinear, which is kept as such.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from penjing.loading.assembly import Assembly
from penjing.loading.onnx_qdq import grid_of, real_of
from penjing.model.model import Quantizer
from penjing.model.opaque import as_text
from penjing.model.operators.reading import Activation, AtenNode, Constant, Draft

NAMESPACE = "quantized_decomposed"
OPERATORS = frozenset(
    f"{NAMESPACE}.{name}"
    for name in (
        "quantize_per_tensor",
        "dequantize_per_tensor",
        "quantize_per_channel",
        "dequantize_per_channel",
        "choose_qparams",
    )
)
_OPSET = 18


@dataclass(frozen=True)
class Range:
    """The scale or the zero point that is found while the network runs, of these values."""

    of: Activation


@dataclass(frozen=True)
class Coded:
    """A tensor as codes: the real values, and their grid; None where it is found while the network runs."""

    real: Activation
    grid: Quantizer | None


class Rounded:
    """What one program rounds, each tensor to a grid once."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._made: dict[tuple[Any, ...], Activation] = {}

    def read(self, node: AtenNode, wanted: str) -> Any:
        """The result of one call, its arguments no longer moved.

        Raises:
            UserError: `load.unsupported_form` where codes are of a kind that module form has no grid for.
        """
        op = node.op.removeprefix(f"{NAMESPACE}.")
        value, scale, zero = node.get("input"), node.get("scale", node.get("scales")), node.get("zero_point")
        zero = node.get("zero_points") if zero is None else zero
        if op == "choose_qparams":
            return (Range(node.activation("input")), Range(node.activation("input")))
        if isinstance(scale, Range):
            return self._while_running(node, op, value, scale, wanted)
        if op.startswith("quantize") and isinstance(value, Activation):
            return Coded(value, self._grid(node, scale, zero))
        if op.startswith("dequantize") and isinstance(value, Coded):
            return self._rounded(node, value, self._grid(node, scale, zero))
        if op.startswith("dequantize") and isinstance(value, Constant):
            scales, zeros = _array(scale, np.float32), Constant(_array(zero, np.int64))
            made = real_of(value, scales, zeros, int(node.get("axis", 0)), value.origin)
            if made is not None:
                return made
        raise node.unsupported("its codes are not read as a grid")

    def _grid(self, node: AtenNode, scale: Any, zero: Any) -> Quantizer:
        least, most = int(node.get("quant_min", 0)), int(node.get("quant_max", 0))
        bits = (most - least + 1).bit_length() - 1
        shift = least + (1 << (bits - 1))
        scales, zeros = _array(scale, np.float32), _array(zero, np.int64)
        if not 2 <= bits <= 16 or most - least + 1 != 1 << bits or scales.size != 1 or zeros.size != 1:
            raise node.unsupported("its codes are of a range that no grid has")
        return grid_of(bits, False, scales.reshape(()), Constant(np.asarray(zeros.reshape(()) - shift)), 0)

    def _rounded(self, node: AtenNode, codes: Coded, grid: Quantizer) -> Activation:
        own = codes.grid
        if own is None or (own.bits, own.scale, own.zero_point) != (grid.bits, grid.scale, grid.zero_point):
            raise node.unsupported("its codes are read with another scale than they were made with")
        key = (codes.real.name, grid.bits, float(grid.scale), int(grid.zero_point))
        if key not in self._made:
            self._made[key] = self._assembly.rounded(codes.real, grid, node)
        return self._made[key]

    def _while_running(self, node: AtenNode, op: str, value: Any, scale: Range, wanted: str) -> Any:
        if op == "quantize_per_tensor" and value == scale.of:
            return Coded(scale.of, None)
        if op != "dequantize_per_tensor" or not isinstance(value, Coded) or value != Coded(scale.of, None):
            raise node.unsupported("its range is not that of what it rounds")
        if (scale.of.name,) not in self._made:
            draft = Draft(kind="opaque", inputs=(scale.of.name,), attributes=_dynamic(scale.of.shape))
            name = f"{wanted}.rounded"
            self._made[(scale.of.name,)] = self._assembly.put((draft,), node, wanted=name, first=scale.of.name)
            operators = "DynamicQuantizeLinear, DequantizeLinear"
            self._assembly.warn("load.one_by_one", operators=operators)
        return self._made[(scale.of.name,)]


def _dynamic(shape: tuple[int, ...]) -> Mapping[str, Any]:
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x0"], ["q", "s", "z"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"]),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x0", "y")]
    opsets = [helper.make_opsetid("", _OPSET)]
    version = helper.find_min_ir_version_for(opsets)
    graph = helper.make_graph(nodes, "piece", ends[:1], ends[1:])
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=version)
    content = as_text(proto.SerializeToString(deterministic=True))
    return {"graph": content, "shape": shape[1:], "one_by_one": True}


def _array(value: Any, dtype: Any) -> Any:
    array = value.array if isinstance(value, Constant) else np.array(value)
    return array.astype(dtype)
