"""Recognises a recurrent layer in a piece of ONNX nodes: the node itself and what puts time first and back."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from penjing.loading.onnx_regions import Piece
from penjing.loading.rearranging import MOVING
from penjing.model.opaque import Opaque
from penjing.model.operators.reading import EARLIER, PREVIOUS, Draft, Pending, tensor
from penjing.model.operators.table import operators
from penjing.model.recurrent import GATES

Array = NDArray[Any]


def recurrence(piece: Piece, value: Pending) -> tuple[Draft, ...] | None:
    """The layers, if a piece is one recurrent node with the usual functions that starts from a state of zeros.

    What goes both ways becomes a layer each way, and their results side by side. What the nodes around it do is not
    read but tried: the layers must give what the piece gives.
    """
    nodes = onnx.ModelProto.FromString(piece.graph).graph
    own = [node for node in nodes.node if node.op_type.lower() in GATES]
    around = {node.op_type for node in nodes.node} - {node.op_type for node in own}
    if len(own) != 1 or len(piece.feeds) != 1 or not around <= MOVING or value.array.ndim not in (2, 3):
        return None
    if len(piece.feeds[0].shape) != 3:
        return None
    known = {entry.name: numpy_helper.to_array(entry) for entry in nodes.initializer} | dict(piece.weights)
    ways = _ways(own[0], known)
    name = next((name for name in piece.origins if name), "")
    for drafts in _candidates(own[0].op_type.lower(), ways, piece.feeds[0].name, value.array.ndim == 2, name):
        if any(_same(piece, value, drafts, count) for count in _batches(piece)):
            return drafts
    return None


def _candidates(
    cell: str, ways: Mapping[bool, Mapping[str, torch.Tensor]], feed: str, last: bool, name: str
) -> Iterator[tuple[Draft, ...]]:
    """What the piece may be: one way, by whether it is the reverse one, or both."""
    each = [
        Draft(
            kind="recurrent",
            inputs=(feed,),
            attributes={"cell": cell, "last": last} | ({"reverse": True} if reverse else {}),
            tensors=tensors,
            weight=f"{name}.reverse" if reverse and name and len(ways) == 2 else name,
        )
        for reverse, tensors in ways.items()
    ]
    yield from ((draft,) for draft in each)
    if len(each) == 2:
        yield (*each, Draft(kind="concat", inputs=(EARLIER, PREVIOUS), attributes={"dim": 1 if last else 2}))


def _batches(piece: Piece) -> Iterator[int]:
    yield 3
    if piece.feeds[0].shape[0] == 1:
        yield 1


def _ways(node: onnx.NodeProto, known: Mapping[str, Array]) -> Mapping[bool, Mapping[str, torch.Tensor]]:
    """The tensors of the layer, by whether it goes back in time; none where it is not of the usual kind."""
    said = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
    cell, names = node.op_type.lower(), [*node.input, *[""] * 8]
    usual = {"gru": [b"Sigmoid", b"Tanh"], "lstm": [b"Sigmoid", b"Tanh", b"Tanh"], "rnn": [b"Tanh"]}[cell]
    ways = {b"forward": (False,), b"reverse": (True,), b"bidirectional": (False, True)}.get(
        said.get("direction", b"forward"), ()
    )
    known_names = {"hidden_size", "direction", "linear_before_reset", "layout", "input_forget", "activations"}
    functions = said.get("activations", usual * len(ways))
    plain = set(said) <= known_names and functions == usual * len(ways) and not said.get("input_forget", 0)
    if not plain or said.get("layout", 0) or (cell == "gru" and not said.get("linear_before_reset", 0)):
        return {}
    own, before = known.get(names[1]), known.get(names[2])
    if own is None or before is None or own.ndim != 3 or before.ndim != 3 or names[4] or names[7]:
        return {}
    # States that the file starts from must be zeros; it may make them while it runs, from zeros that it stores.
    starts = [known[name] for name in names[5:7] if name in known]
    if any(start.any() for start in starts) or not len(own) == len(before) == len(ways):
        return {}
    hidden = before.shape[-1]
    none = np.zeros((len(ways), 2 * GATES[cell] * hidden), np.float32)
    biases = known.get(names[3], none)
    return {reverse: _tensors(cell, own[place], before[place], biases[place]) for place, reverse in enumerate(ways)}


def _tensors(cell: str, own: Array, before: Array, biases: Array) -> dict[str, torch.Tensor]:
    hidden = before.shape[-1]
    first, second = np.split(biases, 2)
    found = {"weight": tensor(np.concatenate([own, before], axis=1))}
    if cell != "gru":
        return {**found, "bias": tensor(first + second)}
    both = first + np.concatenate([second[: 2 * hidden], np.zeros(hidden, np.float32)])
    return {**found, "bias": tensor(both), "state_bias": tensor(second[2 * hidden :])}


def _same(piece: Piece, value: Pending, drafts: Sequence[Draft], count: int) -> bool:
    weights = {name: tensor(array) for name, array in piece.weights.items()}
    module = Opaque(piece.graph, weights, shape=value.array.shape[1:], one_by_one=False)
    values = torch.randn((count, *piece.feeds[0].shape[1:]), generator=torch.Generator().manual_seed(4))
    row = operators()["recurrent"]
    try:
        each = [row.build(one.attributes, one.tensors)(values) for one in drafts if one.kind == "recurrent"]
        wanted, given = module(values), torch.cat(each, dim=-1)
    except Exception:  # onnxruntime's errors have no common public base class
        return False
    return given.shape == wanted.shape and bool(torch.allclose(given, wanted, rtol=1e-4, atol=1e-5))
