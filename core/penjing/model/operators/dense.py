"""Fully connected layers."""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from penjing.layer_graph import FIXED, WeightKind
from penjing.model.operators import integer_kernels
from penjing.model.operators.channels import Channels, Flow
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.reading import Activation, Array, AtenNode, Draft, OnnxNode, Reading, biased, is_one
from penjing.model.operators.table import Attributes, Operator, Shape, bias_of, parameter, register


@register
class Linear(Operator):
    """y = x Wᵀ + b along the last axis; weight [out, in]."""

    kind = "linear"
    modules = (nn.Linear,)
    integer = integer_kernels.LINEAR
    reads = ("Gemm", "MatMul")
    reads_aten = ("linear", "addmm", "mm", "matmul")

    def read(self, node: OnnxNode) -> Reading:
        """A Gemm with its factors multiplied into the weight, or a MatMul by a stored matrix."""
        if node.op == "MatMul" and isinstance(node.value(1), Activation):
            return None
        weight, value = node.needed(1), node.activation(0)
        if node.op == "MatMul":
            return self._matrix(node, value, weight.T, None, node.origin(1))
        if node.attributes.get("transA", 0):
            raise node.unsupported("transA = 1 mixes the examples of a batch")
        alpha, beta = float(node.attributes.get("alpha", 1.0)), float(node.attributes.get("beta", 1.0))
        bias = node.constant(2)
        turned = weight if node.attributes.get("transB", 0) else weight.T
        turned = turned if is_one(alpha) else turned * np.float32(alpha)
        scaled = bias if bias is None or is_one(beta) else bias * np.float32(beta)
        return self._matrix(node, value, turned, scaled, node.origin(1))

    def read_aten(self, node: AtenNode) -> Reading:
        """Linear keeps its weight as [out, in]; the matrix products keep it as [in, out]."""
        if node.op == "linear":
            weight, value = node.needed("weight"), node.activation("input")
            return self._matrix(node, value, weight, node.constant("bias"), node.origin("weight"))
        if node.op == "addmm":
            if not (is_one(node.get("alpha", 1)) and is_one(node.get("beta", 1))):
                raise node.unsupported("factors other than 1")
            weight, bias = node.needed("mat2").T, node.constant("self")
            return self._matrix(node, node.activation("mat1"), weight, bias, node.origin("mat2"))
        other = "mat2" if node.op == "mm" else "other"
        if node.op == "matmul" and isinstance(node.get(other), Activation):
            return None
        return self._matrix(node, node.activation(), node.needed(other).T, None, node.origin(other))

    @staticmethod
    def _matrix(
        node: OnnxNode | AtenNode, value: Activation, weight: Array, bias: Array | None, origin: str
    ) -> Reading:
        if weight.ndim != 2:
            raise node.unsupported(f"a weight with {weight.ndim} axes instead of 2")
        if len(value.shape) < 2 or weight.shape[1] != value.shape[-1]:
            raise node.unsupported(f"a weight for {weight.shape[1]} features on a tensor of shape {list(value.shape)}")
        if bias is not None:
            if bias.size not in (1, weight.shape[0]) or (bias.ndim and bias.shape[-1] != bias.size):
                raise node.unsupported(f"a bias of shape {list(bias.shape)}")
            bias = np.broadcast_to(bias.reshape(-1), weight.shape[0])
        return (Draft(kind="linear", inputs=(value.name,), tensors=biased(weight, bias), weight=origin),)

    def absorb_bias(self, tensors: Mapping[str, Tensor], bias: Tensor) -> Mapping[str, Tensor] | None:
        """One value a feature, the same at every position."""
        features = tensors["weight"].shape[0]
        if bias.numel() not in (1, features) or (bias.dim() > 0 and bias.shape[-1] != bias.numel()):
            return None
        return {**tensors, "bias": tensors.get("bias", 0) + bias.reshape(-1).expand(features)}

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """No attributes: the weight says everything."""
        weight = tensors["weight"]
        bias = bias_of(tensors, weight.shape[0])
        with torch.device("meta"):
            module = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
        module.weight = parameter(weight)
        module.bias = bias  # type: ignore[assignment]
        return module

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """A Gemm on [n, in]; on more axes a MatMul by the transposed weight and an Add."""
        if len(writer.input_shapes[0]) == 2:
            writer.result("Gemm", writer.inputs[0], writer.tensor("weight"), *writer.optional("bias"), transB=1)
            return
        operands = (writer.inputs[0], writer.tensor("weight", transposed=True))
        bias = writer.optional("bias")
        if bias:
            writer.result("Add", writer.part("MatMul", *operands), *bias)
        else:
            writer.result("MatMul", *operands)

    def shape(self, module: nn.Module, inputs: tuple[Shape, ...]) -> Shape | None:
        """[n, …, in] → [n, …, out]."""
        assert isinstance(module, nn.Linear)
        return (*inputs[0][:-1], module.out_features) if inputs[0][-1] == module.in_features else None

    def weight_kind(self, module: nn.Module) -> WeightKind:
        """Always dense."""
        return "dense"

    def positions(self, module: nn.Module, inputs: tuple[Shape, ...], output: Shape) -> int:
        """Once per row."""
        return int(np.prod(output[1:-1]))

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """New channels along the last axis."""
        assert isinstance(module, nn.Linear)
        last = len(flow.input_shapes[0]) - 1
        if flow.inputs[0].axis != last:
            flow.freeze(flow.inputs[0].ids)
        return flow.fresh(module.out_features, axis=last)

    def weight_inputs(self, module: nn.Module, flow: Flow) -> NDArray[np.int64]:
        """The channels of its input, if they lie along the axis it works on."""
        assert isinstance(module, nn.Linear)
        if flow.inputs[0].axis != len(flow.input_shapes[0]) - 1:
            return np.full(module.in_features, FIXED, np.int64)
        return flow.inputs[0].ids

    def columns(self, module: nn.Module, values: Tensor) -> Tensor:
        """Every row of the input."""
        return values.reshape(1, -1, values.shape[-1])

    def select(self, module: nn.Module, *, outputs: Tensor | None, inputs: Tensor | None) -> nn.Module:
        """A smaller layer."""
        assert isinstance(module, nn.Linear)
        result: Any = copy.deepcopy(module)
        if outputs is not None:
            result.weight = parameter(result.weight[outputs])
            result.bias = None if result.bias is None else parameter(result.bias[outputs])
        if inputs is not None:
            result.weight = parameter(result.weight[:, inputs])
        result.out_features, result.in_features = result.weight.shape
        return result  # type: ignore[no-any-return]
