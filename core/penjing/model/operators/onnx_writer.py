"""What a row of the operator table writes its ONNX nodes into: plain data, so that no row needs the onnx package."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class OnnxNode:
    """One node of an ONNX graph; `more` are the results after the first, "" for one that is left out."""

    op_type: str
    name: str
    inputs: tuple[str, ...]
    output: str
    more: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Plain data, or ONNX's own attributes as a file has them."""
    domain: str = ""
    """Whose operator it is, where it is not the standard's."""


@dataclass(kw_only=True)
class OnnxGraph:
    """Nodes in execution order and constants by name, growing while a network is written.

    A constant's dtype is its storage: float32, float16, int64, int32, int16, int8, or ml_dtypes' int4 and int2.
    """

    nodes: list[OnnxNode] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)
    domains: dict[str, int] = field(default_factory=dict)
    """By domain that is not the standard's, its version."""

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """Put a constant under a name that nobody else uses; returns the name."""
        assert name not in self.constants, name
        self.constants[name] = np.ascontiguousarray(values) if values.ndim else values
        return name


RESERVED = frozenset({"q", "scale", "zero", "real", "least", "most", "clipped"})
"""Parts of a layer's name that belong to the codes of its result."""

StoreTensor = Callable[[str, bool], str | None]
"""(name of a tensor of the layer, transposed) → the ONNX tensor that carries it; None if the layer has none."""


@dataclass(frozen=True, kw_only=True)
class OnnxWriter:
    """One layer being written: what feeds it, what it makes, and where its nodes go.

    Names inside a layer are `layer/part`: a slash cannot stand in a name of module form, so they never collide.
    """

    graph: OnnxGraph
    layer: str
    title: str
    """Name of the layer's last node: the file's own name where it can stand in ONNX."""
    inputs: tuple[str, ...]
    output: str
    input_shapes: tuple[Shape, ...]
    output_shape: Shape
    store: StoreTensor
    opset: int

    def tensor(self, key: str, *, transposed: bool = False) -> str:
        """The ONNX tensor of one of the layer's own tensors, for example `weight`; axes reversed if `transposed`."""
        name = self.store(key, transposed)
        if name is None:
            raise KeyError(f"{self.layer} has no {key}")
        return name

    def optional(self, key: str) -> tuple[str, ...]:
        """The same for a tensor that may be missing."""
        name = self.store(key, False)
        return () if name is None else (name,)

    def constant(self, part: str, values: NDArray[Any]) -> str:
        """A constant of this layer that is not one of its tensors."""
        assert part not in RESERVED, part
        return self.graph.constant(f"{self.layer}/{part}", values)

    def result(self, op_type: str, *inputs: str, **attributes: Any) -> None:
        """The node that makes the layer's result."""
        self.graph.nodes.append(
            OnnxNode(op_type=op_type, name=self.title, inputs=inputs, output=self.output, attributes=attributes)
        )

    def several(self, op_type: str, *inputs: str, count: int, **attributes: Any) -> tuple[str, ...]:
        """A node on the way with `count` results; returns their tensors."""
        first, *more = (f"{self.layer}/{op_type}.{place}" for place in range(count))
        self.graph.nodes.append(
            OnnxNode(op_type=op_type, name=first, inputs=inputs, output=first, more=tuple(more), attributes=attributes)
        )
        return (first, *more)

    def part(self, step: str, *inputs: str, **attributes: Any) -> str:
        """A node on the way to the result; returns its tensor. The step `Mul.second` is a Mul, named apart."""
        name, op_type = f"{self.layer}/{step}", step.partition(".")[0]
        self.graph.nodes.append(OnnxNode(op_type=op_type, name=name, inputs=inputs, output=name, attributes=attributes))
        return name
