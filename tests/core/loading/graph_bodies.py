"""What tests of graphs inside nodes are made of: bodies of loops and branches, and what layers came of them."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from penjing.inspection.graph import layer_graph
from penjing.model.model import Model

RANDOM = np.random.default_rng(12)


def values(*shape: int) -> NDArray[np.float32]:
    return (RANDOM.standard_normal(shape) * 0.5).astype(np.float32)


def inner(
    nodes: list[onnx.NodeProto],
    outputs: list[str],
    *,
    inputs: tuple[onnx.ValueInfoProto, ...] = (),
    tensors: dict[str, NDArray[np.generic]] | None = None,
) -> onnx.GraphProto:
    stored = [numpy_helper.from_array(array, name) for name, array in (tensors or {}).items()]
    return helper.make_graph(nodes, "inner", inputs, [onnx.ValueInfoProto(name=name) for name in outputs], stored)


def types(model: Model) -> list[str]:
    return [layer.type for layer in layer_graph(model).layers]


def turns(**more: NDArray[np.generic]) -> tuple[onnx.ValueInfoProto, ...]:
    """What a loop's body is given: the number of the turn, whether to go on, and the state."""
    return (
        helper.make_tensor_value_info("turn", TensorProto.INT64, []),
        helper.make_tensor_value_info("on", TensorProto.BOOL, []),
        helper.make_tensor_value_info("state", TensorProto.FLOAT, ["k", 4]),
    )
