"""Operators that move values or put new ones beside them: transpose, pad, nearest-neighbour upsampling."""

import math
from collections.abc import Mapping

import numpy as np
from torch import Tensor, nn

from penjing.layer_graph import FIXED
from penjing.model.modules import Pad, Transpose
from penjing.model.operators import integer_kernels
from penjing.model.operators.channels import Channels, Flow
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.reading import Activation, AtenNode, Draft, OnnxNode, Reading, SourceNode, from_front
from penjing.model.operators.table import Attributes, Operator, register


@register
class TransposeRow(Operator):
    """Another order of the axes; files that keep channels last need it."""

    kind = "transpose"
    modules = (Transpose,)
    integer = integer_kernels.TRANSPOSE
    reads = ("Transpose",)
    reads_aten = ("permute", "transpose", "t")

    def read(self, node: OnnxNode) -> Reading:
        """Any order that keeps the batch first."""
        value = node.activation()
        return self._order(node, value, node.integers("perm") or tuple(reversed(range(len(value.shape)))))

    def read_aten(self, node: AtenNode) -> Reading:
        """The same; transpose swaps two axes."""
        value = node.activation()
        rank = len(value.shape)
        if node.op == "permute":
            return self._order(node, value, tuple(from_front(axis, rank, node) for axis in node.integers("dims")))
        one, other = (int(node.get(name, default)) for name, default in (("dim0", 0), ("dim1", min(1, rank - 1))))
        order = list(range(rank))
        one, other = from_front(one, rank, node), from_front(other, rank, node)
        order[one], order[other] = order[other], order[one]
        return self._order(node, value, tuple(order))

    def _order(self, node: SourceNode, value: Activation, order: tuple[int, ...]) -> Reading:
        if order == tuple(range(len(value.shape))):
            return ()
        if order[:1] != (0,):
            raise node.unsupported(f"the order of axes {list(order)}, which moves the batch")
        return (Draft(kind=self.kind, inputs=(value.name,), attributes={"order": order}),)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: order."""
        return Transpose(tuple(int(axis) for axis in attributes["order"]))

    def attributes(self, module: nn.Module) -> Attributes:
        """The order."""
        assert isinstance(module, Transpose)
        return {"order": module.order}

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """One node."""
        writer.result("Transpose", writer.inputs[0], perm=tuple(int(axis) for axis in attributes["order"]))

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """Its input's, on the axis where they are now."""
        assert isinstance(module, Transpose)
        return Channels(flow.inputs[0].ids, module.order.index(flow.inputs[0].axis))


@register
class PadRow(Operator):
    """Values around the positions, before a convolution whose padding is one-sided, or around the channels."""

    kind = "pad"
    modules = (Pad,)
    integer = integer_kernels.PAD
    reads = ("Pad",)
    reads_aten = ("pad", "constant_pad_nd", "reflection_pad1d", "reflection_pad2d", "replication_pad1d")

    def read(self, node: OnnxNode) -> Reading:
        """Padding with a constant, by reflection or by repeating the edge."""
        value = node.activation()
        rank = len(value.shape)
        pads = node.integers("pads", 1) or (0,) * (2 * rank)
        axes = node.integers("axes", 3)
        if axes is not None:  # opset 18: the pads of these axes only
            places = [from_front(axis, rank, node) for axis in axes]
            given = dict(zip(places, zip(pads[: len(axes)], pads[len(axes) :], strict=True), strict=True))
            pads = tuple(given.get(axis, (0, 0))[side] for side in (0, 1) for axis in range(rank))
        mode = str(node.attributes.get("mode", "constant"))
        named = {"constant": "constant", "reflect": "reflect", "edge": "replicate"}.get(mode)
        if named is None or len(pads) != 2 * rank:
            raise node.unsupported(f"padding {list(pads)} of mode {mode!r}")
        return self._pad(node, value, (pads[:rank], pads[rank:]), named, node.number("value", 2, 0.0))

    def read_aten(self, node: AtenNode) -> Reading:
        """The same; sides are counted from the last axis."""
        value = node.activation()
        sides = node.integers("pad", node.get("padding", ()))
        mode = {"reflection_pad1d": "reflect", "reflection_pad2d": "reflect", "replication_pad1d": "replicate"}.get(
            node.op, str(node.get("mode", "constant"))
        )
        free = (0,) * (len(value.shape) - len(sides) // 2)
        begin, end = (free + tuple(reversed(sides[side::2])) for side in (0, 1))
        return self._pad(node, value, (begin, end), mode, float(node.get("value", 0.0)))

    def _pad(
        self,
        node: SourceNode,
        value: Activation,
        sides: tuple[tuple[int, ...], tuple[int, ...]],
        mode: str,
        fill: float,
    ) -> Reading:
        begin, end = sides
        if len(begin) != len(value.shape) or min(begin + end) < 0 or begin[0] or end[0]:
            raise node.unsupported(f"padding {list(begin)} and {list(end)}: it cuts values or pads the batch")
        if not any(begin + end):
            return ()
        if mode != "constant" and (begin[1] or end[1] or len(begin) not in (3, 4)):
            raise node.unsupported(f"padding of mode {mode!r} around the channels")
        attributes = {"begin": begin[1:], "end": end[1:], "mode": mode, "value": fill}
        return (Draft(kind=self.kind, inputs=(value.name,), attributes=attributes),)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: begin, end (from axis 1 on), mode, value."""
        begin, end = (tuple(int(side) for side in attributes[key]) for key in ("begin", "end"))
        return Pad(begin, end, mode=str(attributes["mode"]), value=float(attributes["value"]))

    def attributes(self, module: nn.Module) -> Attributes:
        """Sides, mode and value."""
        assert isinstance(module, Pad)
        return {"begin": module.begin, "end": module.end, "mode": module.mode, "value": module.value}

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """One node."""
        sides = (0, *attributes["begin"], 0, *attributes["end"])
        pads = writer.constant("pads", np.array(sides, np.int64))
        if attributes["mode"] != "constant":
            mode = {"replicate": "edge"}.get(attributes["mode"], attributes["mode"])
            writer.result("Pad", writer.inputs[0], pads, mode=mode)
            return
        writer.result(
            "Pad", writer.inputs[0], pads, writer.constant("value", np.array(attributes["value"], np.float32))
        )

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """Its input's, between fixed ones where channels are added."""
        assert isinstance(module, Pad)
        channels = flow.inputs[0]
        if channels.axis == 0:
            return super().channels(module, flow)
        before, after = module.begin[channels.axis - 1], module.end[channels.axis - 1]
        if not before and not after:
            return channels
        fixed = [np.full(count, FIXED, np.int64) for count in (before, after)]
        return Channels(np.concatenate([fixed[0], channels.ids, fixed[1]]), channels.axis)


@register
class Upsample(Operator):
    """Every position is repeated a whole number of times along each axis."""

    kind = "upsample"
    modules = (nn.Upsample,)
    integer = integer_kernels.UPSAMPLE
    reads = ("Upsample", "Resize")
    reads_aten = ("upsample_nearest1d", "upsample_nearest2d")

    def read(self, node: OnnxNode) -> Reading:
        """Nearest-neighbour scaling by whole factors, where all rules of rounding agree; else a `resize`."""
        value = node.activation()
        rank = len(value.shape)
        mode = str(node.attributes.get("mode", "nearest"))
        place = 1 if node.op == "Upsample" or node.opset < 11 else 2
        if "scales" in node.attributes:
            scales = tuple(float(factor) for factor in node.attributes["scales"])
        elif (array := node.constant(place)) is not None and array.size:
            scales = tuple(float(factor) for factor in array.reshape(-1))
        elif (sizes := node.integers("sizes", 3)) is not None:
            axes = node.integers("axes") or range(rank)
            scales = tuple(size / value.shape[axis] for size, axis in zip(sizes, axes, strict=True))
        else:
            scales = ()
        rule = str(node.attributes.get("coordinate_transformation_mode", "half_pixel"))
        rounding = str(node.attributes.get("nearest_mode", "round_prefer_floor"))
        exact = node.op == "Upsample" or node.opset < 11 or (rule, rounding) in _WHOLE_FACTORS
        if "axes" in node.attributes and scales:
            given = dict(zip((axis % rank for axis in node.integers("axes") or ()), scales, strict=True))
            scales = tuple(given.get(axis, 1.0) for axis in range(rank))
        fits = mode == "nearest" and len(scales) == rank and scales[:2] == (1, 1) and exact
        if not (fits and _is_whole(scales[2:])):
            if node.op == "Resize":
                return None  # another row's business
            raise node.unsupported(f"scaling by {list(scales)}, mode {mode!r}, {rule}, {rounding}")
        return self._scale(value, scales[2:])

    def read_aten(self, node: AtenNode) -> Reading:
        """The same."""
        value = node.activation("input") if "input" in node.arguments else node.activation()
        if node.get("scale_factors") is not None:
            scales = tuple(float(factor) for factor in node.get("scale_factors"))
        else:
            sizes = node.integers("output_size")
            scales = tuple(size / old for size, old in zip(sizes, value.shape[2:], strict=True))
        return self._scale(value, scales) if _is_whole(scales) else None

    def _scale(self, value: Activation, scales: tuple[float, ...]) -> Reading:
        factors = tuple(int(factor) for factor in scales)
        return (
            ()
            if set(factors) == {1}
            else (Draft(kind=self.kind, inputs=(value.name,), attributes={"factors": factors}),)
        )

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: factors, a whole number an axis."""
        factors = tuple(float(int(factor)) for factor in attributes["factors"])
        if not factors or not all(1 <= factor <= 64 for factor in factors):
            raise ValueError(f"factors {factors}")
        return nn.Upsample(scale_factor=factors, mode="nearest")

    def attributes(self, module: nn.Module) -> Attributes:
        """The factors."""
        assert isinstance(module, nn.Upsample)
        assert isinstance(module.scale_factor, tuple)
        return {"factors": tuple(math.floor(factor) for factor in module.scale_factor)}

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """A Resize that repeats positions."""
        scales = writer.constant("scales", np.array((1, 1, *attributes["factors"]), np.float32))
        writer.result(
            "Resize",
            writer.inputs[0],
            "",
            scales,
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """Its input's, if they lie along axis 1."""
        return flow.inputs[0] if flow.inputs[0].axis == 1 else super().channels(module, flow)


def _is_whole(scales: tuple[float, ...]) -> bool:
    return len(scales) in (1, 2) and all(1 <= factor <= 64 and factor == int(factor) for factor in scales)


_WHOLE_FACTORS = {
    ("asymmetric", "floor"),
    ("half_pixel", "round_prefer_floor"),
    ("half_pixel", "round_prefer_ceil"),
    ("pytorch_half_pixel", "round_prefer_floor"),
}
