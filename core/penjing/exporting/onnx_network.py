"""The part that every ONNX format shares: names, the walk over the layers, and the ModelProto at the end."""

from collections.abc import Callable, Mapping

import onnx
from onnx import TensorProto, helper, numpy_helper

from penjing.devices.profiles import Device
from penjing.estimation.onnx_bytes import can_stand_in_onnx
from penjing.model.onnx_proto import node_proto, opsets_of
from penjing.model.operators.onnx_writer import OnnxGraph, OnnxNode, OnnxWriter, StoreTensor
from penjing.model.operators.table import Shape, operators
from penjing.model.spec import NetworkSpec, NodeSpec

USUAL_OPSET = 18
OLDEST_OPSET = 14
"""Every row of the operator table writes nodes that mean the same from this version on."""


def opset_for(device: Device | None, *, needs: int = USUAL_OPSET) -> int:
    """The version to write: no newer than what the device reads, and never older than the rows can write."""
    newest = needs if device is None or device.opset is None else min(needs, device.opset)
    return max(OLDEST_OPSET, newest)


def node_titles(spec: NetworkSpec) -> dict[str, str]:
    """The ONNX node name of every layer: its source name where that can stand there and is unique, else its own."""
    names = {node.name for node in spec.nodes}
    titles: dict[str, str] = {}
    taken: set[str] = set()
    for node in spec.nodes:
        title = node.source_name
        if not can_stand_in_onnx(title) or title in taken or (title in names and title != node.name):
            title = node.name
        taken.add(title)
        titles[node.name] = title
    return titles


def write_layers(
    spec: NetworkSpec,
    shapes: Mapping[str, Shape],
    graph: OnnxGraph,
    *,
    opset: int,
    store: Callable[[NodeSpec], StoreTensor],
    after: Callable[[NodeSpec], None] | None = None,
    value: Callable[[str], str] = lambda name: name,
    made: Callable[[str], str] = lambda name: name,
) -> None:
    """Every layer through its row of the operator table.

    Args:
        spec: The network.
        shapes: Shape at batch 1 of every input's and layer's value.
        graph: Where nodes and constants go.
        opset: The version that will be written.
        store: How the tensors of a node are stored.
        after: What follows a node, for example the nodes that quantize its result.
        value: The tensor that readers of a layer or network input read.
        made: The tensor that a layer's own nodes make, where `after` makes its value from it.
    """
    titles = node_titles(spec)
    for node in spec.nodes:
        writer = OnnxWriter(
            graph=graph,
            layer=node.name,
            title=titles[node.name],
            inputs=tuple(value(name) for name in node.inputs),
            output=made(node.name),
            input_shapes=tuple(shapes[name] for name in node.inputs),
            output_shape=shapes[node.name],
            store=store(node),
            opset=opset,
        )
        operators()[node.kind].write(node.attributes, writer)
        if after is not None:
            after(node)


def public_names(spec: NetworkSpec, graph: OnnxGraph) -> dict[str, str]:
    """The source name of every input and output that keeps it: valid in ONNX and used by no other tensor."""
    made = {name for node in graph.nodes for name in (node.output, *node.more)}
    used = set(graph.constants) | made | {entry.name for entry in spec.inputs}
    renamed: dict[str, str] = {}
    wanted = [(entry.name, entry.source_name) for entry in spec.inputs]
    wanted += [(output.layer, output.source_name) for output in spec.outputs]
    for name, source in wanted:
        if name not in renamed and source not in used and can_stand_in_onnx(source):
            renamed[name] = source
            used.add(source)
    return renamed


def model_proto(spec: NetworkSpec, graph: OnnxGraph, *, opset: int) -> onnx.ModelProto:
    """The whole file: batch axis open, inputs and outputs under the names of the user's file where they can be kept."""
    renamed = public_names(spec, graph)
    # Two outputs may be the same value, or an input; each output needs a tensor of its own.
    results: list[str] = []
    taken = {entry.name for entry in spec.inputs}
    for index, output in enumerate(spec.outputs):
        name = output.layer
        if name in taken:
            name = f"output/{index}"
            graph.nodes.append(OnnxNode(op_type="Identity", name=name, inputs=(output.layer,), output=name))
        taken.add(name)
        results.append(name)
    # A piece that was written for one example at a time keeps the whole file to that.
    batch = 1 if any(node.attributes.get("one_by_one") for node in spec.nodes) else "batch"
    inputs = [_value(renamed.get(entry.name, entry.name), batch, entry.shape) for entry in spec.inputs]
    outputs = [
        _value(renamed.get(name, name), batch, output.shape) for name, output in zip(results, spec.outputs, strict=True)
    ]
    proto = helper.make_graph(
        [node_proto(node, lambda name: renamed.get(name, name)) for node in graph.nodes],
        "network",
        inputs,
        outputs,
        [numpy_helper.from_array(values, name) for name, values in graph.constants.items()],
    )
    opsets = opsets_of(graph, opset)
    version = helper.find_min_ir_version_for(opsets, ignore_unknown=True)
    return helper.make_model(proto, opset_imports=opsets, ir_version=version, producer_name="penjing")


def _value(name: str, batch: int | str, shape: Shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, *shape[1:]])
