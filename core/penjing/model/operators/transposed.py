"""Transposed convolutions, 1-D and 2-D, which decoders grow their images with."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from penjing.layer_graph import FIXED, WeightKind
from penjing.model.modules import TransposedConv, turned
from penjing.model.operators import integer_kernels
from penjing.model.operators.channels import Channels, Flow
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.reading import PREVIOUS, Array, AtenNode, Draft, OnnxNode, Reading, Shape, biased
from penjing.model.operators.table import Attributes, Operator, bias_of, parameter, register, with_bias


@register
class TransposedConvolution(Operator):
    """Every input value times the filter, added up where the copies overlap (Dumoulin 2016).

    The weight is [out, in / groups, …].
    """

    kind = "conv_transpose"
    modules = (TransposedConv,)
    integer = integer_kernels.TRANSPOSED_CONVOLUTION
    reads = ("ConvTranspose",)
    reads_aten = ("conv_transpose1d", "conv_transpose2d")

    def read(self, node: OnnxNode) -> Reading:
        """Padding of one side, or that follows from the extents, is cut off behind it."""
        weight, value = node.needed(1), node.activation()
        axes = weight.ndim - 2
        settings = {
            "stride": node.integers("strides") or (1,) * axes,
            "output_padding": node.integers("output_padding") or (0,) * axes,
            "dilation": node.integers("dilations") or (1,) * axes,
        }
        whole = [
            (extent - 1) * stride + dilation * (kernel - 1) + 1 + more
            for extent, kernel, stride, more, dilation in zip(
                value.shape[2:], weight.shape[2:], *settings.values(), strict=True
            )
        ]
        begin, end = _pads(node, settings["stride"], value.shape[2:], whole)
        if min((*begin, *end)) < 0:
            raise node.unsupported("a result that is larger than what the values reach")
        settings["padding"] = tuple(map(min, begin, end))
        groups, stored = int(node.attributes.get("group", 1)), (weight, node.constant(2))
        drafts = [self._draft(node, value.name, stored, settings, groups, node.origin(1))]
        for axis, (first, last) in enumerate(zip(begin, end, strict=True)):
            if first != last:
                size, both = whole[axis] - 2 * min(first, last), min(first, last)
                cut = {"dim": axis + 2, "start": first - both, "stop": size - (last - both), "step": 1, "drop": False}
                drafts.append(Draft(kind="slice", inputs=(PREVIOUS,), attributes=cut))
        return tuple(drafts)

    def read_aten(self, node: AtenNode) -> Reading:
        """Padding is the same on both sides."""
        weight = node.needed("weight")
        axes = weight.ndim - 2
        settings = {
            name: node.integers(name, default, dims=axes)
            for name, default in (("stride", 1), ("padding", 0), ("output_padding", 0), ("dilation", 1))
        }
        stored, groups = (weight, node.constant("bias")), int(node.get("groups", 1))
        return (self._draft(node, node.activation("input").name, stored, settings, groups, node.origin("weight")),)

    def _draft(
        self,
        node: OnnxNode | AtenNode,
        name: str,
        stored: tuple[Array, Array | None],
        settings: Mapping[str, tuple[int, ...]],
        groups: int,
        origin: str,
    ) -> Draft:
        weight, bias = stored
        if weight.ndim not in (3, 4):
            raise node.unsupported(f"a convolution over {weight.ndim - 2} axes")
        if groups < 1 or len(weight) % groups:
            raise node.unsupported(f"{groups} groups of {len(weight)} channels")
        first = turned(torch.from_numpy(np.array(weight)), groups).numpy()
        attributes = {**settings, "groups": groups}
        tensors = biased(first, bias)
        return Draft(kind=self.kind, inputs=(name,), attributes=attributes, tensors=tensors, weight=origin)

    def absorb_bias(self, tensors: Mapping[str, Tensor], bias: Tensor) -> Mapping[str, Tensor] | None:
        """One value a filter, the same at every position."""
        return with_bias(tensors, bias)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: stride, padding, output_padding, dilation (a number an axis), groups."""
        settings = {key: tuple(int(one) for one in attributes[key]) for key in _SETTINGS}
        weight = tensors["weight"].to(torch.float32)
        bias = bias_of(tensors, weight.shape[0])
        if any(len(one) != weight.dim() - 2 for one in settings.values()):
            raise ValueError(f"settings {settings} for a weight of shape {list(weight.shape)}")
        least = [min(settings[key], default=1) for key in ("stride", "dilation")]
        # Runtimes, as torch, add to the end of a result only what a step leaves open; torch says so when it runs.
        steps = zip(settings["stride"], settings["dilation"], settings["output_padding"], strict=True)
        if min(least) < 1 or min(settings["padding"]) < 0 or any(not 0 <= more < max(of) for *of, more in steps):
            raise ValueError(f"kernel, stride, dilation or padding out of range: {settings}")
        return TransposedConv(weight, bias, **settings, groups=int(attributes.get("groups", 1)))

    def attributes(self, module: nn.Module) -> Attributes:
        """The settings."""
        return {key: getattr(module, key) for key in (*_SETTINGS, "groups")}

    def title(self, module: nn.Module) -> str:
        """As torch calls it."""
        assert isinstance(module, TransposedConv)
        return f"ConvTranspose{module.weight.dim() - 2}d"

    def weight_kind(self, module: nn.Module) -> WeightKind:
        """As of a convolution."""
        assert isinstance(module, TransposedConv)
        if module.groups == 1:
            return "dense"
        return "depthwise" if module.weight.shape[1] == 1 and len(module.weight) == module.groups else "grouped"

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """The weight's first axes swapped, in every group, and one ConvTranspose."""
        groups, given = int(attributes.get("groups", 1)), writer.input_shapes[0][1]
        weight = _turned_back(writer, groups, given // groups, writer.output_shape[1] // groups)
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
            group=groups,
        )

    def positions(self, module: nn.Module, inputs: tuple[tuple[int, ...], ...], output: tuple[int, ...]) -> int:
        """Every weight is used once per input position."""
        return int(np.prod(inputs[0][2:]))

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """New channels; depthwise, its input's; grouped, the same places of all groups go together."""
        assert isinstance(module, TransposedConv)
        kind, filters = self.weight_kind(module), module.weight.shape[0]
        if flow.inputs[0].axis != 1:
            flow.freeze(flow.inputs[0].ids)
            return flow.fresh(filters) if kind == "dense" else flow.fixed()
        if kind == "depthwise":
            return flow.inputs[0]
        made = flow.fresh(filters)
        for ids in (flow.inputs[0].ids, made.ids) if kind == "grouped" else ():
            first, *others = np.split(ids, module.groups)
            for other in others:
                flow.tie(first, other)
        return made

    def weight_inputs(self, module: nn.Module, flow: Flow) -> NDArray[np.int64]:
        """The channels of its input; of the first group where there are several (the others are tied to it)."""
        assert isinstance(module, TransposedConv)
        if self.weight_kind(module) == "depthwise":
            return np.zeros(0, np.int64)
        taken = module.weight.shape[1]
        return flow.inputs[0].ids[:taken] if flow.inputs[0].axis == 1 else np.full(taken, FIXED, np.int64)

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
        seen = patches.reshape(len(values), module.groups, values.shape[1] // module.groups, *kernel, -1).flip(3, 4)
        seen = seen.flatten(2, 4).permute(1, 0, 3, 2)  # [groups, n, positions, in / groups · kernel]
        return seen.flatten(1, 2)

    def select(self, module: nn.Module, *, outputs: Tensor | None, inputs: Tensor | None) -> nn.Module:
        """Fewer filters, or fewer channels of its input."""
        result: Any = copy.deepcopy(module)
        depthwise = self.weight_kind(module) == "depthwise"
        if outputs is not None:
            result.weight = parameter(result.weight[outputs])
            result.bias = None if result.bias is None else parameter(result.bias[outputs])
            result.groups = len(outputs) if depthwise else result.groups
        if inputs is not None and not depthwise:
            result.weight = parameter(result.weight[:, inputs])
        return result  # type: ignore[no-any-return]


_SETTINGS = ("stride", "padding", "output_padding", "dilation")


def _pads(
    node: OnnxNode, stride: Shape, extents: Shape, whole: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What is cut off at the beginning and the end of each axis, by ONNX's rules for `auto_pad` and `output_shape`."""
    axes, auto, wanted = len(whole), str(node.attributes.get("auto_pad", "NOTSET")), node.integers("output_shape")
    if wanted is None and auto in ("NOTSET", "VALID"):
        pads = (0,) * (2 * axes) if auto == "VALID" else node.integers("pads") or (0,) * (2 * axes)
        if len(pads) != 2 * axes:
            raise node.unsupported(f"padding {list(pads)}")
        return pads[:axes], pads[axes:]
    size = wanted[-axes:] if wanted is not None else tuple(n * step for n, step in zip(extents, stride, strict=True))
    total = [reached - extent for reached, extent in zip(whole, size, strict=True)]
    small, large = tuple(one // 2 for one in total), tuple(one - one // 2 for one in total)
    return (small, large) if auto == "SAME_UPPER" else (large, small)


def _turned_back(writer: OnnxWriter, groups: int, inputs: int, filters: int) -> str:
    """The name of the weight with the inputs first; `inputs` and `filters` are of one group."""
    rank = len(writer.output_shape)
    weight = writer.tensor("weight")
    if groups == 1:
        return writer.part("Transpose", weight, perm=(1, 0, *range(2, rank)))
    if inputs == filters == 1:
        return weight
    # The kernel's extents are not known here: they stay as they are, one axis while the others change places.
    apart = writer.constant("apart", np.array((groups, filters, inputs, -1), np.int64))
    swapped = writer.part("Transpose", writer.part("Reshape", weight, apart), perm=(0, 2, 1, 3))
    places = writer.constant("places", np.arange(2, rank))
    kernel = writer.part("Gather", writer.part("Shape", weight), places, axis=0)
    front = writer.constant("front", np.array((groups * inputs, filters), np.int64))
    return writer.part("Reshape.back", swapped, writer.part("Concat", front, kernel, axis=0))
