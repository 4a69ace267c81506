"""A quantized network as plain values: what screen, integer reference, QDQ writer and C emitter all read.

Tensors hold *centred* codes c = q - zero point while it runs; a real value is scale · c.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penjing.compression.fixed_point import SUM_BITS
from penjing.layer_graph import NetworkInput, NetworkOutput
from penjing.model.operators.integer_reference import Attributes, IntArray

Float32 = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Codes:
    """How the codes of an activation read: r = scale (q - zero_point), q signed with `bits`."""

    scale: np.float32
    zero_point: int
    bits: int

    @property
    def low(self) -> int:
        """The smallest centred code."""
        return -(1 << (self.bits - 1)) - self.zero_point

    @property
    def high(self) -> int:
        """The largest centred code."""
        return (1 << (self.bits - 1)) - 1 - self.zero_point

    def encode(self, values: Float32) -> IntArray:
        """Centred codes of real values, as QuantizeLinear rounds them: half to even."""
        wanted = np.rint(np.asarray(values, np.float32) / self.scale)
        return np.asarray(np.clip(wanted, self.low, self.high), np.int64)

    def decode(self, centred: IntArray) -> Float32:
        """Real values of centred codes."""
        return centred.astype(np.float32) * self.scale


@dataclass(frozen=True, kw_only=True)
class Weight:
    """A weight's codes q [out, …] and how they read: r = scale (q - zero_point)."""

    codes: NDArray[np.int32]
    scale: Float32
    """[] or [out]."""
    zero_point: NDArray[np.int32]
    """Shaped like `scale`; 0 with the symmetric scheme."""
    bits: int

    @functools.cached_property
    def centred(self) -> IntArray:
        """The codes less their zero point."""
        shape = (-1, *(1,) * (self.codes.ndim - 1)) if self.zero_point.ndim else ()
        return self.codes.astype(np.int64) - self.zero_point.reshape(shape).astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class IntegerNode:
    """y = clamp(round(multiplier · 2^-shift · (kernel(c₁ m₁, c₂ m₂, …) + bias))), all of it integers."""

    name: str
    """The tensor it makes: the name of the last of `layers`."""
    layers: tuple[str, ...]
    """The layers it does the work of: an operator and the clamps (ReLU …) fused into it."""
    kind: str
    inputs: tuple[str, ...]
    output: Codes
    low: int
    """Bounds of the result's centred codes, fused clamps included."""
    high: int
    attributes: Attributes = field(default_factory=dict)
    weight: Weight | None = None
    bias: IntArray | None = None
    """[out], in units of S_in · S_w: int32 values, or more where codes of 16 bits meet."""
    input_multipliers: tuple[int, ...] = ()
    """m₁, m₂ … where inputs of different scales are summed or joined; empty: all 1."""
    multiplier: IntArray | None = None
    """Q31 mantissas, broadcasting over the result; None: nothing is rescaled."""
    shift: IntArray | None = None
    table: IntArray | None = None
    """Results by centred input code, from the smallest up; for softmax exp(-S d) · 2^23 by d."""
    bound: int = 0
    """No partial sum of the kernel is larger in size."""

    @property
    def is_wide(self) -> bool:
        """Whether its sums leave int32, as those of 16-bit codes do: they are summed and rescaled in int64."""
        return not self.input_multipliers and self.bound.bit_length() > SUM_BITS


@dataclass(frozen=True, kw_only=True)
class FloatNode:
    """A layer that is computed in float32; inputs with codes are decoded, its result is encoded if it has codes."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    attributes: Attributes = field(default_factory=dict)
    tensors: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    output: Codes | None = None

    @property
    def layers(self) -> tuple[str, ...]:
        """Itself."""
        return (self.name,)


@dataclass(frozen=True, kw_only=True)
class IntegerGraph:
    """The whole network in execution order."""

    inputs: tuple[NetworkInput, ...]
    outputs: tuple[NetworkOutput, ...]
    nodes: tuple[IntegerNode | FloatNode, ...]
    codes: Mapping[str, Codes]
    """By tensor (node or network input): the quantized ones; the others are float32."""

    @functools.cached_property
    def by_layer(self) -> Mapping[str, IntegerNode | FloatNode]:
        """The node that does the work of a layer."""
        return {layer: node for node in self.nodes for layer in node.layers}

    @property
    def is_integer(self) -> bool:
        """Whether integers go in, integers come out and nothing between is float."""
        return all(isinstance(node, IntegerNode) for node in self.nodes) and all(
            entry.name in self.codes for entry in self.inputs
        )
