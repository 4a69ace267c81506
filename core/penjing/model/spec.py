"""A network as a list of nodes with attributes and tensors: what every reader makes and every writer takes.

A `NetworkSpec` is data. `penjing.loading.build` turns one into a `Model`; `spec_of` is the way back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from penjing.errors import Note
from penjing.layer_graph import NetworkInput, NetworkOutput
from penjing.model.model import Model
from penjing.model.operators.table import Attributes, operator_of


@dataclass(frozen=True, kw_only=True)
class NodeSpec:
    """One node: its operator, what feeds it, its attributes (plain data) and its tensors."""

    name: str
    source_name: str
    kind: str
    inputs: tuple[str, ...]
    attributes: Attributes = field(default_factory=dict)
    tensors: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """A whole network, nodes in execution order; an output's `shape` may be () until it is built."""

    inputs: tuple[NetworkInput, ...]
    nodes: tuple[NodeSpec, ...]
    outputs: tuple[NetworkOutput, ...]
    opset: int | None = None
    warnings: tuple[Note, ...] = ()


def spec_of(model: Model) -> NetworkSpec:
    """The nodes, attributes and tensors of a model; tensors are shared, not copied."""
    nodes = []
    for name, module, feeds in model.layers():
        operator = operator_of(module)
        nodes.append(
            NodeSpec(
                name=name,
                source_name=model.source_names.get(name, name),
                kind=operator.kind,
                inputs=feeds,
                attributes=operator.attributes(module),
                tensors=operator.tensors(module),
            )
        )
    return NetworkSpec(
        inputs=model.inputs, nodes=tuple(nodes), outputs=model.outputs, opset=model.opset, warnings=model.warnings
    )
