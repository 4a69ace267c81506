"""Recurrent layers: LSTM (Hochreiter 1997), GRU (Cho 2014) and the plain one (Elman 1990)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from penjing.layer_graph import FIXED, WeightKind
from penjing.model.operators import integer_kernels
from penjing.model.operators.channels import Channels, Flow
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.table import Attributes, Operator, Shape, register
from penjing.model.recurrent import GATES, Recurrent


@register
class RecurrentRow(Operator):
    """One layer over time; its weights are pruned and quantized, its states are never cut.

    A file has it among transpositions that put time first: `loading` recognises the whole.
    """

    kind = "recurrent"
    modules = (Recurrent,)
    integer = integer_kernels.RECURRENT

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: cell, last, reverse."""
        weight, bias = (tensors[key].to(torch.float32) for key in ("weight", "bias"))
        state_bias = tensors.get("state_bias")
        state_bias = None if state_bias is None else state_bias.to(torch.float32)
        last, reverse = bool(attributes["last"]), bool(attributes.get("reverse"))
        return Recurrent(str(attributes["cell"]), weight, bias, state_bias, last=last, reverse=reverse)

    def attributes(self, module: nn.Module) -> Attributes:
        """The kind of cell, whether only the last state counts, and whether it goes back in time."""
        assert isinstance(module, Recurrent)
        return {"cell": module.cell, "last": module.last} | ({"reverse": True} if module.reverse else {})

    def title(self, module: nn.Module) -> str:
        """As everybody calls it."""
        assert isinstance(module, Recurrent)
        return module.cell.upper()

    def shape(self, module: nn.Module, inputs: tuple[Shape, ...]) -> Shape | None:
        """[n, time, features] → [n, time, hidden] or [n, hidden]."""
        assert isinstance(module, Recurrent)
        if len(inputs[0]) != 3 or inputs[0][2] != module.features:
            return None
        return (inputs[0][0], module.hidden) if module.last else (*inputs[0][:2], module.hidden)

    def weight_kind(self, module: nn.Module) -> WeightKind:
        """A matrix, like a fully connected layer's."""
        return "dense"

    def positions(self, module: nn.Module, inputs: tuple[Shape, ...], output: Shape) -> int:
        """Once a step."""
        return inputs[0][1]

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """Every state depends on all others: none is cut, nor what feeds it."""
        flow.freeze(flow.inputs[0].ids)
        return flow.fixed(axis=len(flow.output_shape) - 1)

    def weight_inputs(self, module: nn.Module, flow: Flow) -> NDArray[np.int64]:
        """None that can be cut."""
        assert isinstance(module, Recurrent)
        return np.full(module.weight.shape[1], FIXED, np.int64)

    def columns(self, module: nn.Module, values: Tensor) -> Tensor:
        """At every step, the input beside the state before it."""
        assert isinstance(module, Recurrent)
        values = module.in_order(values)
        seen = torch.cat([values, module.states(values)[:, :-1]], dim=2)
        return seen.reshape(1, -1, seen.shape[2])

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """The weight taken apart, time first, one node, and the batch first again."""
        cell, last = str(attributes["cell"]), bool(attributes["last"])
        hidden = writer.output_shape[-1]
        features = writer.input_shapes[0][2]
        front = writer.constant("front", np.array([0], np.int64))
        second = writer.constant("second", np.array([1], np.int64))
        ends = [writer.constant(name, np.array([place], np.int64)) for name, place in _ends(features, hidden)]
        weight = writer.part("Unsqueeze", writer.tensor("weight"), front)
        axis = writer.constant("axis", np.array([2], np.int64))
        own = writer.part("Slice", weight, ends[0], ends[1], axis)
        before = writer.part("Slice.second", weight, ends[1], ends[2], axis)
        biases = [writer.tensor("bias")]
        if cell == "gru":
            biases += [writer.constant("none", np.zeros(2 * hidden, np.float32)), writer.tensor("state_bias")]
        else:
            biases += [writer.constant("none", np.zeros(GATES[cell] * hidden, np.float32))]
        bias = writer.part("Unsqueeze.second", writer.part("Concat", *biases, axis=0), front)
        turned = writer.part("Transpose", writer.inputs[0], perm=(1, 0, 2))
        more: dict[str, Any] = {"linear_before_reset": 1} if cell == "gru" else {}
        more |= {"direction": "reverse"} if attributes.get("reverse") else {}
        node = writer.several(cell.upper(), turned, own, before, bias, count=2, hidden_size=hidden, **more)
        if last:
            writer.result("Squeeze", node[1], front)
        else:
            states = writer.part("Squeeze", node[0], second)
            writer.result("Transpose", states, perm=(1, 0, 2))


def _ends(features: int, hidden: int) -> tuple[tuple[str, int], ...]:
    return (("start", 0), ("between", features), ("end", features + hidden))
