"""Fully connected layers."""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from penjing.layer_graph import FIXED, WeightKind
from penjing.model.operators.channels import Channels, Flow
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.table import Attributes, Operator, Shape, parameter, register


@register
class Linear(Operator):
    """y = x Wᵀ + b along the last axis; weight [out, in]."""

    kind = "linear"
    modules = (nn.Linear,)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """No attributes: the weight says everything."""
        weight, bias = tensors["weight"], tensors.get("bias")
        with torch.device("meta"):
            module = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
        module.weight = parameter(weight)
        module.bias = None if bias is None else parameter(bias)  # type: ignore[assignment]
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
