"""ONNX nodes that speak of floats of other widths than float32, which is what everything is computed in."""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from penjing.loading.onnx_tensors import array_of

FLOATS = (onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16, onnx.TensorProto.DOUBLE)
"""Types whose values are float32 once they are read."""

_TYPES = ("to", "dtype")
"""Attributes that name the type of a result."""


def in_float32(node: onnx.NodeProto) -> onnx.NodeProto:
    """The node, its result of such a type as float32; `Constant` is left alone: whoever reads it tells its type.

    Raises:
        UserError: `load.bad_tensor` and others of `array_of`.
    """
    if node.op_type == "Constant" or not any(map(_other_width, node.attribute)):
        return node
    made = onnx.NodeProto()
    made.CopyFrom(node)
    for entry in filter(_other_width, made.attribute):
        if entry.type == onnx.AttributeProto.INT:
            entry.i = onnx.TensorProto.FLOAT
        else:
            entry.t.CopyFrom(numpy_helper.from_array(array_of(entry.t, Path()).astype(np.float32), entry.t.name))
    return made


def _other_width(entry: onnx.AttributeProto) -> bool:
    if entry.type == onnx.AttributeProto.TENSOR:
        return entry.t.data_type in FLOATS and entry.t.data_location != onnx.TensorProto.EXTERNAL
    return entry.type == onnx.AttributeProto.INT and entry.name in _TYPES and entry.i in FLOATS
