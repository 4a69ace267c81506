"""Operators that only move values: flatten, reshape."""

import math
from collections.abc import Mapping

import numpy as np
from torch import Tensor, nn

from penjing.model.modules import Reshape
from penjing.model.operators import integer_kernels
from penjing.model.operators.channels import Channels, Flow
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.reading import Activation, AtenNode, Draft, OnnxNode, Reading, SourceNode, from_front
from penjing.model.operators.table import Attributes, Operator, Shape, register


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
    reads = ("Flatten",)

    def read(self, node: OnnxNode) -> Reading:
        """Everything but the batch becomes one axis."""
        value = node.activation()
        axis = node.axis(1, len(value.shape) + 1)
        if axis != 1 and math.prod(value.shape[1:axis]) != 1:
            raise node.unsupported(f"axis {axis} of a tensor of shape {list(value.shape)}: it mixes the batch")
        return reshaped(node, value, (value.shape[0], math.prod(value.shape[1:])))

    integer = integer_kernels.FLATTEN
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

    def shape(self, module: nn.Module, inputs: tuple[Shape, ...]) -> Shape | None:
        """[n, a, b, …] → [n, a · b · …]."""
        assert isinstance(module, nn.Flatten)
        whole = (module.start_dim, module.end_dim) == (1, -1) and len(inputs[0]) > 1
        return (inputs[0][0], math.prod(inputs[0][1:])) if whole else None

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """A channel becomes a block of features."""
        return flattened(flow) or super().channels(module, flow)


@register
class ReshapeRow(Operator):
    """[n, …] → [n, *shape]."""

    kind = "reshape"
    modules = (Reshape,)
    reads = ("Reshape", "Squeeze", "Unsqueeze")
    reads_aten = ("reshape", "view", "_unsafe_view", "flatten", "squeeze", "unsqueeze")

    def read(self, node: OnnxNode) -> Reading:
        """Any new shape that leaves the batch alone."""
        value = node.activation()
        if node.op == "Reshape":
            shape = node.integers("shape", 1)
            if shape is None:
                raise node.unsupported("no shape")
            if not node.attributes.get("allowzero", 0):
                kept = value.shape + (0,) * len(shape)
                shape = tuple(kept[place] if extent == 0 else extent for place, extent in enumerate(shape))
            return reshaped(node, value, shape)
        axes = node.integers("axes", 1)
        if node.op == "Squeeze":
            return _squeezed(node, value, axes)
        return _unsqueezed(node, value, axes or ())

    def read_aten(self, node: AtenNode) -> Reading:
        """The same."""
        value = node.activation()
        rank = len(value.shape)
        if node.op == "flatten":
            first = from_front(int(node.get("start_dim", 0)), rank, node)
            last = from_front(int(node.get("end_dim", -1)), rank, node)
            middle = (math.prod(value.shape[first : last + 1]),)
            return reshaped(node, value, value.shape[:first] + middle + value.shape[last + 1 :])
        if node.op == "squeeze":
            return _squeezed(node, value, node.integers("dim", ()) or None)
        if node.op == "unsqueeze":
            return _unsqueezed(node, value, (int(node.get("dim", 0)),))
        return reshaped(node, value, node.integers("shape" if node.op == "reshape" else "size"))

    integer = integer_kernels.RESHAPE
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
        """What says nothing but "flatten", or leaves axis 1 open and as it was, survives a cut; other shapes do not."""
        assert isinstance(module, Reshape)
        channels = flow.inputs[0]
        open_ = module.shape[:1] == (-1,) and len(module.shape) > 1
        if open_ and channels.axis == 1 and flow.output_shape[1] == len(channels.ids):
            return channels
        return (flattened(flow) if module.shape == (-1,) else None) or super().channels(module, flow)


def reshaped(node: SourceNode, value: Activation, shape: tuple[int, ...]) -> Reading:
    """The draft of a reshape to `shape` (batch included, one extent may be -1)."""
    total = math.prod(value.shape)
    if shape.count(-1) == 1:
        known = -math.prod(shape)
        shape = tuple(total // known if extent == -1 else extent for extent in shape) if known > 0 else ()
    if not shape or min(shape) < 1 or math.prod(shape) != total:
        raise node.unsupported(f"a tensor of shape {list(value.shape)} cannot become {list(shape)}")
    if shape[0] != value.shape[0]:
        raise node.unsupported(f"shape {list(value.shape)} becomes {list(shape)}: it mixes the examples of a batch")
    if shape == value.shape:
        return ()
    if len(shape) == 2 and len(value.shape) > 1:
        return (Draft(kind="flatten", inputs=(value.name,), attributes={"start_dim": 1, "end_dim": -1}),)
    order = _ones_moved(value.shape, shape)
    if order is not None:
        return (Draft(kind="transpose", inputs=(value.name,), attributes={"order": order}),)
    rest = shape[1:]
    if len(rest) > 1 and rest[:1] == value.shape[1:2]:
        rest = (-1, *rest[1:])  # the channels stay what they are, however many are left
    return (Draft(kind="reshape", inputs=(value.name,), attributes={"shape": rest}),)


def _ones_moved(before: tuple[int, ...], after: tuple[int, ...]) -> tuple[int, ...] | None:
    """The order of axes that a new shape means which only puts the axes of extent 1 elsewhere, as with one channel."""
    axes = range(1, len(before))
    long, ones = ([axis for axis in axes if (before[axis] > 1) == is_long] for is_long in (True, False))
    kept = [extent for extent in after[1:] if extent > 1]
    if len(before) != len(after) or len(before) < 4 or [before[axis] for axis in long] != kept:
        return None
    return (0, *((long if extent > 1 else ones).pop(0) for extent in after[1:]))


def _squeezed(node: SourceNode, value: Activation, axes: tuple[int, ...] | None) -> Reading:
    rank = len(value.shape)
    if axes is None:
        chosen = {axis for axis in range(1, rank) if value.shape[axis] == 1}
    else:
        chosen = {from_front(axis, rank, node) for axis in axes}
        chosen = {axis for axis in chosen if value.shape[axis] == 1}
    if 0 in chosen:
        raise node.unsupported("it takes the axis of the batch away")
    return reshaped(node, value, tuple(extent for axis, extent in enumerate(value.shape) if axis not in chosen))


def _unsqueezed(node: SourceNode, value: Activation, axes: tuple[int, ...]) -> Reading:
    rank = len(value.shape) + len(axes)
    chosen = {from_front(axis, rank, node) for axis in axes}
    left = iter(value.shape)
    if len(chosen) != len(axes) or 0 in chosen:
        raise node.unsupported(f"new axes {list(axes)}")
    return reshaped(node, value, tuple(1 if axis in chosen else next(left) for axis in range(rank)))
