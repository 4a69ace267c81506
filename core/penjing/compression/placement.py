"""Decides which tensors of a network are quantized, which share a scale and what is fused into what."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from penjing.model.model import Model
from penjing.model.operators.integer_kernels import IntegerKernel
from penjing.model.operators.integer_reference import Attributes
from penjing.model.operators.table import operator_of
from penjing.plan import Plan, Settings

UNQUANTIZED = 32


@dataclass(frozen=True, kw_only=True)
class Node:
    """One layer as quantization sees it."""

    name: str
    inputs: tuple[str, ...]
    attributes: Attributes
    kernel: IntegerKernel | None
    rows: int
    """Of a table, where its input names them: these numbers must stay what they are. Else 0."""
    has_weights: bool
    """A convolution or a linear layer, whose settings say how its result is quantized."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where quantizers go."""

    settings: Mapping[str, Settings]
    """By tensor (layer or network input) that is quantized: whose bits and calibrator it takes."""
    shares: Mapping[str, str]
    """Tensor → tensor before it whose quantizer is its own, too."""
    bounds: Mapping[str, tuple[float, float]]
    """Tensor → bounds that operators behind it clamp it to anyway: no code is spent beyond them."""
    numbers: frozenset[str] = frozenset()
    """Network inputs that name rows of a table: every number is its own code."""


def nodes_of(model: Model) -> dict[str, Node]:
    """The layers by name, in execution order."""
    found = {}
    for name, module, inputs in model.layers():
        row = operator_of(module)
        has_weights = row.weight_kind(module) in {"dense", "depthwise", "grouped"}
        attributes, kernel = row.attributes(module), row.integer
        if kernel is not None and not kernel.supports(attributes):
            kernel = None
        names_rows = kernel is not None and kernel.table == "rows"
        rows = len(row.tensors(module)["weight"]) if names_rows else 0
        found[name] = Node(
            name=name, inputs=inputs, attributes=attributes, kernel=kernel, rows=rows, has_weights=has_weights
        )
    return found


def uses_of(model: Model, nodes: Mapping[str, Node]) -> Counter[str]:
    """How often each tensor is read; being an output of the network counts."""
    uses = Counter(name for node in nodes.values() for name in node.inputs)
    uses.update(output.layer for output in model.outputs)
    return uses


def fusible(model: Model, nodes: Mapping[str, Node]) -> dict[str, str]:
    """Clamping layer (ReLU …) → the layer before it that can clamp its own result instead."""
    uses = uses_of(model, nodes)
    fused: dict[str, str] = {}
    for node in nodes.values():
        if node.kernel is None or node.kernel.clamp is None or node.inputs[0] not in nodes:
            continue
        before = nodes[node.inputs[0]]
        if uses[before.name] == 1 and (before.name in fused or (before.kernel and before.kernel.scale == "own")):
            fused[node.name] = before.name
    return fused


def place(model: Model, plan: Plan) -> Placement:
    """Where the quantizers of activations go.

    `activation_bits` of a layer with weights is about its result, after the ReLU that follows it if that can be
    fused. The result of any other layer is quantized when everything that feeds it is; a network input, when
    every layer with weights that it reaches first quantizes its result. What remains is computed in float.
    """
    nodes = nodes_of(model)
    fused = fusible(model, nodes)
    settings: dict[str, Settings] = {}
    for entry in model.inputs:
        found = _wanted_of_input(entry.name, nodes, plan)
        if found is not None:
            settings[entry.name] = found
    shares: dict[str, str] = {}
    inner = set(fused.values())
    for node in nodes.values():
        chosen = _wanted(node, settings, plan)
        if chosen is None:
            continue
        settings[node.name] = chosen
        if node.kernel is not None and node.kernel.scale == "same" and node.name not in fused:
            shares[node.name] = shares.get(node.inputs[0], node.inputs[0])
    quantized = {name: chosen for name, chosen in settings.items() if name not in inner}
    bounds = {name: _bounds(name, model, nodes) for name in quantized if name not in shares}
    return Placement(settings=quantized, shares=shares, bounds=bounds, numbers=frozenset(rows_named(model)))


def rows_named(model: Model) -> dict[str, int]:
    """Network inputs that name rows of a table, and how many rows there are."""
    nodes = nodes_of(model)
    found = {entry.name: _first_met(entry.name, nodes)[1] for entry in model.inputs}
    return {name: rows for name, rows in found.items() if rows}


def drawn_inputs(model: Model, count: int, *, seed: int = 0) -> tuple[Tensor, ...]:
    """Inputs for when there is no data, one tensor [count, …] a network input: standard normal, or numbers of rows."""
    generator, rows = torch.Generator().manual_seed(seed), rows_named(model)
    shapes = {entry.name: (count, *entry.shape[1:]) for entry in model.inputs}
    return tuple(
        torch.randint(rows[name], shape, generator=generator).float()
        if name in rows
        else torch.randn(shape, generator=generator)
        for name, shape in shapes.items()
    )


def _wanted(node: Node, settings: Mapping[str, Settings], plan: Plan) -> Settings | None:
    if node.has_weights or node.rows:
        own = plan.settings(node.name)
        return own if own.activation_bits < UNQUANTIZED else None
    feeds = [settings.get(name) for name in node.inputs]
    known = [feed for feed in feeds if feed is not None]
    return max(known, key=lambda feed: feed.activation_bits) if known and len(known) == len(feeds) else None


def _wanted_of_input(name: str, nodes: Mapping[str, Node], plan: Plan) -> Settings | None:
    """The settings of the layers with weights that a network input reaches first, if all are quantized.

    Numbers that name rows of a table are quantized where there are as many codes as rows.
    """
    reached, rows = _first_met(name, nodes)
    met = [plan.settings(layer) for layer in reached]
    if any(rows > 1 << settings.activation_bits for settings in met):
        return None
    if not met or any(settings.activation_bits >= UNQUANTIZED for settings in met):
        return None
    return max(met, key=lambda settings: settings.activation_bits)


def _first_met(name: str, nodes: Mapping[str, Node]) -> tuple[list[str], int]:
    """The layers with weights, or with rows that it names, that a network input reaches first, and how many rows."""
    reached, met, rows = {name}, [], 0
    for node in nodes.values():
        if reached.isdisjoint(node.inputs):
            continue
        if node.has_weights or node.rows:
            met.append(node.name)
            rows = max(rows, node.rows)
        else:
            reached.add(node.name)
    return met, rows


def _bounds(name: str, model: Model, nodes: Mapping[str, Node]) -> tuple[float, float]:
    """Follows the one reader of a tensor through operators that keep its scale, as far as they go."""
    low, high = float("-inf"), float("inf")
    uses = uses_of(model, nodes)
    readers = {source: node for node in nodes.values() for source in node.inputs}
    while uses[name] == 1 and name in readers:
        node = readers[name]
        if node.kernel is None or node.kernel.scale != "same":
            break
        if node.kernel.clamp is not None:
            least, most = node.kernel.clamp(node.attributes)
            low, high = max(low, least), min(high, most)
        name = node.name
    return low, high
