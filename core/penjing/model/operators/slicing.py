"""Operators that take a part along one axis: slice, split, one place of an axis."""

from collections.abc import Mapping

import numpy as np
from torch import Tensor, nn

from penjing.model.modules import Slice
from penjing.model.operators import integer_kernels
from penjing.model.operators.channels import Channels, Flow
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.reading import (
    PREVIOUS,
    Activation,
    AtenNode,
    Constant,
    Draft,
    OnnxNode,
    Reading,
    SourceNode,
    from_front,
)
from penjing.model.operators.table import Attributes, Operator, register


@register
class SliceRow(Operator):
    """A part of a tensor along an axis that is not the batch."""

    kind = "slice"
    modules = (Slice,)
    integer = integer_kernels.SLICE
    reads = ("Slice", "Split", "Gather")
    reads_aten = ("slice", "select", "narrow")

    def read(self, node: OnnxNode) -> Reading:
        """A Slice with steps forward, one part of a Split, or a Gather of one place."""
        value = node.value(0)
        if not isinstance(value, Activation):
            return None
        if node.op == "Split":
            return self._part(node, value)
        return self._place(node, value) if node.op == "Gather" else self._slices(node, value)

    def _part(self, node: OnnxNode, value: Activation) -> Reading:
        axis = node.axis(0, len(value.shape))
        extent = value.shape[axis]
        sizes = node.integers("split", 1)
        if sizes is None:
            size = -(-extent // max(1, node.results))
            sizes = (*(size,) * (node.results - 1), extent - size * (node.results - 1))
        if sum(sizes) != extent or len(sizes) != node.results:
            raise node.unsupported(f"parts {list(sizes)} of {extent} values")
        start = sum(sizes[: node.result])
        return self._take(node, value, axis, (start, start + sizes[node.result], 1))

    def _place(self, node: OnnxNode, value: Activation) -> Reading:
        place = node.value(1)
        if not isinstance(place, Constant) or place.array.size != 1 or place.array.ndim > 1:
            return None
        axis = node.axis(0, len(value.shape))
        index = from_front(int(place.array.reshape(-1)[0]), value.shape[axis], node)
        return self._take(node, value, axis, (index, index + 1, 1), drop=place.array.ndim == 0)

    def _slices(self, node: OnnxNode, value: Activation) -> Reading:
        starts, ends = node.integers("starts", 1), node.integers("ends", 2)
        if starts is None or ends is None:
            raise node.unsupported("no range")
        axes = node.integers("axes", 3) or tuple(range(len(starts)))
        steps = node.integers("steps", 4) or (1,) * len(starts)
        drafts: list[Draft] = []
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
            place = from_front(axis, len(value.shape), node)
            if step < 1:
                raise node.unsupported("steps backwards")
            first, last, _ = slice(start, end).indices(value.shape[place])
            drafts += self._take(node, value, place, (first, last, step)) or ()
        chained = [draft if index == 0 else _after(draft) for index, draft in enumerate(drafts)]
        return tuple(chained)

    def read_aten(self, node: AtenNode) -> Reading:
        """Slice, narrow and select."""
        value = node.activation()
        axis = from_front(int(node.get("dim", 0)), len(value.shape), node)
        extent = value.shape[axis]
        if node.op == "select":
            index = from_front(int(node.get("index", 0)), extent, node)
            return self._take(node, value, axis, (index, index + 1, 1), drop=True)
        start = node.get("start", 0)
        end = start + node.get("length", 0) if node.op == "narrow" else node.get("end", extent)
        first, last, _ = slice(int(start), min(int(end), extent)).indices(extent)
        return self._take(node, value, axis, (first, last, int(node.get("step", 1))))

    def _take(
        self, node: SourceNode, value: Activation, axis: int, part: tuple[int, int, int], *, drop: bool = False
    ) -> Reading:
        start, stop, step = part
        if not drop and (start, stop, step) == (0, value.shape[axis], 1):
            return ()
        if axis == 0:
            raise node.unsupported("a part of the batch")
        if stop <= start:
            raise node.unsupported(f"nothing of {value.shape[axis]} values")
        attributes = {"dim": axis, "start": start, "stop": stop, "step": step, "drop": drop}
        return (Draft(kind=self.kind, inputs=(value.name,), attributes=attributes),)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: dim, start, stop, step, drop."""
        numbers = (int(attributes[key]) for key in ("dim", "start", "stop", "step"))
        return Slice(*numbers, drop=bool(attributes["drop"]))

    def attributes(self, module: nn.Module) -> Attributes:
        """Which values, along which axis, and whether the axis goes."""
        assert isinstance(module, Slice)
        return {key: getattr(module, key) for key in ("dim", "start", "stop", "step", "drop")}

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """A Slice; a Gather of one place where the axis goes."""
        dim, start = int(attributes["dim"]), int(attributes["start"])
        if attributes["drop"]:
            writer.result("Gather", writer.inputs[0], writer.constant("place", np.array(start, np.int64)), axis=dim)
            return
        parts = (("start", start), ("stop", attributes["stop"]), ("axis", dim), ("step", attributes["step"]))
        ends = [writer.constant(name, np.array([int(number)], np.int64)) for name, number in parts]
        writer.result("Slice", writer.inputs[0], *ends)

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """Its input's where another axis is taken from; along their own axis, places must stay what they are."""
        assert isinstance(module, Slice)
        channels = flow.inputs[0]
        if module.dim == channels.axis:
            return super().channels(module, flow)
        return Channels(channels.ids, channels.axis - (module.drop and module.dim < channels.axis))


def _after(draft: Draft) -> Draft:
    return Draft(kind=draft.kind, inputs=(PREVIOUS,), attributes=draft.attributes)
