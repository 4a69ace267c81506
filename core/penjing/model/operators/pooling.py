"""Pooling: maximum, average, global average."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from penjing.model.modules import GlobalAveragePool
from penjing.model.operators.channels import Channels, Flow
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.table import Attributes, Operator, register


def _per_axis(value: Any, dims: int) -> tuple[int, ...]:
    return (int(value),) * dims if isinstance(value, int) else tuple(int(extent) for extent in value)


class _Window(Operator):
    """A window slides over the positions; channels pass through."""

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
        writer.result(
            op_type,
            writer.inputs[0],
            kernel_shape=tuple(attributes["kernel"]),
            strides=tuple(attributes["stride"]),
            pads=padding + padding,
            ceil_mode=int(attributes["ceil_mode"]),
            **others,
        )


@register
class MaxPool(_Window):
    """y = max over the window; padding never wins."""

    kind = "max_pool"
    modules = (nn.MaxPool1d, nn.MaxPool2d)

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

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """Its input's, if they lie along axis 1."""
        return flow.inputs[0] if flow.inputs[0].axis == 1 else super().channels(module, flow)
