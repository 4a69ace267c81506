"""What a layer becomes in generated C: calls of kernels with their parameters, and how its values lie in memory.

Images lie as [height][width][channels], signals as [length][channels]. Flattening moves nothing, so every tensor says
in which order its values lie; who reads it permutes its weights, or asks for another order.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from penjing.model.operators.integer_reference import Attributes, IntArray, Shape

CType = Literal["int8_t", "uint8_t", "int32_t"]
AXES = 6
"""Of a walk in another order."""


class Unsupported(Exception):  # noqa: N818 (an answer, which the exporter tells with the layer's name)
    """The generated C has no kernel for what a layer does; the text says what that is."""


@dataclass(frozen=True, kw_only=True)
class CTensor:
    """A tensor of codes: what it is, and where its values lie."""

    shape: Shape
    """With the batch axis, which is 1."""
    zero_point: int
    bits: int
    order: IntArray
    """By place in memory: the index of the value in the tensor as torch flattens it."""

    @property
    def count(self) -> int:
        """Number of values."""
        return len(self.order)

    @property
    def is_plain(self) -> bool:
        """Whether it lies channels last, as kernels expect."""
        return bool(np.array_equal(self.order, channels_last(self.shape)))

    @property
    def is_as_in_file(self) -> bool:
        """Whether it lies as torch flattens it."""
        return bool(np.array_equal(self.order, as_in_file(self.shape)))

    @property
    def image(self) -> tuple[int, int, int]:
        """(height, width, channels); a signal is an image of height 1.

        Raises:
            Unsupported: It lies in another order, or has more axes.
        """
        if len(self.shape) > 4 or not self.is_plain:
            raise Unsupported(f"values of shape {list(self.shape)} in an order that its kernel cannot read")
        channels, *positions = self.shape[1:]
        height, width = (1, 1, *positions)[-2:]
        return height, width, channels


@dataclass(frozen=True, kw_only=True)
class CNode:
    """One node of the lowered network, as its C facet sees it; codes are as stored, zero point included."""

    attributes: Attributes
    inputs: tuple[CTensor, ...]
    shape: Shape
    """Of the result."""
    wanted: IntArray | None = None
    """The order in which the result should lie, for layers that can choose one."""
    zero_point: int
    low: int
    high: int
    weight: IntArray | None = None
    """Codes [out, …]."""
    kept: NDArray[np.bool_] | None = None
    """Which of the weights a mask has left, where there is one."""
    weight_bits: int = 8
    weight_zeros: IntArray | None = None
    """Where any is not 0: one, or one a filter."""
    weight_scales: int = 1
    """One, or one a filter: so many multipliers are stored."""
    bias: IntArray | None = None
    input_multipliers: tuple[int, ...] = ()
    multiplier: IntArray | None = None
    shift: IntArray | None = None
    table: IntArray | None = None

    @property
    def bounds(self) -> Mapping[str, int]:
        """The fields that most structs end with."""
        return {"out_zero": self.zero_point, "low": self.low, "high": self.high}


@dataclass(frozen=True, kw_only=True)
class CArray:
    """Constants under the field that points to them; `values` are what is stored, packed already."""

    type: CType
    values: NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class CStep:
    """One call of a kernel."""

    kernel: str
    fields: Mapping[str, int | tuple[int, ...]]
    arrays: Mapping[str, CArray] = field(default_factory=dict)
    reads: tuple[int, ...] = (0,)
    """Which of the node's inputs it reads."""
    in_place: bool = False
    """It reads what the step before it wrote, instead."""
    scratch: bool = False
    """It works in memory of its own, which it is given behind what it reads."""
    skip: int = 0
    """So many values of what it reads stand before the first that it needs."""


@dataclass(frozen=True, kw_only=True)
class CSteps:
    """Everything a node does, and how its result lies."""

    steps: tuple[CStep, ...] = ()
    order: IntArray


Emit = Callable[[CNode], CSteps]
"""The C facet of an operator; raises `Unsupported`."""


def channels_last(shape: Shape) -> IntArray:
    """The order in which a tensor lies unless something says otherwise."""
    index = np.arange(int(np.prod(shape[1:])), dtype=np.int64).reshape(shape[1:])
    return (np.moveaxis(index, 0, -1) if index.ndim > 1 else index).reshape(-1)


def as_in_file(shape: Shape) -> IntArray:
    """The order in which torch flattens a tensor."""
    return np.arange(int(np.prod(shape[1:])), dtype=np.int64)


def plain(node: CNode, *steps: CStep) -> CSteps:
    """Steps whose result lies channels last."""
    return CSteps(steps=steps, order=channels_last(node.shape))


def walk(places: IntArray) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(extents, strides) of at most six nested loops that visit these places in order, from the first on.

    Raises:
        Unsupported: There are none.
    """
    axes = _axes([int(place) for place in places])
    if len(axes) > AXES:
        raise Unsupported("an order of values that no six loops can walk")
    filled = [(1, 0)] * (AXES - len(axes)) + axes
    return tuple(extent for extent, _ in filled), tuple(stride for _, stride in filled)


def _axes(places: Sequence[int]) -> list[tuple[int, int]]:
    """Loops from the outermost to the innermost: the longest even run, then the same of the runs' beginnings."""
    if len(places) == 1:
        return []
    step, run = places[1] - places[0], 1
    while run < len(places) and places[run] - places[run - 1] == step:
        run += 1
    found = np.asarray(places).reshape(-1, run) if len(places) % run == 0 else None
    if found is None or np.any(found - found[:, :1] != step * np.arange(run)):
        raise Unsupported("an order of values that no six loops can walk")
    return [*_axes([int(place) for place in found[:, 0]]), (run, step)]


def moved(source: IntArray, wanted: IntArray) -> CStep | None:
    """The step that brings values from one order into another; None where they are the same."""
    if np.array_equal(source, wanted):
        return None
    places = np.empty_like(source)
    places[source] = np.arange(len(source))
    extent, stride = walk(places[wanted])
    return CStep(kernel="move", fields={"extent": extent, "stride": stride}, skip=int(places[wanted[0]]))
