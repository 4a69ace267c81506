"""Grids that a file already has: whose weights lie on them, and which tensors are rounded to them."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set

import torch
from torch import Tensor

from penjing.model.model import Model, Quantizer
from penjing.model.operators.table import operator_of
from penjing.model.spec import NodeSpec

FILTERED = ("dense", "depthwise", "grouped")
"""The kinds of weights that plans quantize."""


def same(one: Quantizer | None, other: Quantizer | None) -> bool:
    """Whether two grids of whole tensors are one."""
    if one is None or other is None:
        return one is other
    return one.bits == other.bits and bool(one.scale == other.scale) and bool(one.zero_point == other.zero_point)


def fitting(weight: Tensor, grids: Iterable[Quantizer]) -> Quantizer | None:
    """The grid that every value of a weight [out, …] lies on, one scale for all or one a filter; None: none does.

    What a row did to the stored codes (transposed, split, scaled) is not followed but tried.
    """
    for grid in grids:
        along = None if grid.scale.numel() == 1 else 0
        if along == 0 and grid.scale.numel() != len(weight):
            continue
        shape = (-1,) if along == 0 else ()
        scale, zero_point = grid.scale.reshape(shape), grid.zero_point.reshape(shape)
        tried = dataclasses.replace(grid, scale=scale, zero_point=zero_point, axis=along)
        if torch.equal(tried.on_grid(weight), weight):
            return tried
    return None


def merged(
    nodes: Sequence[NodeSpec], ends: Set[str], grids: Mapping[str, Quantizer]
) -> tuple[tuple[NodeSpec, ...], Mapping[str, str], dict[str, Quantizer]]:
    """A rounding becomes its layer's (or input's) own, where nothing else reads what is not rounded yet.

    Args:
        nodes: The network; a rounding stands in it as a layer `identity` that has a grid.
        ends: The layers that are outputs.
        grids: By such a layer.

    Returns:
        The nodes that are left, which layer stands for each that went, and grids by layer or input.
    """
    readers = Counter(name for node in nodes for name in node.inputs)
    readers.update(ends)
    moved: dict[str, str] = {}
    found: dict[str, Quantizer] = {}
    kept: list[NodeSpec] = []
    for node in nodes:
        feeds = tuple(moved.get(name, name) for name in node.inputs)
        grid = grids.get(node.name)
        if grid is None:
            kept.append(dataclasses.replace(node, inputs=feeds))
            continue
        before, alone = feeds[0], readers[node.inputs[0]] == 1
        if same(found.get(before), grid) or (before not in found and alone):
            found[before] = grid
            moved[node.name] = before
            readers[before] = readers[node.name]
            continue
        found[node.name] = grid
        kept.append(dataclasses.replace(node, inputs=feeds))
    return tuple(kept), moved, found


def with_grids(model: Model, weights: Mapping[str, Quantizer], tensors: Mapping[str, Quantizer]) -> Model:
    """The model with these quantizers, those of layers that it has."""
    present = {entry.name for entry in model.inputs}
    filtered = set()
    for name, module, _ in model.layers():
        present.add(name)
        if operator_of(module).weight_kind(module) in FILTERED:
            filtered.add(name)
    return dataclasses.replace(
        model,
        weight_quantizers={name: grid for name, grid in weights.items() if name in filtered},
        activation_quantizers={name: grid for name, grid in tensors.items() if name in present},
    )
