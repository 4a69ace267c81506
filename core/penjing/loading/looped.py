"""Recognises a recurrent layer in a loop over time: an exporter without a node for it writes out what one step does.

What the steps compute is not read but tried: every way in which the stored matrices could be the weights of a layer is
run beside the loop, and one is taken only if it gives the same.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from penjing.loading.onnx_regions import SECONDS, Piece
from penjing.model.opaque import Opaque
from penjing.model.operators.reading import Draft, Pending, tensor
from penjing.model.operators.table import operators
from penjing.model.recurrent import GATES

Array = NDArray[Any]

_ORDERS: Mapping[str, Sequence[Sequence[int]]] = {
    "gru": ((0, 1, 2), (1, 0, 2)),
    "lstm": ((0, 3, 1, 2), (0, 1, 2, 3)),
    "rnn": ((0,),),
}
"""By cell, where the gates that come first in ONNX stand in what is stored: ONNX's and Keras's order, then torch's."""

_MOST_WAYS = 400
"""What is tried of one loop."""


def looped(piece: Piece, value: Pending) -> tuple[Draft, ...] | None:
    """The layer, if a piece is a loop that steps through time from a state of zeros; None where it is anything else."""
    nodes = onnx.ModelProto.FromString(piece.graph).graph.node
    if sum(node.op_type in ("Loop", "Scan") for node in nodes) != 1 or len(piece.feeds) != 1 or piece.decides:
        return None
    (feed,) = piece.feeds
    if len(feed.shape) != 3 or value.array.ndim not in (2, 3):
        return None
    tried = _Trial(piece, value)
    if tried.wanted is None:
        return None
    for draft in itertools.islice(_ways(piece, feed.shape[2], value.array.shape[-1]), _MOST_WAYS):
        for reverse in (False, True):
            said = {**draft.attributes, "last": value.array.ndim == 2} | ({"reverse": True} if reverse else {})
            whole = dataclasses.replace(draft, inputs=(feed.name,), attributes=said)
            if tried.same(whole):
                return (whole,)
    return None


class _Trial:
    def __init__(self, piece: Piece, value: Pending) -> None:
        self._row = operators()["recurrent"]
        weights = {name: tensor(array) for name, array in piece.weights.items()}
        shape, feed = value.array.shape[1:], piece.feeds[0].shape
        self.wanted: torch.Tensor | None = None
        for count in (3, 1) if feed[0] == 1 else (3,):
            self._values = torch.randn((count, *feed[1:]), generator=torch.Generator().manual_seed(4))
            module = Opaque(piece.graph, weights, shape=shape, one_by_one=False, seconds=SECONDS)
            try:
                self.wanted = module(self._values)
            except Exception:  # onnxruntime's errors have no common public base class
                continue
            return

    def same(self, draft: Draft) -> bool:
        try:
            given = self._row.build(draft.attributes, draft.tensors)(self._values)
        except (ValueError, RuntimeError):
            return False
        assert self.wanted is not None
        return given.shape == self.wanted.shape and bool(torch.allclose(given, self.wanted, rtol=1e-4, atol=1e-5))


def _ways(piece: Piece, features: int, hidden: int) -> Iterator[Draft]:
    """Every layer that the stored numbers could make."""
    stored = list(zip(piece.weights.values(), piece.origins, strict=True))
    for cell, gates in GATES.items():
        width = gates * hidden
        own = [(entry, name) for array, name in stored for entry in _turned(array, (width, features))]
        before = [entry for array, _ in stored for entry in _turned(array, (width, hidden))]
        biases = list(_biases([array for array, _ in stored], width))
        for (first, name), second, (seen, kept), order in itertools.product(own, before, biases, _ORDERS[cell]):
            if first is second:
                continue
            places = np.concatenate([np.arange(gate * hidden, (gate + 1) * hidden) for gate in order])
            tensors = {"weight": tensor(np.concatenate([first, second], axis=1)[places])}
            if cell == "gru":
                joined = seen[places] + np.where(np.arange(width) < 2 * hidden, kept[places], 0)
                tensors |= {"bias": tensor(joined), "state_bias": tensor(kept[places][2 * hidden :])}
            else:
                tensors["bias"] = tensor(seen[places] + kept[places])
            yield Draft(kind="recurrent", inputs=(), attributes={"cell": cell}, tensors=tensors, weight=name)


def _turned(array: Array, shape: tuple[int, int]) -> Iterator[Array]:
    """A matrix as it is and turned, where it then has the shape."""
    matrix = array.reshape(array.shape[-2:]) if array.ndim > 2 and array.size == np.prod(array.shape[-2:]) else array
    if matrix.shape == shape[::-1]:
        yield matrix.T
    if matrix.shape == shape:
        yield matrix


def _biases(stored: Sequence[Array], width: int) -> Iterator[tuple[Array, Array]]:
    """What may be added to what a step sees of its input, and of the state before."""
    none = np.zeros(width, np.float32)
    single = [array.reshape(-1) for array in stored if array.size == width and array.shape[-1] == width]
    both = [array for array in stored if array.size == 2 * width and array.shape[-1] in (width, 2 * width)]
    for pair in both:
        first, second = pair.reshape(2, width)
        yield first, second
        yield second, first
    for first, second in itertools.permutations(single, 2):
        yield first, second
    for one in single:
        yield one, none
        yield none, one
    yield none, none
