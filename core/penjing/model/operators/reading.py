"""What the readers hand to a row of the operator table, and what it hands back: nodes of files, drafts of layers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penjing.errors import UserError
from penjing.model.model import Quantizer

Shape = tuple[int, ...]
Array = NDArray[Any]

PREVIOUS = ""
"""As an input of a draft: the result of the draft before it."""
EARLIER = "<"
"""As an input of a draft: the result of the draft before that one."""


@dataclass(frozen=True)
class Constant:
    """A value that the file knows; `origin` is the name of the stored tensor it comes from, if one.

    `bits` is how many each number of a narrow type has (its array is wider), `grid` what its real values lie on.
    """

    array: Array
    origin: str = ""
    bits: int | None = None
    grid: Quantizer | None = None


@dataclass(frozen=True)
class Activation:
    """A value that depends on the network's input: name in module form and shape at the file's batch."""

    name: str
    shape: Shape


@dataclass(frozen=True, eq=False)
class Pending:
    """A value that no row can make: its name in the file, what it is for a made-up input, and the row's refusal."""

    name: str
    array: Array
    why: UserError


@dataclass(frozen=True, eq=False)
class Codes:
    """A tensor as the whole numbers of a grid: the real values, the grid, and the file's node that makes it.

    The grid's codes are signed; `unsigned` says that the file's are not.
    """

    real: Activation | Pending
    grid: Quantizer
    unsigned: bool
    node: Any


Value = Constant | Activation | Pending | Codes


@dataclass(frozen=True, kw_only=True)
class Draft:
    """One layer to be made: operator, what feeds it, attributes, tensors, and the stored name of its weight."""

    kind: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    weight: str = ""


Reading = tuple[Draft, ...] | None
"""Drafts in a row, each fed by the one before; () passes the first input through; None: another row's business."""


@dataclass(frozen=True, kw_only=True)
class SourceNode:
    """One node of a file: operator, its own name, and what feeds it."""

    op: str
    name: str

    @property
    def grids(self) -> tuple[Quantizer, ...]:
        """What the stored tensors that it reads lie on, if they are quantized."""
        return ()

    def unsupported(self, detail: str) -> UserError:
        """The error for a form of a known operator that module form has no layer for."""
        return UserError("load.unsupported_form", operator=self.op, layer=self.name or self.op, detail=detail)

    def _activation(self, value: object, what: str) -> Activation:
        if not isinstance(value, Activation):
            raise self.unsupported(f"{what} is not computed from the network's input")
        return value

    def _constant(self, value: object, what: str) -> Array | None:
        if value is None:
            return None
        if not isinstance(value, Constant):
            raise self.unsupported(f"{what} is computed from the network's input instead of stored")
        return value.array


@dataclass(frozen=True, kw_only=True)
class OnnxNode(SourceNode):
    """A node of an ONNX file; an input that is left out is None."""

    opset: int
    inputs: tuple[Value | None, ...]
    attributes: Mapping[str, Any]
    result: int = 0
    """Which of the node's results is read."""
    results: int = 1
    """How many it has."""

    @property
    def grids(self) -> tuple[Quantizer, ...]:
        """Of its inputs."""
        return tuple(value.grid for value in self.inputs if isinstance(value, Constant) and value.grid is not None)

    def value(self, index: int) -> Value | None:
        """One input, None where it is left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def activation(self, index: int = 0) -> Activation:
        """One input that must depend on the network's input."""
        return self._activation(self.value(index), f"input {index}")

    def constant(self, index: int) -> Array | None:
        """One input that must be stored in the file, None where it is left out."""
        return self._constant(self.value(index), f"input {index}")

    def needed(self, index: int) -> Array:
        """One input that must be stored in the file and may not be left out."""
        array = self.constant(index)
        if array is None:
            raise self.unsupported(f"input {index} is missing")
        return array

    def origin(self, index: int) -> str:
        """The stored name of one input."""
        value = self.value(index)
        return value.origin if isinstance(value, Constant) else ""

    def integers(self, attribute: str, index: int | None = None) -> tuple[int, ...] | None:
        """Integers that older opsets keep as an attribute and newer ones as an input."""
        if attribute in self.attributes:
            return tuple(int(entry) for entry in self.attributes[attribute])
        array = None if index is None else self.constant(index)
        return None if array is None else tuple(int(entry) for entry in array.reshape(-1))

    def number(self, attribute: str, index: int | None, default: float) -> float:
        """A number that older opsets keep as an attribute and newer ones as an input."""
        if attribute in self.attributes:
            return float(self.attributes[attribute])
        array = None if index is None else self.constant(index)
        return default if array is None else float(array.reshape(-1)[0])

    def axis(self, default: int, rank: int) -> int:
        """The attribute `axis`, counted from the front."""
        return from_front(int(self.attributes.get("axis", default)), rank, self)


@dataclass(frozen=True, kw_only=True)
class AtenNode(SourceNode):
    """A node of a torch.export graph: arguments by the names of the operator's schema; tensors are values."""

    arguments: Mapping[str, Any]

    @property
    def grids(self) -> tuple[Quantizer, ...]:
        """Of its arguments."""
        values = self.arguments.values()
        return tuple(value.grid for value in values if isinstance(value, Constant) and value.grid is not None)

    def get(self, name: str, default: Any = None) -> Any:
        """One argument, `default` where it is left out."""
        found = self.arguments.get(name)
        return default if found is None else found

    def activation(self, name: str = "self") -> Activation:
        """One argument that must depend on the network's input."""
        return self._activation(self.arguments.get(name), name)

    def constant(self, name: str) -> Array | None:
        """One argument that must be stored, None where it is left out."""
        return self._constant(self.arguments.get(name), name)

    def needed(self, name: str) -> Array:
        """One argument that must be stored and may not be left out."""
        array = self.constant(name)
        if array is None:
            raise self.unsupported(f"{name} is missing")
        return array

    def origin(self, name: str) -> str:
        """The stored name of one argument."""
        value = self.arguments.get(name)
        return value.origin if isinstance(value, Constant) else ""

    def integers(self, name: str, default: Any = (), *, dims: int | None = None) -> tuple[int, ...]:
        """A list of integers; one number stands for `dims` equal ones."""
        found = self.get(name, default)
        numbers = (int(found),) if isinstance(found, int) else tuple(int(entry) for entry in found)
        return numbers * dims if dims is not None and len(numbers) == 1 else numbers


def tensor(array: Array) -> Tensor:
    """A float32 tensor of its own from any array of numbers."""
    return torch.from_numpy(np.array(array, dtype=np.float32, order="C"))


def from_front(axis: int, rank: int, node: SourceNode) -> int:
    """An axis counted from the front; an axis that is not there is an error."""
    if not -rank <= axis < rank:
        raise node.unsupported(f"axis {axis} of a tensor with {rank} axes")
    return axis % rank


def biased(weight: Array, bias: Array | None) -> dict[str, Tensor]:
    """The tensors `weight` and, where there is one, `bias`."""
    tensors = {"weight": tensor(weight)}
    if bias is not None:
        tensors["bias"] = tensor(bias)
    return tensors


def is_one(value: object) -> bool:
    """Whether a factor changes nothing."""
    return isinstance(value, int | float) and value == 1
