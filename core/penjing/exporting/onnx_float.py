"""ONNX in float32: weights as the model has them (quantized ones dequantized), activations float, batch norm kept."""

from pathlib import Path

import numpy as np
import onnx

from penjing.exporting.export import Request, register
from penjing.exporting.onnx_network import USUAL_OPSET, model_proto, opset_for, write_layers
from penjing.loading.build import layer_shapes
from penjing.model.model import Model
from penjing.model.operators.onnx_writer import OnnxGraph, StoreTensor
from penjing.model.spec import NodeSpec, spec_of


@register("onnx")
def write_onnx(request: Request) -> tuple[Path, ...]:
    """NAME.onnx."""
    path = request.path(".onnx")
    path.write_bytes(float_proto(request.model, opset=opset_for(request.device)).SerializeToString())
    return (path,)


def float_proto(model: Model, *, opset: int = USUAL_OPSET) -> onnx.ModelProto:
    """The float network as an ONNX file."""
    graph = OnnxGraph()
    spec = spec_of(model)

    def store(node: NodeSpec) -> StoreTensor:
        def stored(key: str, transposed: bool) -> str | None:
            tensor = node.tensors.get(key)
            if tensor is None:
                return None
            values = tensor.numpy().astype(np.float32)
            return graph.constant(f"{node.name}.{key}", values.T if transposed else values)

        return stored

    write_layers(spec, layer_shapes(model), graph, opset=opset, store=store)
    return model_proto(spec, graph, opset=opset)
