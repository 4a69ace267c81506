"""Operators that leave one value of many: global maximum, means along any axes."""

from collections.abc import Mapping

import numpy as np
from torch import Tensor, nn

from penjing.layer_graph import FIXED
from penjing.model.modules import GlobalMaxPool, Mean
from penjing.model.operators import integer_kernels
from penjing.model.operators.channels import Channels, Flow
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.reading import AtenNode, Draft, OnnxNode, Reading, from_front
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
    reads_aten = ("amax", "adaptive_max_pool1d", "adaptive_max_pool2d")

    def read(self, node: OnnxNode) -> Reading:
        """A GlobalMaxPool, or a ReduceMax over the positions."""
        value = node.activation()
        rank = len(value.shape)
        axes, keepdim = (tuple(range(2, rank)), True) if node.op == "GlobalMaxPool" else reduced_axes(node, rank)
        if not is_global(axes, rank):
            raise node.unsupported(f"a maximum over the axes {list(axes)} of a tensor of shape {list(value.shape)}")
        return (Draft(kind=self.kind, inputs=(value.name,), attributes={"keepdim": keepdim}),)

    def read_aten(self, node: AtenNode) -> Reading:
        """The maximum over the positions."""
        value = node.activation()
        rank = len(value.shape)
        if node.op == "amax":
            axes, keepdim = aten_axes(node, rank)
        else:
            axes, keepdim = tuple(range(2, rank)), True
            if set(node.integers("output_size")) != {1}:
                raise node.unsupported("an adaptive maximum of more than one position")
        if not is_global(axes, rank):
            raise node.unsupported(f"a maximum over the axes {list(axes)} of a tensor of shape {list(value.shape)}")
        return (Draft(kind=self.kind, inputs=(value.name,), attributes={"keepdim": keepdim}),)

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
    """y = mean along axes that are not exactly the positions."""

    kind = "mean"
    modules = (Mean,)
    integer = integer_kernels.MEAN
    reads = ("ReduceMean",)
    reads_aten = ("mean",)

    def read(self, node: OnnxNode) -> Reading:
        """A mean that is no global average pooling."""
        value = node.activation()
        return self._mean(node, value.name, len(value.shape), *reduced_axes(node, len(value.shape)))

    def read_aten(self, node: AtenNode) -> Reading:
        """The same."""
        value = node.activation()
        return self._mean(node, value.name, len(value.shape), *aten_axes(node, len(value.shape)))

    def _mean(self, node: OnnxNode | AtenNode, name: str, rank: int, axes: tuple[int, ...], keepdim: bool) -> Reading:
        if is_global(axes, rank):
            return None
        if 0 in axes:
            raise node.unsupported("a mean over the examples of a batch")
        return (Draft(kind=self.kind, inputs=(name,), attributes={"dims": axes, "keepdim": keepdim}),)

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
