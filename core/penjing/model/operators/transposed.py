"""Transposed convolutions, 1-D and 2-D, which decoders grow their images with."""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from penjing.layer_graph import FIXED, WeightKind
from penjing.model.modules import TransposedConv
from penjing.model.operators.channels import Channels, Flow
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.reading import Array, AtenNode, Draft, OnnxNode, Reading, biased
from penjing.model.operators.table import Attributes, Operator, parameter, register


@register
class TransposedConvolution(Operator):
    """Every input value times the filter, added up where the copies overlap (Dumoulin 2016); weight [out, in, …]."""

    kind = "conv_transpose"
    modules = (TransposedConv,)
    reads = ("ConvTranspose",)
    reads_aten = ("conv_transpose1d", "conv_transpose2d")

    def read(self, node: OnnxNode) -> Reading:
        """One without groups, its padding the same on both sides."""
        weight, axes = node.needed(1), node.needed(1).ndim - 2
        pads = node.integers("pads") or (0,) * (2 * axes)
        automatic = node.attributes.get("auto_pad", "NOTSET") != "NOTSET" or node.integers("output_shape") is not None
        if automatic or pads[:axes] != pads[axes:] or node.attributes.get("group", 1) != 1:
            raise node.unsupported("groups, automatic padding or padding of one side")
        settings = {
            "stride": node.integers("strides") or (1,) * axes,
            "padding": pads[:axes],
            "output_padding": node.integers("output_padding") or (0,) * axes,
            "dilation": node.integers("dilations") or (1,) * axes,
        }
        return self._draft(node, node.activation().name, (weight, node.constant(2)), settings, node.origin(1))

    def read_aten(self, node: AtenNode) -> Reading:
        """The same."""
        weight = node.needed("weight")
        axes = weight.ndim - 2
        if node.get("groups", 1) != 1:
            raise node.unsupported("groups")
        settings = {
            name: node.integers(name, default, dims=axes)
            for name, default in (("stride", 1), ("padding", 0), ("output_padding", 0), ("dilation", 1))
        }
        tensors = (weight, node.constant("bias"))
        return self._draft(node, node.activation("input").name, tensors, settings, node.origin("weight"))

    def _draft(
        self,
        node: OnnxNode | AtenNode,
        name: str,
        stored: tuple[Array, Array | None],
        settings: Mapping[str, tuple[int, ...]],
        origin: str,
    ) -> Reading:
        weight, bias = stored
        if weight.ndim not in (3, 4):
            raise node.unsupported(f"a convolution over {weight.ndim - 2} axes")
        tensors = biased(weight.swapaxes(0, 1), bias)
        return (Draft(kind=self.kind, inputs=(name,), attributes=settings, tensors=tensors, weight=origin),)

    def absorb_bias(self, tensors: Mapping[str, Tensor], bias: Tensor) -> Mapping[str, Tensor] | None:
        """One value a filter, the same at every position."""
        filters, axes = tensors["weight"].shape[0], tensors["weight"].dim()
        aligned = (1,) * (axes - bias.dim()) + tuple(bias.shape)
        if len(aligned) != axes or aligned not in ((1, filters) + (1,) * (axes - 2), (1,) * axes):
            return None
        return {**tensors, "bias": tensors.get("bias", 0) + bias.reshape(-1).expand(filters)}

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: stride, padding, output_padding, dilation (a number an axis)."""
        settings = {key: tuple(int(one) for one in attributes[key]) for key in _SETTINGS}
        weight, bias = tensors["weight"].to(torch.float32), tensors.get("bias")
        if any(len(one) != weight.dim() - 2 for one in settings.values()):
            raise ValueError(f"settings {settings} for a weight of shape {list(weight.shape)}")
        return TransposedConv(weight, None if bias is None else bias.to(torch.float32), **settings)

    def attributes(self, module: nn.Module) -> Attributes:
        """The settings."""
        return {key: getattr(module, key) for key in _SETTINGS}

    def title(self, module: nn.Module) -> str:
        """As torch calls it."""
        assert isinstance(module, TransposedConv)
        return f"ConvTranspose{module.weight.dim() - 2}d"

    def weight_kind(self, module: nn.Module) -> WeightKind:
        """Always dense."""
        return "dense"

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """The weight's first axes swapped, and one ConvTranspose."""
        rank = len(writer.output_shape)
        weight = writer.part("Transpose", writer.tensor("weight"), perm=(1, 0, *range(2, rank)))
        padding = tuple(attributes["padding"])
        writer.result(
            "ConvTranspose",
            writer.inputs[0],
            weight,
            *writer.optional("bias"),
            strides=tuple(attributes["stride"]),
            pads=padding + padding,
            output_padding=tuple(attributes["output_padding"]),
            dilations=tuple(attributes["dilation"]),
        )

    def positions(self, module: nn.Module, inputs: tuple[tuple[int, ...], ...], output: tuple[int, ...]) -> int:
        """Every weight is used once per input position."""
        return int(np.prod(inputs[0][2:]))

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """New channels."""
        assert isinstance(module, TransposedConv)
        if flow.inputs[0].axis != 1:
            flow.freeze(flow.inputs[0].ids)
        return flow.fresh(module.weight.shape[0])

    def weight_inputs(self, module: nn.Module, flow: Flow) -> NDArray[np.int64]:
        """The channels of its input."""
        assert isinstance(module, TransposedConv)
        taken = module.weight.shape[1]
        return flow.inputs[0].ids if flow.inputs[0].axis == 1 else np.full(taken, FIXED, np.int64)

    def columns(self, module: nn.Module, values: Tensor) -> Tensor:
        """The window that each result sees: of the input with zeros between its values, the filter turned round."""
        assert isinstance(module, TransposedConv)
        flat = module.weight.dim() == 3
        one, zero = ((1,), (0,)) if flat else ((), ())
        values = values.unsqueeze(2) if flat else values
        stride, dilation = one + module.stride, one + module.dilation
        kernel = one + tuple(module.weight.shape[2:])
        extents = [(extent - 1) * step + 1 for extent, step in zip(values.shape[2:], stride, strict=True)]
        spread = values.new_zeros((*values.shape[:2], *extents))
        spread[:, :, :: stride[0], :: stride[1]] = values
        sides = [
            (reach * (size - 1) - pad, reach * (size - 1) - pad + more)
            for reach, size, pad, more in zip(
                dilation, kernel, zero + module.padding, zero + module.output_padding, strict=True
            )
        ]
        padded = functional.pad(spread, (*sides[1], *sides[0]))
        patches = functional.unfold(padded, kernel, dilation=dilation)  # [n, in · kernel, positions]
        turned = patches.reshape(len(values), values.shape[1], *kernel, -1).flip(2, 3)
        return turned.flatten(1, 3).transpose(1, 2).reshape(1, -1, patches.shape[1])

    def select(self, module: nn.Module, *, outputs: Tensor | None, inputs: Tensor | None) -> nn.Module:
        """Fewer filters, or fewer channels of its input."""
        result: Any = copy.deepcopy(module)
        if outputs is not None:
            result.weight = parameter(result.weight[outputs])
            result.bias = None if result.bias is None else parameter(result.bias[outputs])
        if inputs is not None:
            result.weight = parameter(result.weight[:, inputs])
        return result  # type: ignore[no-any-return]


_SETTINGS = ("stride", "padding", "output_padding", "dilation")
