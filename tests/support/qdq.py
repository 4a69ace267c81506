"""Quantized networks as ONNX for an independent runtime: the float export with quantizers put between the nodes."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from penjing.compression.integer_graph import Codes, IntegerGraph, IntegerNode
from penjing.exporting.onnx_float import float_proto
from penjing.model.model import Model


def qdq_codes(model: Model, graph: IntegerGraph, inputs: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """The codes of every quantized tensor as onnxruntime computes them, each operator for itself in float."""
    proto, outputs = _qdq(model, graph)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    values = session.run(list(outputs.values()), {session.get_inputs()[0].name: inputs})
    return dict(zip(outputs, values, strict=True))


def _qdq(model: Model, graph: IntegerGraph) -> tuple[onnx.ModelProto, dict[str, str]]:
    proto = float_proto(model)
    network = proto.graph
    _store_biases(model, graph, network)
    public = dict(
        zip((output.layer for output in model.outputs), (entry.name for entry in network.output), strict=True)
    )
    public.update(zip((entry.name for entry in model.inputs), (entry.name for entry in network.input), strict=True))
    codes = {public.get(name, name): codes for name, codes in graph.codes.items()}
    nodes = []
    for entry in network.input:
        if entry.name in codes:
            nodes += _quantized(network, entry.name, codes[entry.name])
    for node in network.node:
        changed = onnx.NodeProto()
        changed.CopyFrom(node)
        for place, name in enumerate(node.input):
            if name in codes:
                changed.input[place] = f"{name}/dq"
        nodes.append(changed)
        for name in node.output:
            if name in codes:
                nodes += _quantized(network, name, codes[name])
    del network.node[:]
    network.node.extend(nodes)
    for name in codes:
        network.output.append(helper.make_tensor_value_info(f"{name}/q", TensorProto.INT8, None))
    return proto, {name: f"{public.get(name, name)}/q" for name in graph.codes}


def _quantized(network: onnx.GraphProto, name: str, codes: Codes) -> list[onnx.NodeProto]:
    for part, value in (("scale", np.float32(codes.scale)), ("zero", np.int8(codes.zero_point))):
        network.initializer.append(numpy_helper.from_array(np.array(value), f"{name}/{part}"))
    given = [f"{name}/scale", f"{name}/zero"]
    return [
        helper.make_node("QuantizeLinear", [name, *given], [f"{name}/q"]),
        helper.make_node("DequantizeLinear", [f"{name}/q", *given], [f"{name}/dq"]),
    ]


def _store_biases(model: Model, graph: IntegerGraph, network: onnx.GraphProto) -> None:
    """Weights already lie on their grids; biases and batch norms become what their integers say."""
    stored = {entry.name: entry for entry in network.initializer}

    def store(name: str, values: NDArray[Any]) -> None:
        stored[name].CopyFrom(numpy_helper.from_array(np.asarray(values, np.float32), name))

    for node in graph.nodes:
        if not isinstance(node, IntegerNode) or node.weight is None or node.bias is None:
            continue
        name = node.layers[0]
        key = "value" if node.kind == "add_constant" else "bias"
        shape = numpy_helper.to_array(stored[f"{name}.{key}"]).shape
        store(f"{name}.{key}", (node.bias * (graph.codes[node.inputs[0]].scale * node.weight.scale)).reshape(shape))
        if node.kind == "batch_norm":
            store(f"{name}.weight", node.weight.codes * node.weight.scale)
            store(f"{name}.running_mean", np.zeros(len(node.bias)))
            store(f"{name}.running_var", np.full(len(node.bias), 1 - model.layer(name).eps))  # type: ignore[operator]
