"""Computes what an ONNX file can know before any input: shape arithmetic, and tensors made of stored ones."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from penjing.errors import UserError
from penjing.loading import limits
from penjing.loading.reasons import reason

Array = NDArray[Any]

_ARITHMETIC = {"Abs", "Add", "Cast", "Ceil", "Div", "Exp", "Floor", "Max", "Min", "Mod", "Mul", "Neg", "Pow", "Sub"}
_COMPARISON = {"And", "Equal", "Greater", "Less", "Not", "Or", "Reciprocal", "Sqrt", "Where"}
_REDUCTION = {"ReduceMax", "ReduceMin", "ReduceProd", "ReduceSum"}
_MOVING = {"Concat", "Flatten", "Identity", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze"}
_MAKING = {"ConstantOfShape", "Expand", "Gather", "Range", "Tile"}
FOLDED = _ARITHMETIC | _COMPARISON | _REDUCTION | _MOVING | _MAKING
"""Operators that may be computed while loading, all of their inputs known."""


def folded(node: onnx.NodeProto, inputs: Sequence[Array | None], opset: int) -> tuple[Array, ...]:
    """The results of one node.

    Raises:
        UserError: `load.too_big` before anything big is made; `load.bad_node` where the reference refuses.
    """
    where = node.name or node.op_type
    try:
        limits.check(_elements(node.op_type, inputs), limits.MAX_TENSOR_ELEMENTS, what="values", where=where)
        results = _reference(node, inputs, opset)
    except UserError:
        raise
    except Exception as error:  # the reference implementation meets hostile attributes with any exception
        detail = reason(error)
        raise UserError("load.bad_node", layer=where, operator=node.op_type, detail=detail) from error
    for result in results:
        limits.check_shape(result.shape, where=where)
    return results


def _reference(node: onnx.NodeProto, inputs: Sequence[Array | None], opset: int) -> tuple[Array, ...]:
    from onnx.reference import ReferenceEvaluator  # only files with shape arithmetic pay for it

    named = {name: array for name, array in zip(node.input, inputs, strict=True) if name and array is not None}
    entries = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), None)
        for name, array in named.items()
    ]
    outputs = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in node.output if name]
    graph = helper.make_graph([node], "folded", entries, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    with np.errstate(all="ignore"):
        results = ReferenceEvaluator(model).run(None, named)
    return tuple(np.asarray(result) for result in results)


def _elements(op: str, inputs: Sequence[Array | None]) -> int:
    """A bound on the values of the result."""
    arrays = [array for array in inputs if array is not None]
    total = sum(array.size for array in arrays)
    if op == "ConstantOfShape":
        return _product(arrays[0])
    if op == "Expand":
        extents = arrays[1].reshape(-1)[: limits.MAX_AXES + 1].tolist()
        return arrays[0].size * math.prod(max(1, int(extent)) for extent in extents)
    if op == "Tile":
        return arrays[0].size * _product(arrays[1])
    if op == "Range":
        start, stop, step = (float(array.reshape(-1)[0]) for array in arrays)
        return int(abs((stop - start) / step)) + 1
    if op == "Gather":
        return arrays[0].size * max(1, arrays[1].size)
    if op in _MOVING | _REDUCTION:
        return total
    return math.prod(np.broadcast_shapes(*(array.shape for array in arrays)))


def _product(extents: Array) -> int:
    return math.prod(max(0, int(extent)) for extent in extents.reshape(-1).tolist())
