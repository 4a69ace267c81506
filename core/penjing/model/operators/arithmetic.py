"""Operators that join tensors: sum, product, concatenation."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from torch import Tensor, nn

from penjing.model.modules import Add, Concat, Multiply
from penjing.model.operators.channels import Channels, Flow
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.table import Attributes, Operator, register


class _Pointwise(Operator):
    """Two tensors joined value by value: channels at the same place are the same channel."""

    onnx: ClassVar[str]

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Nothing to set."""
        return self.modules[0]()

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """One node."""
        writer.result(self.onnx, *writer.inputs)

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """Both inputs' channels are tied; anything that does not line up is fixed."""
        left, right = flow.inputs
        ranks = {len(shape) for shape in flow.input_shapes}
        if left.axis == right.axis and len(left.ids) == len(right.ids) and len(ranks) == 1:
            flow.tie(left.ids, right.ids)
            return left
        flow.freeze(left.ids)
        flow.freeze(right.ids)
        return flow.fixed()


@register
class AddRow(_Pointwise):
    """y = a + b."""

    kind = "add"
    modules = (Add,)
    onnx = "Add"


@register
class MultiplyRow(_Pointwise):
    """y = a · b."""

    kind = "multiply"
    modules = (Multiply,)
    onnx = "Mul"


@register
class ConcatRow(Operator):
    """Parts side by side along one axis."""

    kind = "concat"
    modules = (Concat,)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: dim."""
        return Concat(int(attributes["dim"]))

    def attributes(self, module: nn.Module) -> Attributes:
        """The axis."""
        assert isinstance(module, Concat)
        return {"dim": module.dim}

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """One Concat."""
        writer.result("Concat", *writer.inputs, axis=int(attributes["dim"]))

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """Along the channel axis the ids stand side by side; along another they are tied."""
        assert isinstance(module, Concat)
        dim = module.dim % len(flow.output_shape)
        axes = {channels.axis for channels in flow.inputs}
        if axes == {dim}:
            return Channels(np.concatenate([channels.ids for channels in flow.inputs]), dim)
        if len(axes) == 1 and len({len(channels.ids) for channels in flow.inputs}) == 1:
            for channels in flow.inputs[1:]:
                flow.tie(flow.inputs[0].ids, channels.ids)
            return flow.inputs[0]
        return super().channels(module, flow)
