"""Sums and products with constants that the file stores."""

import copy
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn

from penjing.layer_graph import WeightKind
from penjing.model.modules import AddConstant, MultiplyConstant
from penjing.model.operators import integer_kernels
from penjing.model.operators.channels import Channels, Flow
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.reading import (
    PREVIOUS,
    Activation,
    Array,
    AtenNode,
    Constant,
    Draft,
    OnnxNode,
    Reading,
    SourceNode,
    tensor,
)
from penjing.model.operators.table import Attributes, Operator, parameter, register


class _WithConstant(Operator):
    """x joined with a constant that broadcasts to it; the constant's channels are x's."""

    in_place = True
    onnx: ClassVar[str]

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """No attributes; tensor: value, with at most as many axes as what it is joined with."""
        module = self.modules[0](tensors["value"])
        module.value = parameter(tensors["value"])
        return module

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """One node."""
        writer.result(self.onnx, writer.inputs[0], writer.tensor("value"))

    def weight_kind(self, module: nn.Module) -> WeightKind:
        """One value a channel where it says so; other constants are no weights that can be cut."""
        return "other"

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """Its input's, if the constant is one number or differs only by channel."""
        (value,) = module.parameters()
        channels, rank = flow.inputs[0], len(flow.input_shapes[0])
        if flow.output_shape != flow.input_shapes[0]:
            return super().channels(module, flow)
        place = channels.axis - (rank - value.dim())
        if value.numel() == 1 or (place >= 0 and value.shape[place] == value.numel()):
            return channels
        # A constant that differs along positions: `select` could not tell its axes apart.
        return super().channels(module, flow)

    def select(self, module: nn.Module, *, outputs: Tensor | None, inputs: Tensor | None) -> nn.Module:
        """Fewer channels along the one axis on which the constant differs."""
        result: Any = copy.deepcopy(module)
        if outputs is not None and result.value.numel() > 1:
            axis = max(range(result.value.dim()), key=lambda place: result.value.shape[place])
            result.value = parameter(result.value.index_select(axis, outputs))
        return result  # type: ignore[no-any-return]

    def _draft(self, node: SourceNode, name: str, shape: tuple[int, ...], value: Array, origin: str = "") -> Draft:
        rank = len(shape)
        if value.ndim > rank:  # the batch would no longer come first
            raise node.unsupported(f"a constant of shape {list(value.shape)} on a tensor of shape {list(shape)}")
        if value.ndim == rank and value.shape[:1] not in ((), (1,)):
            raise node.unsupported("a constant that differs from one example of a batch to the next")
        if not np.issubdtype(value.dtype, np.floating) and not np.issubdtype(value.dtype, np.integer):
            raise node.unsupported(f"a constant of type {value.dtype}")
        return Draft(kind=self.kind, inputs=(name,), tensors={"value": tensor(value)}, weight=origin)


@register
class AddConstantRow(_WithConstant):
    """y = x + c."""

    kind = "add_constant"
    modules = (AddConstant,)
    integer = integer_kernels.OFFSET
    onnx = "Add"
    reads = ("Add", "Sub")
    reads_aten = ("add", "sub", "rsub")

    def read(self, node: OnnxNode) -> Reading:
        """A sum or difference of which one side is stored."""
        return self._sum(node, node.value(0), node.value(1), minus=node.op == "Sub")

    def read_aten(self, node: AtenNode) -> Reading:
        """The same; the constant may be a plain number."""
        left, right = node.get("self"), node.get("other")
        alpha = node.get("alpha", 1)
        if alpha != 1:
            right = _scaled(right, float(alpha))
        return self._sum(node, *((right, left) if node.op == "rsub" else (left, right)), minus=node.op != "add")

    def _sum(self, node: SourceNode, left: object, right: object, *, minus: bool) -> Reading:
        if isinstance(left, Activation) and (constant := _stored(right)) is not None:
            array = -constant.array if minus else constant.array
            return (self._draft(node, left.name, left.shape, array, constant.origin),)
        if isinstance(right, Activation) and (constant := _stored(left)) is not None:
            draft = self._draft(node, PREVIOUS if minus else right.name, right.shape, constant.array, constant.origin)
            return (_minus(right.name), draft) if minus else (draft,)
        return None


@register
class MultiplyConstantRow(_WithConstant):
    """y = x · c."""

    kind = "multiply_constant"
    modules = (MultiplyConstant,)
    integer = integer_kernels.FACTOR
    onnx = "Mul"
    reads = ("Mul", "Div", "Neg")
    reads_aten = ("mul", "div", "neg")

    def read(self, node: OnnxNode) -> Reading:
        """A product of which one side is stored, or a quotient by a stored divisor."""
        if node.op == "Neg":
            return (_minus(node.activation().name),)
        return self._product(node, node.value(0), node.value(1), over=node.op == "Div")

    def read_aten(self, node: AtenNode) -> Reading:
        """The same; the constant may be a plain number."""
        if node.op == "neg":
            return (_minus(node.activation().name),)
        if node.get("rounding_mode") is not None:
            raise node.unsupported("a quotient that is rounded")
        return self._product(node, node.get("self"), node.get("other"), over=node.op == "div")

    def _product(self, node: SourceNode, left: object, right: object, *, over: bool) -> Reading:
        if isinstance(left, Activation) and (constant := _stored(right)) is not None:
            if over and not np.all(constant.array):
                raise node.unsupported("a division by zero")
            array = 1 / constant.array.astype(np.float64) if over else constant.array
            return (self._draft(node, left.name, left.shape, array, "" if over else constant.origin),)
        if isinstance(right, Activation) and (constant := _stored(left)) is not None and not over:
            return (self._draft(node, right.name, right.shape, constant.array, constant.origin),)
        return None


def _minus(name: str) -> Draft:
    return Draft(kind="multiply_constant", inputs=(name,), tensors={"value": tensor(np.array(-1.0))})


def _stored(value: object) -> Constant | None:
    if isinstance(value, Constant):
        return value
    return Constant(np.array(value)) if isinstance(value, int | float) else None


def _scaled(value: object, factor: float) -> object:
    constant = _stored(value)
    return value if constant is None else Constant(constant.array * factor)
