"""Pieces of ONNX nodes that only move values, said with layers that everything else understands.

An exporter may put time first, split heads off, and put the batch first again. What becomes of every value is found
out by sending numbered values through the piece; the map is then written as reshape, slices, transpose, reshape, and
where values are repeated as nearest-neighbour upsampling.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from penjing.loading.onnx_floats import in_float32
from penjing.loading.onnx_regions import Piece
from penjing.model.opaque import Opaque
from penjing.model.operators.reading import PREVIOUS, Activation, Draft, Pending, tensor

MOVING = frozenset(
    {"Transpose", "Reshape", "Squeeze", "Unsqueeze", "Slice", "Split", "Gather", "Identity", "Flatten", "Concat"}
    | {"Tile", "Expand", "DepthToSpace", "SpaceToDepth"}
)
MOST_VALUES = 1 << 22
"""Numbers up to here are exact in float32."""


def plainly(node: onnx.NodeProto) -> onnx.NodeProto:
    """The node in float32; an Einsum that only puts the axes of one tensor into another order as that Transpose."""
    node = in_float32(node)
    equation = next((entry.s.decode("utf-8", "replace") for entry in node.attribute if entry.name == "equation"), "")
    before, arrow, after = equation.replace(" ", "").partition("->")
    if node.op_type != "Einsum" or len(node.input) != 1 or not arrow or not before.isalpha():
        return node
    if len(set(before)) != len(before) or sorted(before) != sorted(after):
        return node
    order = [before.index(letter) for letter in after]
    return onnx.helper.make_node("Transpose", node.input, node.output, name=node.name, perm=order)


_Step = tuple[str, dict[str, Any]]
"""Kind of layer and its attributes."""


class Axis(NamedTuple):
    """One axis of the result: how many values, how far apart in the source (0: the same one)."""

    extent: int
    stride: int


def rearranged(piece: Piece, value: Pending, *, alone: bool) -> tuple[Draft, ...] | None:
    """The layers that do what a piece does with every example; None where it does more than move values.

    With `alone`, a piece that only takes the batch of 1 it was written for is taken at its word.
    """
    if piece.weights or not MOVING.issuperset(piece.operators):
        return None
    sizes = [_product(feed.shape[1:]) for feed in piece.feeds]
    shape, batch, size = value.array.shape, piece.feeds[0].shape[0], sum(sizes)
    if len(shape) < 2 or shape[0] != batch or batch * size > MOST_VALUES:
        return None
    places, more = _places(piece, batch, shape), _places(piece, 2, (2, *shape[1:]))
    if places is None or (more is None and not (alone and batch == 1)):
        return None
    for seen in (places, more):
        if seen is not None and (seen != seen[:1] + size * np.arange(len(seen))[:, None]).any():
            return None
    starts = np.cumsum([0, *sizes])
    used = sorted(set((np.searchsorted(starts, places[0], side="right") - 1).tolist()))
    if len(used) == 1:
        return layers_for(piece.feeds[used[0]], places[0] - starts[used[0]], shape[1:])
    return _joined(
        [piece.feeds[k] for k in used], [places[0] - starts[k] for k in used], [sizes[k] for k in used], shape
    )


def _joined(
    feeds: Sequence[Activation], places: Sequence[NDArray[np.int64]], sizes: Sequence[int], shape: Sequence[int]
) -> tuple[Draft, ...] | None:
    """The layers that put values of several others, whole, side by side and then in order."""
    if len({feed.shape for feed in feeds}) != 1 or len(feeds[0].shape) < 2:
        return None
    drafts = [Draft(kind="concat", inputs=tuple(feed.name for feed in feeds), attributes={"dim": 1})]
    together = np.zeros(len(places[0]), np.int64)
    for number, (own, size) in enumerate(zip(places, sizes, strict=True)):
        mine = (own >= 0) & (own < size)
        together[mine] = own[mine] + number * size
    whole = Activation(PREVIOUS, (feeds[0].shape[0], len(feeds) * feeds[0].shape[1], *feeds[0].shape[2:]))
    behind = layers_for(whole, together, shape[1:])
    return None if behind is None else (*drafts, *behind)


def _places(piece: Piece, batch: int, wanted: Sequence[int]) -> NDArray[np.int64] | None:
    """From which place every value of the result comes, the feeds of an example counted on: [examples, values].

    None if the piece cannot run.
    """
    module = Opaque(piece.graph, {}, shape=wanted[1:], one_by_one=False)
    sizes = [_product(feed.shape[1:]) for feed in piece.feeds]
    numbers = np.split(np.arange(batch * sum(sizes)).reshape(batch, -1), np.cumsum(sizes)[:-1], axis=1)
    given = [tensor(own.reshape(batch, *feed.shape[1:])) for own, feed in zip(numbers, piece.feeds, strict=True)]
    try:
        result = module(*given)
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
    once = [axis for axis in axes if axis.stride] or [Axis(1, 1)]
    steps = _once(feed, once, int(places[0]), size)
    if steps is None:
        return None
    now = tuple(axis.extent for axis in once)
    if len(once) < len(axes):
        repeating, now = _repeated(axes, now)
        steps = [*steps, *repeating]
    if now != tuple(shape):
        flat = len(shape) == 1
        steps.append(("flatten", {"start_dim": 1, "end_dim": -1}) if flat else ("reshape", {"shape": tuple(shape)}))
    return tuple(
        Draft(kind=kind, inputs=(feed.name if place == 0 else PREVIOUS,), attributes=attributes)
        for place, (kind, attributes) in enumerate(steps)
    )


def _repeated(axes: Sequence[Axis], now: tuple[int, ...]) -> tuple[list[_Step], tuple[int, ...]]:
    """Steps that repeat values [n, *now] along the axes of stride 0, and the shape that they make."""
    factors, channels = [1] * len(now), axes[0].stride != 0
    place = -1
    for axis in axes:
        place += axis.stride != 0
        if not axis.stride and place >= 0:
            factors[place] *= axis.extent
    if channels and factors[0] == 1 and len(now) in (2, 3):  # positions of channels, as of an image
        made = tuple(extent * factor for extent, factor in zip(now, factors, strict=True))
        return [("upsample", {"factors": tuple(factors[1:])})], made
    steps: list[_Step] = []
    for number, axis in enumerate(axes):
        if not axis.stride:
            before = _product([one.extent for one in axes[:number]])
            after = _product([one.extent for one in axes[number + 1 :] if one.stride])
            steps += [("reshape", {"shape": (1, before, after)}), ("upsample", {"factors": (axis.extent, 1)})]
            now = (1, before * axis.extent, after)
    return steps, now


def _once(feed: Activation, axes: Sequence[Axis], offset: int, size: int) -> list[_Step] | None:
    """Steps that give every value once, [n, *extents of the axes]."""
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
    steps: list[_Step] = [("reshape", {"shape": split})] if split != feed.shape[1:] else []
    for axis, (start, count, extent) in enumerate(zip(starts, counts, extents, strict=True), start=1):
        if count < extent:
            part = {"dim": axis, "start": start, "stop": start + count, "step": 1, "drop": False}
            steps.append(("slice", part))
    if rest > 1:
        start = offset % rest
        part = {"dim": len(split), "start": start, "stop": start + 1, "step": 1, "drop": True}
        steps.append(("slice", part))
    turned = (0, *(1 + order.index(place) for place in range(len(axes))))
    return steps if turned == tuple(range(len(turned))) else [*steps, ("transpose", {"order": turned})]


def _axes(places: NDArray[np.int64]) -> list[Axis] | None:
    """A map as nested axes, outermost first, those that repeat values with a stride of 0; None if it is none."""
    axes: list[Axis] = []
    left = places
    while len(left) > 1:
        stride = int(left[1] - left[0])
        breaks = np.flatnonzero(np.diff(left) != stride)
        extent = int(breaks[0]) + 1 if len(breaks) else len(left)
        if stride < 0 or len(left) % extent:
            return None
        grid = left.reshape(-1, extent)
        if (grid != grid[:, :1] + stride * np.arange(extent)).any():
            return None
        axes.append(Axis(extent, stride))
        left = grid[:, 0]
    return axes[::-1] or [Axis(1, 1)]


def _product(extents: Sequence[int]) -> int:
    return int(np.prod(extents, dtype=np.int64))
