"""Operators that join tensors: sum, product, concatenation."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from torch import Tensor, nn

from penjing.model.modules import Add, Concat, Divide, Multiply, Subtract
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
    Value,
    from_front,
    tensor,
)
from penjing.model.operators.table import Attributes, Operator, Shape, register


class _Pointwise(Operator):
    """Two tensors joined value by value: channels at the same place are the same channel."""

    onnx: ClassVar[str]

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Nothing to set."""
        return self.modules[0]()

    def read(self, node: OnnxNode) -> Reading:
        """Both sides depend on the network's input; stored sides are another row's."""
        return self._joined(node.value(0), node.value(1))

    def read_aten(self, node: AtenNode) -> Reading:
        """The same."""
        if node.get("alpha", 1) != 1 or node.get("rounding_mode") is not None:
            raise node.unsupported("a factor beside the sum, or a quotient that is rounded")
        return self._joined(node.get("self"), node.get("other"))

    def _joined(self, left: object, right: object) -> Reading:
        if not isinstance(left, Activation) or not isinstance(right, Activation):
            return None
        # Two tensors of different rank line up at the end: the batch of the shorter one would meet another axis.
        return (Draft(kind=self.kind, inputs=(left.name, right.name)),) if len(left.shape) == len(right.shape) else None

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """One node."""
        writer.result(self.onnx, *writer.inputs)

    def shape(self, module: nn.Module, inputs: tuple[Shape, ...]) -> Shape | None:
        """That of both, where they are equal; torch knows how others broadcast."""
        return inputs[0] if inputs[0] == inputs[1] else None

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """Both inputs' channels are tied; anything that does not line up is fixed."""
        left, right = flow.inputs
        ranks = {len(shape) for shape in flow.input_shapes}
        if left.axis == right.axis and len(left.ids) == len(right.ids) and len(ranks) == 1:
            flow.tie(left.ids, right.ids)
            return left
        flow.freeze(left.ids)
        flow.freeze(right.ids)
        return flow.fixed()


@register
class AddRow(_Pointwise):
    """y = a + b."""

    kind = "add"
    modules = (Add,)
    integer = integer_kernels.ADD
    onnx = "Add"
    reads = ("Add", "Sum")
    reads_aten = ("add",)

    def read(self, node: OnnxNode) -> Reading:
        """A sum of two, or a Sum of several."""
        if node.op == "Add":
            return super().read(node)
        names = [node.activation(index).name for index in range(len(node.inputs))]
        drafts = [Draft(kind=self.kind, inputs=(names[0], name)) for name in names[1:2]]
        return (*drafts, *(Draft(kind=self.kind, inputs=(PREVIOUS, name)) for name in names[2:]))


@register
class MultiplyRow(_Pointwise):
    """y = a · b."""

    kind = "multiply"
    modules = (Multiply,)
    integer = integer_kernels.MULTIPLY
    onnx = "Mul"
    reads = ("Mul",)
    reads_aten = ("mul",)


@register
class SubtractRow(_Pointwise):
    """y = a - b."""

    kind = "subtract"
    modules = (Subtract,)
    integer = integer_kernels.SUBTRACT
    onnx = "Sub"
    reads = ("Sub",)
    reads_aten = ("sub",)


@register
class DivideRow(_Pointwise):
    """y = a / b."""

    kind = "divide"
    modules = (Divide,)
    onnx = "Div"
    reads = ("Div",)
    reads_aten = ("div",)


@register
class ConcatRow(Operator):
    """Parts side by side along one axis."""

    kind = "concat"
    modules = (Concat,)
    reads = ("Concat",)
    reads_aten = ("cat", "concat")

    def read(self, node: OnnxNode) -> Reading:
        """Parts that all depend on the network's input, or one that does among stored ones."""
        given = [node.value(index) for index in range(len(node.inputs))]
        axis = int(node.attributes["axis"])
        if any(isinstance(part, Constant) for part in given):
            return self._beside_stored(node, given, axis)
        return self._parts(node, [node.activation(index) for index in range(len(given))], axis)

    def _beside_stored(self, node: OnnxNode, given: list[Value | None], axis: int) -> Reading:
        """Room for the stored parts, which are then added: the token of a class before an image's, for example."""
        places = [index for index, part in enumerate(given) if isinstance(part, Activation)]
        if len(places) != 1:
            raise node.unsupported("stored parts beside several others")
        value = node.activation(places[0])
        rank = len(value.shape)
        dim = from_front(axis, rank, node)
        shape = value.shape[1:]
        parts = []
        for index in range(len(given)):
            array = None if index == places[0] else node.needed(index)
            if array is not None and (array.ndim != rank or dim == 0 or (array != array[:1]).any()):
                raise node.unsupported("a stored part that differs by example")
            parts.append(np.zeros(shape, np.float32) if array is None else array[0].astype(np.float32))
        sides = [sum(part.shape[dim - 1] for part in side) for side in (parts[: places[0]], parts[places[0] + 1 :])]
        begin, end = (tuple(side if place == dim - 1 else 0 for place in range(rank - 1)) for side in sides)
        pad = {"begin": begin, "end": end, "mode": "constant", "value": 0.0}
        added = {"value": tensor(np.concatenate(parts, axis=dim - 1))}
        return (
            Draft(kind="pad", inputs=(value.name,), attributes=pad),
            Draft(kind="add_constant", inputs=(PREVIOUS,), tensors=added),
        )

    def read_aten(self, node: AtenNode) -> Reading:
        """The same."""
        parts = [part for part in node.get("tensors", ()) if isinstance(part, Activation)]
        if len(parts) != len(node.get("tensors", ())):
            raise node.unsupported("a stored part")
        return self._parts(node, parts, int(node.get("dim", 0)))

    def _parts(self, node: OnnxNode | AtenNode, parts: list[Activation], axis: int) -> Reading:
        dim = from_front(axis, len(parts[0].shape), node)
        if dim == 0:
            raise node.unsupported("parts joined along the batch")
        return (Draft(kind=self.kind, inputs=tuple(part.name for part in parts), attributes={"dim": dim}),)

    integer = integer_kernels.CONCAT

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: dim."""
        return Concat(int(attributes["dim"]))

    def attributes(self, module: nn.Module) -> Attributes:
        """The axis."""
        assert isinstance(module, Concat)
        return {"dim": module.dim}

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """One Concat."""
        writer.result("Concat", *writer.inputs, axis=int(attributes["dim"]))

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """Along the channel axis the ids stand side by side; along another they are tied."""
        assert isinstance(module, Concat)
        dim = module.dim % len(flow.output_shape)
        axes = {channels.axis for channels in flow.inputs}
        if axes == {dim}:
            return Channels(np.concatenate([channels.ids for channels in flow.inputs]), dim)
        if len(axes) == 1 and len({len(channels.ids) for channels in flow.inputs}) == 1:
            for channels in flow.inputs[1:]:
                flow.tie(flow.inputs[0].ids, channels.ids)
            return flow.inputs[0]
        return super().channels(module, flow)
