"""Operators that leave one value of many: maxima and means along any axes."""

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from penjing.layer_graph import FIXED
from penjing.model.modules import GlobalMaxPool, Mean
from penjing.model.operators import integer_kernels
from penjing.model.operators.channels import Channels, Flow
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.reading import (
    PREVIOUS,
    Activation,
    AtenNode,
    Draft,
    OnnxNode,
    Reading,
    SourceNode,
    from_front,
)
from penjing.model.operators.table import Attributes, Operator, register


def reduced_axes(node: OnnxNode, rank: int) -> tuple[tuple[int, ...], bool]:
    """The axes, counted from the front, and whether they stay with extent 1."""
    axes = node.integers("axes", 1)
    if not axes and node.attributes.get("noop_with_empty_axes", 0):
        raise node.unsupported("no axes")
    found = tuple(sorted(from_front(axis, rank, node) for axis in axes or range(rank)))
    return found, bool(node.attributes.get("keepdims", 1))


def aten_axes(node: AtenNode, rank: int) -> tuple[tuple[int, ...], bool]:
    """The same for a node of torch.export."""
    axes = node.integers("dim", tuple(range(rank)))
    return tuple(sorted(from_front(axis, rank, node) for axis in axes or range(rank))), bool(node.get("keepdim", False))


def is_global(axes: tuple[int, ...], rank: int) -> bool:
    """Whether exactly the positions go."""
    return rank > 2 and axes == tuple(range(2, rank))


@register
class GlobalMaxPoolRow(Operator):
    """y[c] = maximum of x[c] over all positions."""

    kind = "global_max_pool"
    modules = (GlobalMaxPool,)
    integer = integer_kernels.GLOBAL_MAX_POOL
    reads = ("GlobalMaxPool", "ReduceMax")
    reads_aten = ("amax", "max", "adaptive_max_pool1d", "adaptive_max_pool2d")

    def read(self, node: OnnxNode) -> Reading:
        """A GlobalMaxPool, or a ReduceMax."""
        value = node.activation()
        rank = len(value.shape)
        axes, keepdim = (tuple(range(2, rank)), True) if node.op == "GlobalMaxPool" else reduced_axes(node, rank)
        return self._maximum(node, value, axes, keepdim)

    def read_aten(self, node: AtenNode) -> Reading:
        """The maximum along axes; of `max` only the values are taken."""
        value = node.activation()
        rank = len(value.shape)
        if node.op in ("amax", "max"):
            if node.op == "max" and "dim" not in node.arguments:
                raise node.unsupported("a maximum of everything, or of two tensors")
            axes, keepdim = aten_axes(node, rank)
        else:
            axes, keepdim = tuple(range(2, rank)), True
            if set(node.integers("output_size")) != {1}:
                raise node.unsupported("an adaptive maximum of more than one position")
        return self._maximum(node, value, axes, keepdim)

    def _maximum(self, node: SourceNode, value: Activation, axes: tuple[int, ...], keepdim: bool) -> Reading:
        """Along the positions, which other axes are brought to the place of first."""
        rank, shape = len(value.shape), value.shape
        if is_global(axes, rank):
            return (Draft(kind=self.kind, inputs=(value.name,), attributes={"keepdim": keepdim}),)
        if 0 in axes or not axes:
            raise node.unsupported(f"a maximum over the axes {list(axes)} of a tensor of shape {list(shape)}")
        kept = tuple(axis for axis in range(1, rank) if axis not in axes)
        order, rows = (0, *kept, *axes), (math.prod(shape[axis] for axis in kept), -1)
        steps: list[tuple[str, Attributes]] = [("transpose", {"order": order})] if order != tuple(range(rank)) else []
        steps += [("reshape", {"shape": rows})] if len(kept) != 1 else []
        steps += [(self.kind, {"keepdim": False})]
        left = tuple(1 if axis in axes else shape[axis] for axis in range(1, rank) if keepdim or axis in kept)
        steps += [("reshape", {"shape": left})] if len(left) != 1 else []
        return tuple(
            Draft(kind=kind, inputs=(PREVIOUS if place else value.name,), attributes=attributes)
            for place, (kind, attributes) in enumerate(steps)
        )

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: keepdim."""
        return GlobalMaxPool(keepdim=bool(attributes["keepdim"]))

    def attributes(self, module: nn.Module) -> Attributes:
        """Whether axes of extent 1 stay."""
        assert isinstance(module, GlobalMaxPool)
        return {"keepdim": module.keepdim}

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """A GlobalMaxPool, which keeps the axes, and a Flatten where they go."""
        if attributes["keepdim"]:
            writer.result("GlobalMaxPool", writer.inputs[0])
        else:
            writer.result("Flatten", writer.part("GlobalMaxPool", writer.inputs[0]), axis=1)

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """Its input's, if they lie along axis 1."""
        return flow.inputs[0] if flow.inputs[0].axis == 1 else super().channels(module, flow)


@register
class MeanRow(Operator):
    """y = mean along axes that are not exactly the positions; a sum is a mean as often as there are values."""

    kind = "mean"
    modules = (Mean,)
    integer = integer_kernels.MEAN
    reads = ("ReduceMean", "ReduceSum")
    reads_aten = ("mean", "sum")

    def read(self, node: OnnxNode) -> Reading:
        """A mean that is no global average pooling."""
        value = node.activation()
        return self._mean(node, value, *reduced_axes(node, len(value.shape)), whole=node.op == "ReduceSum")

    def read_aten(self, node: AtenNode) -> Reading:
        """The same."""
        value = node.activation()
        return self._mean(node, value, *aten_axes(node, len(value.shape)), whole=node.op == "sum")

    def _mean(
        self, node: SourceNode, value: Activation, axes: tuple[int, ...], keepdim: bool, *, whole: bool
    ) -> Reading:
        rank = len(value.shape)
        positions = is_global(axes, rank)
        if positions and not whole:
            return None
        if 0 in axes:
            raise node.unsupported("a mean or sum over the examples of a batch")
        attributes: Attributes = {"keepdim": keepdim} if positions else {"dims": axes, "keepdim": keepdim}
        draft = Draft(kind="global_avg_pool" if positions else self.kind, inputs=(value.name,), attributes=attributes)
        if not whole:
            return (draft,)
        count = torch.tensor(float(math.prod(value.shape[axis] for axis in axes)))
        return (draft, Draft(kind="multiply_constant", inputs=(PREVIOUS,), tensors={"value": count}))

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: dims, keepdim."""
        return Mean(tuple(int(dim) for dim in attributes["dims"]), keepdim=bool(attributes["keepdim"]))

    def attributes(self, module: nn.Module) -> Attributes:
        """The axes and whether they stay with extent 1."""
        assert isinstance(module, Mean)
        return {"dims": module.dims, "keepdim": module.keepdim}

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """One ReduceMean; before opset 18 its axes are an attribute."""
        keepdims = int(attributes["keepdim"])
        if writer.opset < 18:
            axes = tuple(int(dim) for dim in attributes["dims"])
            writer.result("ReduceMean", writer.inputs[0], axes=axes, keepdims=keepdims)
            return
        dims = writer.constant("axes", np.array(attributes["dims"], np.int64))
        writer.result("ReduceMean", writer.inputs[0], dims, keepdims=keepdims)

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """Its input's, moved to the front by the axes that go; a mean over the channels fixes them."""
        assert isinstance(module, Mean)
        channels = flow.inputs[0]
        if channels.axis in module.dims:
            flow.freeze(channels.ids)
            axis = min(1, len(flow.output_shape) - 1)
            return Channels(np.full(flow.output_shape[axis], FIXED, np.int64), axis)
        gone = 0 if module.keepdim else sum(dim < channels.axis for dim in module.dims)
        return Channels(channels.ids, channels.axis - gone)
