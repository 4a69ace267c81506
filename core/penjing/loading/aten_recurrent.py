"""Recurrent operators of torch.export: one call is a layer each way and one above another."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from penjing.loading.assembly import Assembly
from penjing.loading.aten_moving import Moved, Stacked
from penjing.model.operators.reading import Activation, AtenNode, Constant, Draft, tensor

CELLS: Mapping[str, str] = {"lstm": "lstm", "gru": "gru", "rnn_tanh": "rnn"}
"""By operator: the layer's cell."""
_ORDER: Mapping[str, Sequence[int]] = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2), "rnn": (0,)}
"""Torch's gates in the order in which layers here have them, which is ONNX's."""


def recurrent(node: AtenNode, assembly: Assembly, *, wanted: str, back: bool = False) -> tuple[Any, ...]:
    """The whole sequence, the last states of every layer and way, and nothing for what carries an LSTM's memory.

    What is made of a step stands at its place, also where the layers go `back` in time.

    Raises:
        UserError: `load.unsupported_form` for time first, states that are no zeros, weights that are not stored.
    """
    cell = CELLS[node.op]
    value, time_first = node.arguments["input"], not node.get("batch_first", False)
    assert isinstance(value, Activation)
    states = node.get("hx", ())
    states = states if isinstance(states, tuple) else (states,)
    if not all(isinstance(one, Constant) and not one.array.any() for one in states):
        raise node.unsupported("it starts from states that are no zeros")
    if time_first or len(value.shape) != 3:
        raise node.unsupported("no sequence with the batch first and time second")
    params, biased = list(node.get("params", ())), bool(node.get("has_biases", True))
    ways = (back, not back) if node.get("bidirectional", False) else (back,)
    each = len(ways) * (4 if biased else 2)
    if len(params) != each * int(node.get("num_layers", 1)) or not all(isinstance(one, Constant) for one in params):
        raise node.unsupported("weights that are projected or not stored")
    last: list[Activation] = []
    for start in range(0, len(params), each):
        made = []
        for place, reverse in enumerate(ways):
            own = params[start + place * each // len(ways) : start + (place + 1) * each // len(ways)]
            name = own[0].origin.rpartition(".")[0] or wanted
            level = f"{start // each}" if len(params) > each else ""
            draft = Draft(
                kind="recurrent",
                inputs=(value.name,),
                attributes={"cell": cell, "last": False} | ({"reverse": True} if reverse else {}),
                tensors=_tensors(cell, [one.array for one in own]),
            )
            title = ".".join(part for part in (name, level, "reverse" if reverse else "") if part)
            made.append(assembly.put((draft,), node, wanted=title, first=value.name))
            hidden = made[-1].shape[1]
            at = 0 if reverse else hidden - 1
            part = {"dim": 1, "start": at, "stop": at + 1, "step": 1, "drop": True}
            end = Draft(kind="slice", inputs=(made[-1].name,), attributes=part)
            last.append(assembly.put((end,), node, wanted=f"{title}.last", first=made[-1].name))
        value = made[0]
        if len(made) == 2:
            joined = Draft(kind="concat", inputs=(made[0].name, made[1].name), attributes={"dim": 2})
            value = assembly.put((joined,), node, wanted=f"{wanted}.both", first=value.name)
    return value, Stacked(tuple(last)), None


def sequence(value: Moved | Activation) -> Moved:
    """A sequence with time and batch swapped."""
    value = _places(value)
    return Moved(value.source, value.places.transpose(0, 1))


def backwards(value: Moved | Activation) -> Moved:
    """A sequence [n, time, …] from its last step to the first."""
    value = _places(value)
    return Moved(value.source, value.places.flip(1))


def _places(value: Moved | Activation) -> Moved:
    if isinstance(value, Moved):
        return value
    size = torch.Size(value.shape)
    return Moved(value, torch.arange(size.numel()).reshape(size))


def _tensors(cell: str, params: Sequence[np.ndarray[Any, Any]]) -> dict[str, Tensor]:
    own, before, *biases = (_gates(cell, array) for array in params)
    found = {"weight": tensor(np.concatenate([own, before], axis=1))}
    first, second = biases or (np.zeros(len(own), np.float32),) * 2
    if cell != "gru":
        return {**found, "bias": tensor(first + second)}
    hidden = before.shape[1]
    both = first + np.concatenate([second[: 2 * hidden], np.zeros(hidden, np.float32)])
    return {**found, "bias": tensor(both), "state_bias": tensor(second[2 * hidden :])}


def _gates(cell: str, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    parts = np.split(values, len(_ORDER[cell]))
    return np.concatenate([parts[place] for place in _ORDER[cell]])
