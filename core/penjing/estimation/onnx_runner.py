"""Runs float networks in onnxruntime, which is faster than torch on most processors.

Its fast convolutions are two-dimensional: a network over one-dimensional signals is written with a second axis of 1.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from penjing.compression.integer_graph import FloatNode, IntegerGraph
from penjing.model.nested import LOOPS, every_node
from penjing.model.onnx_proto import node_proto, opsets_of
from penjing.model.onnx_runtime import onnxruntime as ort
from penjing.model.operators.onnx_writer import OnnxGraph, OnnxWriter, StoreTensor
from penjing.model.operators.table import operators

Values = NDArray[np.float32]
Runner = Callable[[Mapping[str, Values]], list[Values]]
"""Tensors by name → the graph's outputs in order."""
Shape = tuple[int, ...]

OPSET = 18
_COPY = "#copy"
"""Names in module form have no such sign."""
_STEPS = frozenset({"Conv", "MaxPool", "AveragePool"})
_ALIKE = frozenset({"Relu", "Add", "Sub", "Mul", "Sigmoid", "Tanh", "LeakyRelu", "HardSigmoid", "Identity"})


def onnx_runner(graph: IntegerGraph, shapes: Mapping[str, Shape], *, threads: int) -> Runner | None:
    """A session for a graph without integers; None where it has some or onnxruntime refuses it."""
    if any(not isinstance(node, FloatNode) for node in graph.nodes) or graph.codes or not graph.nodes:
        return None
    if any(node.attributes.get("one_by_one") for node in graph.nodes if isinstance(node, FloatNode)):
        return None
    written = _written(graph, shapes)
    if any(node.op_type in LOOPS for node in every_node(node_proto(node) for node in written.nodes)):
        return None  # loops are watched, which an opaque layer does
    inputs = {entry.name: tuple(entry.shape) for entry in graph.inputs}
    lifted = _lift(written, inputs)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    names = [output.layer for output in graph.outputs]
    try:
        content = _proto(written, inputs, names, lifted).SerializeToString()
        # Falling back to the same provider would only print.
        session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"], enable_fallback=False)
    except Exception:  # whatever this runtime cannot do, torch can
        return None

    def run(values: Mapping[str, Values]) -> list[Values]:
        given = {name: values[name][:, :, None] if name in lifted else values[name] for name in inputs}
        found = session.run(None, given)
        return [part[:, :, 0] if name in lifted else part for name, part in zip(names, found, strict=True)]

    return run


def _written(graph: IntegerGraph, shapes: Mapping[str, Shape]) -> OnnxGraph:
    written = OnnxGraph()
    for node in graph.nodes:
        assert isinstance(node, FloatNode)
        writer = OnnxWriter(
            graph=written,
            layer=node.name,
            title=node.name,
            inputs=node.inputs,
            output=node.name,
            input_shapes=tuple(shapes[name] for name in node.inputs),
            output_shape=shapes[node.name],
            store=_store(written, node),
            opset=OPSET,
        )
        operators()[node.kind].write(node.attributes, writer)
    return written


def _store(written: OnnxGraph, node: FloatNode) -> StoreTensor:
    def stored(key: str, transposed: bool) -> str | None:
        if key not in node.tensors:
            return None
        values = node.tensors[key].astype(np.float32)
        return written.constant(f"{node.name}.{key}", values.T if transposed else values)

    return stored


def _lift(graph: OnnxGraph, inputs: Mapping[str, Shape]) -> frozenset[str]:
    """Gives every one-dimensional signal an axis of 1; the tensors that have it then, none if some operator minds."""
    lifted = {name for name, shape in inputs.items() if len(shape) == 3}
    changed = []
    for place, node in enumerate(graph.nodes):
        read = [name for name in node.inputs if name not in graph.constants]
        if lifted.isdisjoint(read):
            continue
        alike = node.op_type in _ALIKE and lifted.issuperset(read) and len(read) == len(node.inputs)
        if alike or node.op_type in {"BatchNormalization", "GlobalAveragePool", "GlobalMaxPool"}:
            lifted.add(node.output)
        elif node.op_type in _STEPS:
            lifted.add(node.output)
            changed.append(place)
        elif not (node.op_type == "Flatten" and node.attributes.get("axis", 1) == 1):
            return frozenset()
    for place in changed:
        node = graph.nodes[place]
        graph.nodes[place] = _two_dimensional(node)
        if node.op_type == "Conv":
            graph.constants[node.inputs[1]] = graph.constants[node.inputs[1]][:, :, None]
    return frozenset(lifted)


def _two_dimensional(node: Any) -> Any:
    wider: dict[str, Any] = dict(node.attributes)
    for key, first in (("kernel_shape", 1), ("strides", 1), ("dilations", 1)):
        if key in wider:
            wider[key] = [first, *wider[key]]
    if "pads" in wider:
        before, after = wider["pads"]
        wider["pads"] = [0, before, 0, after]
    return type(node)(op_type=node.op_type, name=node.name, inputs=node.inputs, output=node.output, attributes=wider)


def _proto(
    graph: OnnxGraph, inputs: Mapping[str, Shape], outputs: Sequence[str], lifted: frozenset[str]
) -> onnx.ModelProto:
    def taken(name: str, shape: Shape) -> onnx.ValueInfoProto:
        axes: list[str | int | None] = ["batch", shape[1], 1, *shape[2:]] if name in lifted else ["batch", *shape[1:]]
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, axes)

    # An output that other nodes read, too, is copied: else a fusion of the runtime may lose it and refuse the network.
    read = {feed for node in graph.nodes for feed in node.inputs}
    copies = {name: f"{name}{_COPY}" for name in outputs if name in read}
    nodes = [node_proto(node) for node in graph.nodes]
    nodes += [helper.make_node("Identity", [name], [copy]) for name, copy in copies.items()]
    proto = helper.make_graph(
        nodes,
        "network",
        [taken(name, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(copies.get(name, name), TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(values, name) for name, values in graph.constants.items()],
    )
    opsets = opsets_of(graph, OPSET)
    version = helper.find_min_ir_version_for(opsets, ignore_unknown=True)
    return helper.make_model(proto, opset_imports=opsets, ir_version=version)
