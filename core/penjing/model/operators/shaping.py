"""Operators that only move values: flatten, reshape."""

from collections.abc import Mapping

import numpy as np
from torch import Tensor, nn

from penjing.model.modules import Reshape
from penjing.model.operators.channels import Channels, Flow
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.table import Attributes, Operator, register


def flattened(flow: Flow) -> Channels | None:
    """Ids of [n, a, c, b] flattened to [n, a · c · b]: each channel becomes every value it had, in memory order."""
    channels, shape = flow.inputs[0], flow.input_shapes[0]
    if len(flow.output_shape) != 2 or channels.axis < 1:
        return None
    before = int(np.prod(shape[1 : channels.axis]))
    after = int(np.prod(shape[channels.axis + 1 :]))
    return Channels(np.tile(np.repeat(channels.ids, after), before), 1)


@register
class Flatten(Operator):
    """[n, a, b, …] → [n, a · b · …]."""

    kind = "flatten"
    modules = (nn.Flatten,)
    alias = True

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: start_dim, end_dim."""
        return nn.Flatten(int(attributes["start_dim"]), int(attributes["end_dim"]))

    def attributes(self, module: nn.Module) -> Attributes:
        """First and last axis that are joined."""
        assert isinstance(module, nn.Flatten)
        return {"start_dim": module.start_dim, "end_dim": module.end_dim}

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """A Flatten where the result is [n, features], else a Reshape to what it is, the batch axis left open."""
        rank = len(writer.input_shapes[0])
        start, end = int(attributes["start_dim"]) % rank, int(attributes["end_dim"]) % rank
        if (start, end) == (1, rank - 1):
            writer.result("Flatten", writer.inputs[0], axis=1)
            return
        shape = (-1 if start == 0 else 0, *writer.output_shape[1:])
        writer.result("Reshape", writer.inputs[0], writer.constant("shape", np.array(shape, np.int64)))

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """A channel becomes a block of features."""
        return flattened(flow) or super().channels(module, flow)


@register
class ReshapeRow(Operator):
    """[n, …] → [n, *shape]."""

    kind = "reshape"
    modules = (Reshape,)
    alias = True

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: shape, without the batch axis."""
        return Reshape(tuple(int(extent) for extent in attributes["shape"]))

    def attributes(self, module: nn.Module) -> Attributes:
        """The shape."""
        assert isinstance(module, Reshape)
        return {"shape": module.shape}

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """A Reshape whose 0 takes the batch axis over."""
        shape = (0, *(int(extent) for extent in attributes["shape"]))
        writer.result("Reshape", writer.inputs[0], writer.constant("shape", np.array(shape, np.int64)))

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """Only a reshape that says nothing but "flatten" survives a cut: other shapes name the extents."""
        assert isinstance(module, Reshape)
        return (flattened(flow) if module.shape == (-1,) else None) or super().channels(module, flow)
