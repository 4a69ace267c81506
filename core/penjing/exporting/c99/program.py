"""From the lowered network to a program: every node's C steps, and where every tensor lies in the arena."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from penjing.compression.integer_graph import Codes, FloatNode, IntegerGraph, IntegerNode
from penjing.compression.lowering import lower
from penjing.errors import UserError
from penjing.estimation.arena import Sharing, arena, scratch_of
from penjing.estimation.finished import state_of
from penjing.exporting.c99.orders import axes_of, input_order, is_told, wishes
from penjing.inspection.graph import layer_graph
from penjing.loading.build import layer_shapes
from penjing.model.c_kernels.text import LAYOUTS, Port
from penjing.model.model import Model
from penjing.model.operators.c_steps import CNode, CStep, CSteps, CTensor, Unsupported, channels_last, moved
from penjing.model.operators.integer_reference import IntArray, Shape
from penjing.model.operators.table import operators

WIDEST = 8
_UNREAD = Codes(scale=np.float32(1), zero_point=0, bits=WIDEST)
"""Of an input that the file has and no layer reads."""


@dataclass(frozen=True, kw_only=True)
class PlacedNode:
    """A node of the network with its calls and places."""

    node: IntegerNode
    shape: Shape
    steps: tuple[CStep, ...]
    reads: tuple[int, ...]
    """Where in the arena each of its inputs lies."""
    writes: int
    scratch: int
    """Where it works, if it needs memory of its own."""
    result: CTensor


@dataclass(frozen=True, kw_only=True)
class CPort:
    """An input or a result of the network: what it is, where in the arena it lies, and how it reads."""

    tensor: CTensor
    place: int
    codes: Codes
    move: CStep | None = None
    """Brings a result into its usual order on the way out, where it lies in another."""

    @property
    def text(self) -> Port:
        """What the header says of it."""
        layout = LAYOUTS.get(len(self.tensor.shape), "")
        return Port(
            size=self.tensor.count,
            scale=float(self.codes.scale),
            zero_point=self.codes.zero_point,
            layout=layout,
            axes=axes_of(self.tensor.order, self.tensor.shape),
        )


@dataclass(frozen=True, kw_only=True)
class Program:
    """The whole network; its inputs stand one after the other where it reads them, its results where it writes them."""

    graph: IntegerGraph
    nodes: tuple[PlacedNode, ...]
    arena_size: int
    inputs: tuple[CPort, ...]
    outputs: tuple[CPort, ...]

    @property
    def const_size(self) -> int:
        """Bytes of weights, biases, scales and tables."""
        arrays = [array for placed in self.nodes for step in placed.steps for array in step.arrays.values()]
        return sum(array.values.size * (4 if array.type == "int32_t" else 1) for array in arrays)


def program_of(model: Model) -> Program:
    """The program of a quantized network.

    Raises:
        UserError: `export.c99_axes`, `export.c99_not_integer` and `export.c99_unsupported` with the layers.
    """
    graph = lower(model)
    _check(model, graph)
    unread = {entry.name for entry in graph.inputs} - {name for node in graph.nodes for name in node.inputs}
    codes = {**dict.fromkeys(unread, _UNREAD), **graph.codes}
    shapes = layer_shapes(model)
    layers = layer_graph(model)
    placed = arena(layers, state_of(model, layers))
    sharing = Sharing(layers)
    wanted = wishes(graph, {**shapes, **{entry.name: entry.shape for entry in graph.inputs}})
    tensors = {
        entry.name: _tensor(codes[entry.name], entry.shape, input_order(wanted.get(entry.name), entry.shape))
        for entry in graph.inputs
    }
    nodes: list[PlacedNode] = []
    refused: list[str] = []
    for node in graph.nodes:
        assert isinstance(node, IntegerNode)
        shape = shapes[node.name]
        try:
            made = _steps(node, shape, tensors, model, wanted.get(node.name))
        except Unsupported as reason:
            refused.append(f"{model.source_names.get(node.layers[0], node.layers[0])} ({reason})")
            made = CSteps(order=channels_last(shape))
        tensors[node.name] = _tensor(node.output, shape, made.order)
        nodes.append(
            PlacedNode(
                node=node,
                shape=shape,
                steps=made.steps,
                reads=tuple(placed.offsets[sharing.owner(name)] for name in node.inputs),
                writes=placed.offsets[sharing.owner(node.name)],
                scratch=placed.offsets.get(scratch_of(node.layers[0]), 0),
                result=tensors[node.name],
            )
        )

    def port(name: str, move: CStep | None = None) -> CPort:
        place = placed.offsets[sharing.owner(name)]
        return CPort(tensor=tensors[name], place=place, codes=codes[name], move=move)

    outputs = []
    for output in graph.outputs:
        made_last = tensors[output.layer]
        try:
            told = is_told(made_last.order, made_last.shape)
            move = None if told else moved(made_last.order, channels_last(made_last.shape))
            outputs.append(port(output.layer, move))
        except Unsupported as reason:
            refused.append(f"{output.source_name} ({reason})")
    if refused:
        raise UserError("export.c99_unsupported", layers="; ".join(refused))
    return Program(
        graph=graph,
        nodes=tuple(nodes),
        arena_size=placed.size,
        inputs=tuple(port(entry.name) for entry in graph.inputs),
        outputs=tuple(outputs),
    )


def _check(model: Model, graph: IntegerGraph) -> None:
    odd = [entry.source_name for entry in graph.inputs if len(entry.shape) not in LAYOUTS]
    if odd:
        raise UserError("export.c99_axes", inputs=", ".join(odd))
    names = model.source_names
    bad = [
        names.get(node.name, node.name) for node in graph.nodes if isinstance(node, FloatNode) or _is_wide(node, graph)
    ]
    read = {name for node in graph.nodes for name in node.inputs}
    bad += [entry.source_name for entry in graph.inputs if entry.name in read and entry.name not in graph.codes]
    if bad:
        raise UserError("export.c99_not_integer", layers=", ".join(bad))


def _is_wide(node: IntegerNode, graph: IntegerGraph) -> bool:
    """Whether its codes, or its quantized weights, need more than 8 bits."""
    lossless = (kernel := operators()[node.kind].integer) is not None and kernel.lossless
    widths = [node.output.bits, *(graph.codes[name].bits for name in node.inputs)]
    widths += [node.weight.bits] if node.weight is not None and not lossless else []
    return max(widths) > WIDEST


def _tensor(codes: Codes, shape: Shape, order: IntArray) -> CTensor:
    return CTensor(shape=shape, zero_point=codes.zero_point, bits=codes.bits, order=order)


def _steps(
    node: IntegerNode, shape: Shape, tensors: Mapping[str, CTensor], model: Model, wanted: IntArray | None
) -> CSteps:
    kernel = operators()[node.kind].integer
    assert kernel is not None
    zero, weight = node.output.zero_point, node.weight
    zeros = None if weight is None or not np.any(weight.zero_point) else weight.zero_point.astype(np.int64)
    mask = model.masks.get(node.layers[0])
    seen = CNode(
        attributes=node.attributes,
        inputs=tuple(tensors[name] for name in node.inputs),
        shape=shape,
        wanted=wanted,
        zero_point=zero,
        low=node.low + zero,
        high=node.high + zero,
        weight=None if weight is None else weight.codes.astype(np.int64),
        kept=None if mask is None or weight is None else mask.numpy().astype(np.bool_),
        weight_bits=WIDEST if weight is None or kernel.lossless else weight.bits,
        weight_zeros=zeros,
        weight_scales=1 if weight is None else weight.scale.size,
        bias=node.bias,
        input_multipliers=node.input_multipliers,
        multiplier=node.multiplier,
        shift=node.shift,
        table=node.table,
    )
    return kernel.c99(seen)
