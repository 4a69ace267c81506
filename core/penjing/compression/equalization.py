"""Makes the ranges of channels alike by moving factors from one layer into the next (Nagel 2019, arXiv:1906.04721).

Where only ReLUs, pooling and the like lie between two layers, a channel may be divided by any s > 0 in the first and
multiplied by it in the second. s = √(r₁ r₂) / r₂ gives both the same range √(r₁ r₂).
"""

import copy
import math
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from penjing.compression.placement import Node, nodes_of, uses_of
from penjing.inspection.graph import layer_graph
from penjing.layer_graph import FIXED, Layer
from penjing.model.model import Model
from penjing.model.operators.table import parameter

SWEEPS = 20
"""Neighbouring pairs pull at each other: they are gone through until nothing moves, at most so often."""
AT_REST = 1e-3


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two layers and the channels between them: channel ids of the first's results and of the second's weights."""

    first: str
    second: str
    results: Tensor
    columns: Tensor
    """Along axis 1 of the second's weight; along axis 0 where it is depthwise."""
    depthwise: bool


def equalize(model: Model, wanted: Container[str]) -> Model:
    """A network without batch norm that computes the same, with alike ranges between the layers in `wanted`."""
    pairs = [pair for pair in _pairs(model) if pair.first in wanted and pair.second in wanted]
    modules: dict[str, Any] = {
        name: copy.deepcopy(model.layer(name)) for pair in pairs for name in (pair.first, pair.second)
    }
    for _ in range(SWEEPS):
        moved = [_balance(pair, modules[pair.first], modules[pair.second]) for pair in pairs]
        if max(moved, default=0.0) < AT_REST:
            break
    return model.replace_layers(modules) if pairs else model


def _balance(pair: Pair, first: nn.Module, second: nn.Module) -> float:
    """Moves factors between two layers in place; returns the largest |ln s|."""
    one, other = first.get_parameter("weight"), second.get_parameter("weight")
    count = int(max(pair.results.max(), pair.columns.max())) + 1
    across = other.abs() if pair.depthwise else other.abs().transpose(0, 1)
    sent = _largest(one.abs().flatten(1).amax(dim=1), pair.results, count)
    read = _largest(across.flatten(1).amax(dim=1), pair.columns, count)
    alive = (sent > 0) & (read > 0)
    factor = torch.where(alive, torch.sqrt(sent * read) / torch.where(alive, read, 1.0), 1.0)
    down, up = factor[pair.results], factor[pair.columns]
    first.weight = parameter(one / down.reshape(-1, *(1,) * (one.dim() - 1)))
    if isinstance(first.bias, Tensor):
        first.bias = parameter(first.bias / down)
    along = (-1, 1) if pair.depthwise else (1, -1)
    second.weight = parameter(other * up.reshape(*along, *(1,) * (other.dim() - 2)))
    return float(factor.log().abs().max())


def _largest(values: Tensor, ids: Tensor, count: int) -> Tensor:
    return torch.zeros(count).scatter_reduce(0, ids, values, "amax")


def _pairs(model: Model) -> list[Pair]:
    nodes, layers = nodes_of(model), layer_graph(model).by_name
    uses, readers = uses_of(model, nodes), {feed: node for node in nodes.values() for feed in node.inputs}
    found = []
    for node in nodes.values():
        if not node.has_weights:
            continue
        name = node.name
        while uses[name] == 1 and name in readers:
            reader = readers[name]
            if reader.has_weights:
                found += _pair(layers[node.name], layers[reader.name])
                break
            if not _keeps_factors(reader):
                break
            name = reader.name
    return found


def _keeps_factors(node: Node) -> bool:
    """Whether f(s x) = s f(x) for s > 0, each channel for itself."""
    kernel = node.kernel
    if kernel is None:
        return False
    if kernel.clamp is not None:
        return all(edge == 0 or math.isinf(edge) for edge in kernel.clamp(node.attributes))
    return kernel.scale == "same" or kernel.divisor is not None


def _pair(first: Layer, second: Layer) -> list[Pair]:
    depthwise = second.weight_kind == "depthwise"
    columns = second.output_channels if depthwise else second.input_channels
    if not columns or FIXED in columns or FIXED in first.output_channels:
        return []
    numbers: Mapping[int, int] = {
        identity: place for place, identity in enumerate(dict.fromkeys(first.output_channels))
    }
    if any(identity not in numbers for identity in columns):
        return []
    return [
        Pair(
            first=first.name,
            second=second.name,
            results=torch.tensor([numbers[identity] for identity in first.output_channels]),
            columns=torch.tensor([numbers[identity] for identity in columns]),
            depthwise=depthwise,
        )
    ]
