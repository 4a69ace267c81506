"""The operator table: one row per operator says everything Penjing knows about it.

Reading, writing, counting, coupling, cutting and code generation are loops over this table; a new operator is a
new row: a class with `@register`, in a module named in `_FAMILIES`.
"""

import copy
import functools
import importlib
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from penjing.layer_graph import WeightKind
from penjing.model.operators.channels import Channels, Flow
from penjing.model.operators.integer_kernels import IntegerKernel
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.reading import AtenNode, OnnxNode, Reading

Attributes = Mapping[str, Any]
"""Plain data: numbers, booleans, None, strings and tuples of numbers."""

Shape = tuple[int, ...]

_FAMILIES = (
    "convolution",
    "dense",
    "normalization",
    "group_norm",
    "activation",
    "bounded",
    "smooth",
    "arithmetic",
    "affine",
    "pooling",
    "reduction",
    "shaping",
    "layout",
    "resizing",
    "attention",
    "elementary",
    "slicing",
    "recurrence",
    "transposed",
    "opaque",
)
_BY_KIND: dict[str, "Operator"] = {}
_BY_MODULE: dict[type[nn.Module], "Operator"] = {}


class Operator:
    """One row. The defaults describe an operator without weights through which no channel may be cut."""

    kind: ClassVar[str]
    """Identifier, also in `.penjingnet` files."""
    modules: ClassVar[tuple[type[nn.Module], ...]]
    """The module types that carry it in module form."""
    alias: ClassVar[bool] = False
    """The result shares its input's memory."""
    in_place: ClassVar[bool] = False
    """Elementwise: kernels fuse it into the layer that feeds it."""
    integer: ClassVar[IntegerKernel | None] = None
    """How it works on integers; without a kernel it stays float in a quantized network."""

    reads: ClassVar[tuple[str, ...]] = ()
    """The ONNX operators that `read` understands."""
    reads_aten: ClassVar[tuple[str, ...]] = ()
    """The torch.export operators that `read_aten` understands: their names without overload and trailing `_`."""

    def read(self, node: OnnxNode) -> Reading:
        """The layers that an ONNX node becomes; None leaves it to another row.

        Raises:
            UserError: `load.unsupported_form` where module form has no layer for what the node says.
        """
        return None

    def read_aten(self, node: AtenNode) -> Reading:
        """The same for a node of torch.export."""
        return None

    def absorb_bias(self, tensors: Mapping[str, Tensor], bias: Tensor) -> Mapping[str, Tensor] | None:
        """The layer's tensors with `bias`, which broadcasts to its result, added; None if it cannot take it."""
        return None

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """A module from plain data; raises KeyError, TypeError or ValueError on data that does not fit."""
        raise TypeError(f"{self.kind} cannot be built")

    def attributes(self, module: nn.Module) -> Attributes:
        """What `build` needs besides the tensors."""
        return {}

    def tensors(self, module: nn.Module) -> dict[str, Tensor]:
        """The module's tensors by name, detached, shared."""
        found = dict(module.named_parameters(recurse=False)) | dict(module.named_buffers(recurse=False))
        return {name: tensor.detach() for name, tensor in found.items()}

    def title(self, module: nn.Module) -> str:
        """The name people know it by."""
        return type(module).__name__

    def params(self, module: nn.Module) -> int:
        """Trainable values, with biases and batch norm's γ and β."""
        return sum(parameter.numel() for parameter in module.parameters())

    def shape(self, module: nn.Module, inputs: tuple[Shape, ...]) -> Shape | None:
        """The result's shape by formula, for rows that have one and inputs that fit; None: torch finds it out."""
        return None

    def weight_kind(self, module: nn.Module) -> WeightKind:
        """How the weight meets the channels."""
        return "none"

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """Write the layer's ONNX nodes (opset 18 and newer)."""
        raise TypeError(f"{self.kind} cannot be written to ONNX")

    def positions(self, module: nn.Module, inputs: tuple[Shape, ...], output: Shape) -> int:
        """How often one inference at batch 1 uses each weight; MACs = positions · weights."""
        return 0

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """Channel ids of the result; by default nothing that feeds it can be cut."""
        for channels in flow.inputs:
            flow.freeze(channels.ids)
        return flow.fixed()

    def weight_inputs(self, module: nn.Module, flow: Flow) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Channel ids along the weight's input axis (for weights of kind dense and grouped)."""
        return np.zeros(0, np.int64)

    def columns(self, module: nn.Module, values: Tensor) -> Tensor:
        """What the filters meet in an input: [groups, how often, weights of a filter]; result = columns · weightᵀ."""
        raise TypeError(f"{self.kind} has no filters")

    def select(self, module: nn.Module, *, outputs: Tensor | None, inputs: Tensor | None) -> nn.Module:
        """A copy with only these result channels and weight-input channels (indices, ascending; None: all)."""
        return copy.deepcopy(module)


class Elementwise(Operator):
    """An operator that works on each value alone: channels pass through."""

    in_place = True

    def shape(self, module: nn.Module, inputs: tuple[Shape, ...]) -> Shape | None:
        """Its input's."""
        return inputs[0]

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """The ids of its input."""
        return flow.inputs[0]


def register(row: type[Operator]) -> type[Operator]:
    """Put a row into the table."""
    instance = row()
    assert row.kind not in _BY_KIND, row.kind
    _BY_KIND[row.kind] = instance
    for module in row.modules:
        _BY_MODULE[module] = instance
    return row


def operators() -> Mapping[str, Operator]:
    """The whole table by kind."""
    _load()
    return _BY_KIND


def operator_of(module: nn.Module) -> Operator:
    """The row of a module in module form."""
    _load()
    return _BY_MODULE[type(module)]


def parameter(tensor: Tensor) -> nn.Parameter:
    """A float32 parameter of its own from any tensor."""
    return nn.Parameter(tensor.detach().to(torch.float32).clone(), requires_grad=False)


def bias_of(tensors: Mapping[str, Tensor], outputs: int) -> nn.Parameter | None:
    """The tensor `bias` as a parameter, None where there is none.

    Raises:
        ValueError: It is not one number for each output.
    """
    bias = tensors.get("bias")
    if bias is not None and tuple(bias.shape) != (outputs,):
        raise ValueError(f"a bias of shape {list(bias.shape)} for {outputs} outputs")
    return None if bias is None else parameter(bias)


def with_bias(tensors: Mapping[str, Tensor], bias: Tensor) -> Mapping[str, Tensor] | None:
    """The tensors of a convolution with `bias` added to its own; None where that is not one value a filter, or one.

    `bias` broadcasts to the result [n, filters, …] and must be the same at every position.
    """
    filters, axes = tensors["weight"].shape[0], tensors["weight"].dim()
    aligned = (1,) * (axes - bias.dim()) + tuple(bias.shape)
    if len(aligned) != axes or aligned not in ((1, filters) + (1,) * (axes - 2), (1,) * axes):
        return None
    return {**tensors, "bias": tensors.get("bias", 0) + bias.reshape(-1).expand(filters)}


@functools.cache
def _load() -> None:
    for family in _FAMILIES:
        importlib.import_module(f"penjing.model.operators.{family}")
