"""Pooling: maximum, average, global average."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from penjing.model.modules import GlobalAveragePool
from penjing.model.operators import integer_kernels
from penjing.model.operators.channels import Channels, Flow
from penjing.model.operators.integer_reference import pooled_extent
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.reading import PREVIOUS, Activation, AtenNode, Draft, OnnxNode, Reading, Shape
from penjing.model.operators.reduction import aten_axes, is_global, reduced_axes
from penjing.model.operators.table import Attributes, Operator, register
from penjing.model.operators.windows import Window, aten_window, onnx_window, windowed


def _per_axis(value: Any, dims: int) -> tuple[int, ...]:
    return (int(value),) * dims if isinstance(value, int) else tuple(int(extent) for extent in value)


class _Window(Operator):
    """A window slides over the positions; channels pass through."""

    def shape(self, module: nn.Module, inputs: tuple[Shape, ...]) -> Shape | None:
        """floor((n + 2 p - d (k - 1) - 1) / s) + 1 positions an axis; torch knows the rules of `ceil_mode`."""
        settings = self.attributes(module)
        axes = len(settings["kernel"])
        if settings["ceil_mode"] or len(inputs[0]) != axes + 2:
            return None
        keys = ("kernel", "stride", "padding")
        dilation = settings.get("dilation", (1,) * axes)
        rows = zip(inputs[0][2:], *(settings[key] for key in keys), dilation, strict=True)
        extents = tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in rows)
        return (*inputs[0][:2], *extents) if min(extents) > 0 else None

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """Its input's, if they lie along axis 1."""
        return flow.inputs[0] if flow.inputs[0].axis == 1 else super().channels(module, flow)

    def attributes(self, module: nn.Module) -> Attributes:
        """Kernel, stride, padding (a number an axis), ceil_mode."""
        dims = 1 if isinstance(module, nn.MaxPool1d | nn.AvgPool1d) else 2
        window: Any = module
        return {
            "kernel": _per_axis(window.kernel_size, dims),
            "stride": _per_axis(window.stride, dims),
            "padding": _per_axis(window.padding, dims),
            "ceil_mode": bool(window.ceil_mode),
        }

    def _write_window(self, op_type: str, attributes: Attributes, writer: OnnxWriter, **others: Any) -> None:
        padding = tuple(attributes["padding"])
        ceil_mode, after = _overhang(attributes, writer)
        writer.result(
            op_type,
            writer.inputs[0],
            kernel_shape=tuple(attributes["kernel"]),
            strides=tuple(attributes["stride"]),
            pads=padding + after,
            ceil_mode=int(ceil_mode),
            **others,
        )


def _overhang(attributes: Attributes, writer: OnnxWriter) -> tuple[bool, tuple[int, ...]]:
    """Whether to write ceil_mode, and the padding at the end of each axis.

    A window of ours starts inside what is padded; ONNX's ceil_mode, before opset 22, does not say so. Where the two
    count alike it stands in the file; where only some axes do, the overhang is spelled out as padding.
    """
    padding = tuple(int(pad) for pad in attributes["padding"])
    if not attributes["ceil_mode"]:
        return False, padding
    dilation = attributes.get("dilation", (1,) * len(padding))
    short, after, alike = [], [], True
    for axis, (extent, count) in enumerate(zip(writer.input_shapes[0][2:], writer.output_shape[2:], strict=True)):
        stride, span = attributes["stride"][axis], dilation[axis] * (attributes["kernel"][axis] - 1) + 1
        room = extent + 2 * padding[axis] - span
        short.append(count == room // stride + 1)
        alike = alike and count == -(-room // stride) + 1
        after.append(padding[axis] if short[-1] else (count - 1) * stride + span - extent - padding[axis])
    if alike or all(short):
        return not all(short), padding
    return False, tuple(after)


def _overhanging(window: Window, extents: Shape) -> tuple[Window, bool]:
    """The window padded alike on both sides, with or without `ceil_mode`, where that takes the same windows."""
    rows = list(zip(extents, window.kernel, window.stride, window.dilation, window.begin, window.end, strict=True))
    wanted = [(n + b + e - d * (k - 1) - 1) // s + 1 for n, k, s, d, b, e in rows]
    for ceil_mode in (False, True):
        counts = [
            pooled_extent(n, k, stride=s, padding=b, dilation=d, ceil_mode=ceil_mode) for n, k, s, d, b, _ in rows
        ]
        alike = dataclasses.replace(window, end=window.begin)
        if counts == wanted and _half(alike):
            return alike, ceil_mode
    return window, False


@register
class MaxPool(_Window):
    """y = max over the window; padding never wins."""

    kind = "max_pool"
    modules = (nn.MaxPool1d, nn.MaxPool2d)
    reads = ("MaxPool",)
    reads_aten = ("max_pool1d", "max_pool2d", "max_pool2d_with_indices")

    def read(self, node: OnnxNode) -> Reading:
        """A window over 1 or 2 axes."""
        value = node.activation()
        window = onnx_window(node, _kernel(node), value.shape[2:])
        return self._window(value, window, bool(node.attributes.get("ceil_mode", 0)))

    def read_aten(self, node: AtenNode) -> Reading:
        """The same."""
        value = node.activation()
        kernel = node.integers("kernel_size", dims=_dims(node))
        window = aten_window(node, kernel, stride=kernel)
        return self._window(value, window, bool(node.get("ceil_mode", False)))

    def _window(self, value: Activation, window: Window, ceil_mode: bool) -> Reading:
        if not window.symmetric and not ceil_mode:
            window, ceil_mode = _overhanging(window, value.shape[2:])
        attributes = {
            "kernel": window.kernel,
            "stride": window.stride,
            "dilation": window.dilation,
            "ceil_mode": ceil_mode,
        }
        draft = Draft(kind=self.kind, inputs=(PREVIOUS,), attributes=attributes)
        # torch pads by half a kernel at most, on both sides alike; anything else is a layer before it. It repeats the
        # edge, which every window without gaps that reaches beyond it sees, too: so it wins nothing, and is a number.
        gaps = set(window.dilation) != {1}
        how = {"value": -math.inf} if gaps else {"mode": "replicate"}
        return windowed(value.name, window, draft, separate=not _half(window), **how)

    integer = integer_kernels.MAX_POOL

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: kernel, stride, padding, dilation, ceil_mode."""
        kernel = tuple(attributes["kernel"])
        return (nn.MaxPool1d if len(kernel) == 1 else nn.MaxPool2d)(
            kernel,
            stride=tuple(attributes["stride"]),
            padding=tuple(attributes["padding"]),
            dilation=tuple(attributes["dilation"]),
            ceil_mode=bool(attributes["ceil_mode"]),
        )

    def attributes(self, module: nn.Module) -> Attributes:
        """The window and its dilation."""
        assert isinstance(module, nn.MaxPool1d | nn.MaxPool2d)
        found = super().attributes(module)
        return {**found, "dilation": _per_axis(module.dilation, len(found["kernel"]))}

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """One MaxPool."""
        self._write_window("MaxPool", attributes, writer, dilations=tuple(attributes["dilation"]))


@register
class AveragePool(_Window):
    """y = mean over the window; `count_include_pad` says whether padding counts."""

    kind = "avg_pool"
    modules = (nn.AvgPool1d, nn.AvgPool2d)
    reads = ("AveragePool",)
    reads_aten = ("avg_pool1d", "avg_pool2d", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "_adaptive_avg_pool2d")

    def read(self, node: OnnxNode) -> Reading:
        """A window over 1 or 2 axes."""
        value = node.activation()
        window = onnx_window(node, _kernel(node), value.shape[2:])
        counts = bool(node.attributes.get("count_include_pad", 0))
        ceil_mode = bool(node.attributes.get("ceil_mode", 0))
        if not (window.symmetric and _half(window)) and (not counts or ceil_mode):
            raise node.unsupported("one-sided or wide padding that does not count as values")
        return self._window(node, value.name, window, counts, ceil_mode)

    def read_aten(self, node: AtenNode) -> Reading:
        """The same; adaptive pooling where every window has the same size."""
        value = node.activation()
        dims = _dims(node)
        if "adaptive" not in node.op:
            if node.get("divisor_override") is not None:
                raise node.unsupported("a divisor of its own")
            kernel = node.integers("kernel_size", dims=dims)
            window = aten_window(node, kernel, stride=kernel)
            counts = bool(node.get("count_include_pad", True))
            return self._window(node, value.name, window, counts, bool(node.get("ceil_mode", False)))
        sizes, extents = node.integers("output_size", dims=dims), value.shape[2:]
        if set(sizes) == {1}:
            return None  # global average pooling
        if len(sizes) != len(extents) or any(extent % size for extent, size in zip(extents, sizes, strict=True)):
            raise node.unsupported(f"adaptive pooling of {list(extents)} to {list(sizes)}, which does not divide it")
        kernel = tuple(extent // size for extent, size in zip(extents, sizes, strict=True))
        none = (0,) * dims
        window = Window(kernel=kernel, stride=kernel, dilation=(1,) * dims, begin=none, end=none)
        return self._window(node, value.name, window, True, False)

    def _window(self, node: OnnxNode | AtenNode, name: str, window: Window, counts: bool, ceil_mode: bool) -> Reading:
        if set(window.dilation) != {1}:
            raise node.unsupported("dilation in an average")
        attributes = {
            "kernel": window.kernel,
            "stride": window.stride,
            "ceil_mode": ceil_mode,
            "count_include_pad": counts,
        }
        draft = Draft(kind=self.kind, inputs=(PREVIOUS,), attributes=attributes)
        return windowed(name, window, draft, separate=not _half(window))

    integer = integer_kernels.AVERAGE_POOL

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: kernel, stride, padding, ceil_mode, count_include_pad."""
        kernel = tuple(attributes["kernel"])
        return (nn.AvgPool1d if len(kernel) == 1 else nn.AvgPool2d)(
            kernel,
            stride=tuple(attributes["stride"]),
            padding=tuple(attributes["padding"]),
            ceil_mode=bool(attributes["ceil_mode"]),
            count_include_pad=bool(attributes["count_include_pad"]),
        )

    def attributes(self, module: nn.Module) -> Attributes:
        """The window and what its mean counts."""
        assert isinstance(module, nn.AvgPool1d | nn.AvgPool2d)
        return {**super().attributes(module), "count_include_pad": bool(module.count_include_pad)}

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """One AveragePool."""
        counts = int(attributes["count_include_pad"])
        self._write_window("AveragePool", attributes, writer, count_include_pad=counts)


@register
class GlobalAveragePoolRow(Operator):
    """y[c] = mean of x[c] over all positions."""

    kind = "global_avg_pool"
    modules = (GlobalAveragePool,)
    integer = integer_kernels.MEAN
    reads = ("GlobalAveragePool", "ReduceMean")
    reads_aten = ("mean", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "_adaptive_avg_pool2d")

    def read(self, node: OnnxNode) -> Reading:
        """A GlobalAveragePool, or a mean over exactly the positions."""
        value = node.activation()
        rank = len(value.shape)
        if node.op == "GlobalAveragePool":
            return self._positions(value.name, keepdim=True)
        axes, keepdim = reduced_axes(node, rank)
        return self._positions(value.name, keepdim=keepdim) if is_global(axes, rank) else None

    def read_aten(self, node: AtenNode) -> Reading:
        """The same; adaptive pooling to one position."""
        value = node.activation()
        rank = len(value.shape)
        if node.op != "mean":
            single = set(node.integers("output_size")) == {1}
            return self._positions(value.name, keepdim=True) if single else None
        axes, keepdim = aten_axes(node, rank)
        return self._positions(value.name, keepdim=keepdim) if is_global(axes, rank) else None

    def _positions(self, name: str, *, keepdim: bool) -> Reading:
        return (Draft(kind=self.kind, inputs=(name,), attributes={"keepdim": keepdim}),)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: keepdim."""
        return GlobalAveragePool(keepdim=bool(attributes["keepdim"]))

    def attributes(self, module: nn.Module) -> Attributes:
        """Whether axes of extent 1 stay."""
        assert isinstance(module, GlobalAveragePool)
        return {"keepdim": module.keepdim}

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """A GlobalAveragePool, which keeps the axes, and a Flatten where they go."""
        if attributes["keepdim"]:
            writer.result("GlobalAveragePool", writer.inputs[0])
        else:
            writer.result("Flatten", writer.part("GlobalAveragePool", writer.inputs[0]), axis=1)

    def shape(self, module: nn.Module, inputs: tuple[Shape, ...]) -> Shape | None:
        """[n, c, …] → [n, c, 1, …] or [n, c]."""
        assert isinstance(module, GlobalAveragePool)
        if len(inputs[0]) < 3:
            return None
        return (*inputs[0][:2], *((1,) * (len(inputs[0]) - 2) if module.keepdim else ()))

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """Its input's, if they lie along axis 1."""
        return flow.inputs[0] if flow.inputs[0].axis == 1 else super().channels(module, flow)


def _kernel(node: OnnxNode) -> Shape:
    kernel = node.integers("kernel_shape")
    if kernel is None or len(kernel) not in (1, 2):
        raise node.unsupported(f"a window of shape {kernel}")
    return kernel


def _dims(node: AtenNode) -> int:
    return 1 if "1d" in node.op else 2


def _half(window: Window) -> bool:
    """Whether no side is padded by more than half the kernel."""
    return all(2 * side <= size for side, size in zip(window.begin, window.kernel, strict=True))
