"""Pieces of ONNX nodes that only move values, said with layers that everything else understands.

An exporter may put time first, split heads off, and put the batch first again. What becomes of every value is found
out by sending numbered values through the piece; the map is then written as reshape, slices, transpose, reshape.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from penjing.loading.onnx_regions import Piece
from penjing.model.opaque import Opaque
from penjing.model.operators.reading import PREVIOUS, Activation, Draft, Pending, tensor

MOVING = frozenset(
    {"Transpose", "Reshape", "Squeeze", "Unsqueeze", "Slice", "Split", "Gather", "Identity", "Flatten", "Concat"}
)
MOST_VALUES = 1 << 22
"""Numbers up to here are exact in float32."""


def plainly(node: onnx.NodeProto) -> onnx.NodeProto:
    """The node; one Einsum that only puts the axes of one tensor into another order as the Transpose that it is."""
    equation = next((entry.s.decode("utf-8", "replace") for entry in node.attribute if entry.name == "equation"), "")
    before, arrow, after = equation.replace(" ", "").partition("->")
    if node.op_type != "Einsum" or len(node.input) != 1 or not arrow or not before.isalpha():
        return node
    if len(set(before)) != len(before) or sorted(before) != sorted(after):
        return node
    order = [before.index(letter) for letter in after]
    return onnx.helper.make_node("Transpose", node.input, node.output, name=node.name, perm=order)


class Axis(NamedTuple):
    """One axis of the result: how many values, how far apart in the source."""

    extent: int
    stride: int


def rearranged(piece: Piece, value: Pending, *, alone: bool) -> tuple[Draft, ...] | None:
    """The layers that do what a piece does with every example; None where it does more than move values.

    With `alone`, a piece that only takes the batch of 1 it was written for is taken at its word.
    """
    if len(piece.feeds) != 1 or piece.weights or not MOVING.issuperset(piece.operators):
        return None
    feed, shape = piece.feeds[0], value.array.shape
    if len(shape) < 2 or shape[0] != feed.shape[0] or feed.shape[0] * _product(feed.shape[1:]) > MOST_VALUES:
        return None
    size = _product(feed.shape[1:])
    places = _places(piece, (feed.shape[0], *feed.shape[1:]), shape)
    more = _places(piece, (2, *feed.shape[1:]), (2, *shape[1:]))
    if places is None or (more is None and not (alone and shape[0] == 1)):
        return None
    for seen in (places, more):
        if seen is not None and (seen != seen[:1] + size * np.arange(len(seen))[:, None]).any():
            return None
    return layers_for(feed, places[0], shape[1:])


def _places(piece: Piece, given: Sequence[int], wanted: Sequence[int]) -> NDArray[np.int64] | None:
    """From which place in the source every value of the result comes: [examples, values]; None if it cannot run."""
    module = Opaque(piece.graph, {}, shape=wanted[1:], one_by_one=False)
    numbers = tensor(np.arange(_product(given)).reshape(given))
    try:
        result = module(numbers)
    except Exception:  # onnxruntime's errors have no common public base class
        return None
    return torch.round(result).to(torch.int64).numpy().reshape(wanted[0], -1)


def layers_for(feed: Activation, places: NDArray[np.int64], shape: Sequence[int]) -> tuple[Draft, ...] | None:
    """Layers that bring the value at `places[k]` of every example to place k; None where none do."""
    axes, size = _axes(places), _product(feed.shape[1:])
    if axes is None:
        return None
    if tuple(shape) == feed.shape[1:] and axes == _axes(np.arange(size)):
        return ()
    offset = int(places[0])
    order = sorted(range(len(axes)), key=lambda place: -axes[place].stride)
    strides = [size, *(axes[place].stride for place in order)]
    if any(before % after for before, after in pairwise(strides)):
        return None
    extents = [before // after for before, after in pairwise(strides)]
    starts = [offset // axes[place].stride % extent for place, extent in zip(order, extents, strict=True)]
    counts = [axes[place].extent for place in order]
    rest = strides[-1]
    if any(start + count > extent for start, count, extent in zip(starts, counts, extents, strict=True)):
        return None
    split = (*extents, rest) if rest > 1 else tuple(extents)
    steps: list[tuple[str, dict[str, Any]]] = [("reshape", {"shape": split})] if split != feed.shape[1:] else []
    for axis, (start, count, extent) in enumerate(zip(starts, counts, extents, strict=True), start=1):
        if count < extent:
            part = {"dim": axis, "start": start, "stop": start + count, "step": 1, "drop": False}
            steps.append(("slice", part))
    if rest > 1:
        start = offset % rest
        part = {"dim": len(split), "start": start, "stop": start + 1, "step": 1, "drop": True}
        steps.append(("slice", part))
    now = tuple(counts)
    turned = (0, *(1 + order.index(place) for place in range(len(axes))))
    if turned != tuple(range(len(turned))):
        steps.append(("transpose", {"order": turned}))
        now = tuple(now[axis - 1] for axis in turned[1:])
    if now != tuple(shape):
        flat = len(shape) == 1
        steps.append(("flatten", {"start_dim": 1, "end_dim": -1}) if flat else ("reshape", {"shape": tuple(shape)}))
    return tuple(
        Draft(kind=kind, inputs=(feed.name if place == 0 else PREVIOUS,), attributes=attributes)
        for place, (kind, attributes) in enumerate(steps)
    )


def _axes(places: NDArray[np.int64]) -> list[Axis] | None:
    """A map as nested axes, outermost first; None if it is none, for example where values are repeated."""
    axes: list[Axis] = []
    left = places
    while len(left) > 1:
        stride = int(left[1] - left[0])
        breaks = np.flatnonzero(np.diff(left) != stride)
        extent = int(breaks[0]) + 1 if len(breaks) else len(left)
        if stride <= 0 or len(left) % extent:
            return None
        grid = left.reshape(-1, extent)
        if (grid != grid[:, :1] + stride * np.arange(extent)).any():
            return None
        axes.append(Axis(extent, stride))
        left = grid[:, 0]
    return axes[::-1] or [Axis(1, 1)]


def _product(extents: Sequence[int]) -> int:
    return int(np.prod(extents, dtype=np.int64))
