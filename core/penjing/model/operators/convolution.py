"""Convolutions, 1-D and 2-D: plain, grouped and depthwise."""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from penjing.layer_graph import FIXED, WeightKind
from penjing.model.operators import integer_kernels
from penjing.model.operators.channels import Channels, Flow
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.reading import PREVIOUS, AtenNode, Draft, OnnxNode, Reading, biased
from penjing.model.operators.table import Attributes, Operator, Shape, bias_of, parameter, register, with_bias
from penjing.model.operators.windows import Window, aten_window, onnx_window, windowed

_TYPES: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d}


@register
class Convolution(Operator):
    """y[o] = Σ_i w[o, i] ⋆ x[i] + b[o]; weight [out, in / groups, …]; padding is symmetric and of zeros."""

    kind = "conv"
    modules = (nn.Conv1d, nn.Conv2d)
    integer = integer_kernels.CONVOLUTION
    reads = ("Conv",)
    reads_aten = ("conv1d", "conv2d", "convolution")

    def read(self, node: OnnxNode) -> Reading:
        """A convolution; one-sided padding becomes a layer of its own."""
        weight, value = node.needed(1), node.activation(0)
        window = onnx_window(node, weight.shape[2:], value.shape[2:])
        if weight.ndim - 2 not in _TYPES:
            raise node.unsupported(f"a convolution over {weight.ndim - 2} axes")
        draft = _draft(window, int(node.attributes.get("group", 1)), biased(weight, node.constant(2)), node.origin(1))
        return windowed(value.name, window, draft)

    def read_aten(self, node: AtenNode) -> Reading:
        """The same; `padding` may be the words same and valid."""
        weight, value = node.needed("weight"), node.activation("input")
        if node.get("transposed", False):
            raise node.unsupported("a transposed convolution")
        if weight.ndim - 2 not in _TYPES or len(value.shape) != weight.ndim:
            raise node.unsupported(f"a convolution over {weight.ndim - 2} axes of a tensor with {len(value.shape)}")
        window = aten_window(node, weight.shape[2:], stride=(1,) * (weight.ndim - 2))
        tensors = biased(weight, node.constant("bias"))
        return windowed(value.name, window, _draft(window, int(node.get("groups", 1)), tensors, node.origin("weight")))

    def absorb_bias(self, tensors: Mapping[str, Tensor], bias: Tensor) -> Mapping[str, Tensor] | None:
        """One value a filter, the same at every position."""
        return with_bias(tensors, bias)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: stride, padding, dilation (a number an axis), groups."""
        weight = tensors["weight"]
        bias = bias_of(tensors, weight.shape[0])
        groups = int(attributes["groups"])
        with torch.device("meta"):  # the real tensors come from the file: nothing to initialise
            module: nn.Module = _TYPES[weight.dim() - 2](
                weight.shape[1] * groups,
                weight.shape[0],
                tuple(weight.shape[2:]),
                stride=tuple(attributes["stride"]),
                padding=tuple(attributes["padding"]),
                dilation=tuple(attributes["dilation"]),
                groups=groups,
                bias=bias is not None,
            )
        module.weight = parameter(weight)
        module.bias = bias  # type: ignore[assignment]
        return module

    def attributes(self, module: nn.Module) -> Attributes:
        """Stride, padding, dilation, groups."""
        assert isinstance(module, nn.Conv1d | nn.Conv2d)
        return {
            "stride": tuple(module.stride),
            "padding": tuple(module.padding),
            "dilation": tuple(module.dilation),
            "groups": module.groups,
        }

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """One Conv."""
        padding = tuple(attributes["padding"])
        writer.result(
            "Conv",
            writer.inputs[0],
            writer.tensor("weight"),
            *writer.optional("bias"),
            strides=tuple(attributes["stride"]),
            pads=padding + padding,
            dilations=tuple(attributes["dilation"]),
            group=int(attributes["groups"]),
        )

    def title(self, module: nn.Module) -> str:
        """A depthwise convolution is called so: it costs and couples differently."""
        name = type(module).__name__
        return f"Depthwise{name}" if self.weight_kind(module) == "depthwise" else name

    def shape(self, module: nn.Module, inputs: tuple[Shape, ...]) -> Shape | None:
        """floor((n + 2 p - d (k - 1) - 1) / s) + 1 positions an axis."""
        assert isinstance(module, nn.Conv1d | nn.Conv2d)
        given = inputs[0]
        if len(given) != module.weight.dim() or given[1] != module.in_channels or isinstance(module.padding, str):
            return None
        settings = zip(given[2:], module.kernel_size, module.stride, module.padding, module.dilation, strict=True)
        extents = tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in settings)
        return (given[0], module.out_channels, *extents) if min(extents) > 0 else None

    def weight_kind(self, module: nn.Module) -> WeightKind:
        """Depthwise: one filter per input channel."""
        assert isinstance(module, nn.Conv1d | nn.Conv2d)
        if module.groups == 1:
            return "dense"
        if module.groups == module.in_channels == module.out_channels:
            return "depthwise"
        return "grouped"

    def positions(self, module: nn.Module, inputs: tuple[Shape, ...], output: Shape) -> int:
        """Every weight is used once per output position."""
        return int(np.prod(output[2:]))

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """Plain: new channels. Depthwise: its input's. Grouped: the same places of all groups go together."""
        assert isinstance(module, nn.Conv1d | nn.Conv2d)
        kind = self.weight_kind(module)
        if flow.inputs[0].axis != 1:
            flow.freeze(flow.inputs[0].ids)
            return flow.fresh(module.out_channels) if kind == "dense" else flow.fixed()
        if kind == "depthwise":
            return flow.inputs[0]
        if kind == "dense":
            return flow.fresh(module.out_channels)
        made = flow.fresh(module.out_channels)
        for ids in (flow.inputs[0].ids, made.ids):
            first, *others = np.split(ids, module.groups)
            for other in others:
                flow.tie(first, other)
        return made

    def weight_inputs(self, module: nn.Module, flow: Flow) -> NDArray[np.int64]:
        """The channels of its input; of the first group where there are several (the others are tied to it)."""
        assert isinstance(module, nn.Conv1d | nn.Conv2d)
        if self.weight_kind(module) == "depthwise":
            return np.zeros(0, np.int64)
        taken = module.in_channels // module.groups
        return flow.inputs[0].ids[:taken] if flow.inputs[0].axis == 1 else np.full(taken, FIXED, np.int64)

    def columns(self, module: nn.Module, values: Tensor) -> Tensor:
        """The window at every position, of each group's channels; a signal is an image of height 1."""
        assert isinstance(module, nn.Conv1d | nn.Conv2d) and not isinstance(module.padding, str)
        flat = isinstance(module, nn.Conv1d)
        one, zero = ((1,), (0,)) if flat else ((), ())
        patches = functional.unfold(
            values.unsqueeze(2) if flat else values,
            one + module.kernel_size,
            dilation=one + module.dilation,
            padding=zero + module.padding,
            stride=one + module.stride,
        )  # [n, in · kernel, positions]
        grouped = patches.transpose(1, 2).reshape(-1, module.groups, patches.shape[1] // module.groups)
        return grouped.transpose(0, 1)

    def select(self, module: nn.Module, *, outputs: Tensor | None, inputs: Tensor | None) -> nn.Module:
        """A smaller convolution; a depthwise one loses groups, a grouped one keeps them."""
        assert isinstance(module, nn.Conv1d | nn.Conv2d)
        result: Any = copy.deepcopy(module)
        kind = self.weight_kind(module)
        if outputs is not None:
            result.weight = parameter(result.weight[outputs])
            result.bias = None if result.bias is None else parameter(result.bias[outputs])
        if inputs is not None and kind != "depthwise":
            result.weight = parameter(result.weight[:, inputs])
        result.out_channels = result.weight.shape[0]
        if kind == "depthwise":
            result.groups = result.out_channels
        result.in_channels = result.weight.shape[1] * result.groups
        return result  # type: ignore[no-any-return]


def _draft(window: Window, groups: int, tensors: dict[str, Tensor], origin: str) -> Draft:
    attributes = {"stride": window.stride, "dilation": window.dilation, "groups": groups}
    return Draft(kind="conv", inputs=(PREVIOUS,), attributes=attributes, tensors=tensors, weight=origin)
