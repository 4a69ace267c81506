"""Recognises a recurrent layer in a piece of ONNX nodes: the node itself and what puts time first and back."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from penjing.loading.onnx_regions import Piece
from penjing.loading.rearranging import MOVING
from penjing.model.opaque import Opaque
from penjing.model.operators.reading import Draft, Pending, tensor
from penjing.model.recurrent import GATES, Recurrent

Array = NDArray[Any]


def recurrence(piece: Piece, value: Pending) -> Draft | None:
    """The layer, if a piece is one: forward, with the usual functions, from a state of zeros.

    What the nodes around it do is not read but tried: the layer must give what the piece gives.
    """
    nodes = onnx.ModelProto.FromString(piece.graph).graph
    own = [node for node in nodes.node if node.op_type.lower() in GATES]
    around = {node.op_type for node in nodes.node} - {node.op_type for node in own}
    if len(own) != 1 or len(piece.feeds) != 1 or not around <= MOVING or value.array.ndim not in (2, 3):
        return None
    known = {entry.name: numpy_helper.to_array(entry) for entry in nodes.initializer} | dict(piece.weights)
    tensors = _tensors(own[0], known)
    if tensors is None or len(piece.feeds[0].shape) != 3:
        return None
    attributes = {"cell": own[0].op_type.lower(), "last": value.array.ndim == 2}
    draft = Draft(
        kind="recurrent",
        inputs=(piece.feeds[0].name,),
        attributes=attributes,
        tensors=tensors,
        weight=next((name for name in piece.origins if name), ""),
    )
    return draft if any(_same(piece, value, draft, count) for count in _batches(piece)) else None


def _batches(piece: Piece) -> Iterator[int]:
    yield 3
    if piece.feeds[0].shape[0] == 1:
        yield 1


def _tensors(node: onnx.NodeProto, known: Mapping[str, Array]) -> dict[str, torch.Tensor] | None:
    said = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
    cell, names = node.op_type.lower(), [*node.input, *[""] * 8]
    usual = {"gru": [b"Sigmoid", b"Tanh"], "lstm": [b"Sigmoid", b"Tanh", b"Tanh"], "rnn": [b"Tanh"]}[cell]
    known_names = {"hidden_size", "direction", "linear_before_reset", "layout", "input_forget", "activations"}
    plain = set(said) <= known_names and said.get("activations", usual) == usual and not said.get("input_forget", 0)
    if not plain or said.get("direction", b"forward") != b"forward" or said.get("layout", 0):
        return None
    if cell == "gru" and not said.get("linear_before_reset", 0):
        return None
    own, before = known.get(names[1]), known.get(names[2])
    if own is None or before is None or own.ndim != 3 or before.ndim != 3 or names[4] or names[7]:
        return None
    # States that the file starts from must be zeros; it may make them while it runs, from zeros that it stores.
    starts = [known[name] for name in names[5:7] if name in known]
    if any(start.any() for start in starts):
        return None
    hidden = before.shape[-1]
    biases = known[names[3]][0] if names[3] in known else np.zeros(2 * GATES[cell] * hidden, np.float32)
    first, second = np.split(biases, 2)
    found = {"weight": tensor(np.concatenate([own[0], before[0]], axis=1))}
    if cell != "gru":
        return {**found, "bias": tensor(first + second)}
    both = first + np.concatenate([second[: 2 * hidden], np.zeros(hidden, np.float32)])
    return {**found, "bias": tensor(both), "state_bias": tensor(second[2 * hidden :])}


def _same(piece: Piece, value: Pending, draft: Draft, count: int) -> bool:
    weights = {name: tensor(array) for name, array in piece.weights.items()}
    module = Opaque(piece.graph, weights, shape=value.array.shape[1:], one_by_one=False)
    values = torch.randn((count, *piece.feeds[0].shape[1:]), generator=torch.Generator().manual_seed(4))
    try:
        layer = Recurrent(
            draft.attributes["cell"],
            draft.tensors["weight"],
            draft.tensors["bias"],
            draft.tensors.get("state_bias"),
            last=draft.attributes["last"],
        )
        wanted, given = module(values), layer(values)
    except Exception:  # onnxruntime's errors have no common public base class
        return False
    return given.shape == wanted.shape and bool(torch.allclose(given, wanted, rtol=1e-4, atol=1e-5))
