"""Recurrent layers with one weight: what a gate sees of the input and of the state before stand side by side."""

import torch
from torch import _VF, Tensor, nn

GATES = {"gru": 3, "lstm": 4, "rnn": 1}


_TORCHS = {"gru": (1, 0, 2), "lstm": (0, 2, 3, 1), "rnn": (0,)}
"""By cell, ONNX's gates in torch's order."""


class Recurrent(nn.Module):
    """A recurrent layer over time, from a state of zeros.

    Args:
        cell: gru, lstm or rnn (tanh).
        weight: [gates · hidden, features + hidden], gates in ONNX's order: z r h, or i o f c.
        bias: [gates · hidden].
        state_bias: [hidden] for a GRU, added to what its candidate sees of the state before r multiplies it
            (ONNX: linear_before_reset = 1; torch and Keras do so); else None.
        last: Only the last state is the result.
        reverse: From the last step to the first; what it makes of a step still stands at that step's place.
    """

    def __init__(
        self,
        cell: str,
        weight: Tensor,
        bias: Tensor,
        state_bias: Tensor | None,
        *,
        last: bool,
        reverse: bool = False,
    ) -> None:
        super().__init__()
        hidden, rest = divmod(len(bias), GATES[cell])
        if rest or weight.dim() != 2 or len(weight) != len(bias) or weight.shape[1] <= hidden:
            raise ValueError(f"a weight of shape {list(weight.shape)} and {len(bias)} biases for {cell}")
        if (state_bias is not None) != (cell == "gru") or (state_bias is not None and len(state_bias) != hidden):
            raise ValueError(f"the bias of the state of {cell}")
        self.cell, self.last, self.reverse, self.hidden = cell, last, reverse, hidden
        self.weight = nn.Parameter(weight.detach(), requires_grad=False)
        self.bias = nn.Parameter(bias.detach(), requires_grad=False)
        self.state_bias = None if state_bias is None else nn.Parameter(state_bias.detach(), requires_grad=False)

    @property
    def features(self) -> int:
        """Width of the input."""
        return self.weight.shape[1] - self.hidden

    def forward(self, values: Tensor) -> Tensor:
        """[n, time, features] → [n, time, hidden], or [n, hidden] with `last`."""
        values = self.in_order(values)
        weight, bias = self._torchs(self.weight), self._torchs(self.bias)
        other = torch.zeros(len(bias)) if self.state_bias is None else self._beside(self.state_bias)
        params = (weight[:, : self.features], weight[:, self.features :], bias, other)
        start = torch.zeros(1, values.shape[0], self.hidden)
        given = (params, True, 1, 0.0, False, False, True)
        if self.cell == "lstm":
            states = _VF.lstm(values, (start, start), *given)[0]
        else:
            states = (_VF.gru if self.cell == "gru" else _VF.rnn_tanh)(values, start, *given)[0]
        return states[:, -1] if self.last else self.in_order(states)

    def _torchs(self, values: Tensor) -> Tensor:
        """Gates in the order of torch's functions, one after another: i f g o, or r z n."""
        size = self.hidden
        parts = [values[place * size : (place + 1) * size] for place in _TORCHS[self.cell]]
        return torch.cat(parts) if len(parts) > 1 else values

    def _beside(self, state_bias: Tensor) -> Tensor:
        """The bias of what a GRU sees of its state: of the candidate alone."""
        return torch.cat([torch.zeros(2 * self.hidden), state_bias])

    def in_order(self, steps: Tensor) -> Tensor:
        """Steps [n, time, …] in the order in which the layer meets them, or back."""
        return steps.flip(1) if self.reverse else steps

    def states(self, values: Tensor) -> Tensor:
        """The state before the first step and after every one, in the order it meets them: [n, time + 1, hidden]."""
        own, before = self.weight[:, : self.features], self.weight[:, self.features :].t()
        seen = values @ own.t() + self.bias
        state = values.new_zeros((values.shape[0], self.hidden))
        carried, states = state, [state]
        state_bias = state if self.state_bias is None else self.state_bias
        for step in range(values.shape[1]):
            gates = seen[:, step]
            if self.cell == "lstm":
                entry, output, forget, candidate = (gates + state @ before).chunk(4, dim=1)
                carried = torch.sigmoid(forget) * carried + torch.sigmoid(entry) * torch.tanh(candidate)
                state = torch.sigmoid(output) * torch.tanh(carried)
            elif self.cell == "gru":
                update, reset, candidate = gates.chunk(3, dim=1)
                update_by, reset_by, candidate_by = (state @ before).chunk(3, dim=1)
                update, reset = torch.sigmoid(update + update_by), torch.sigmoid(reset + reset_by)
                candidate = torch.tanh(candidate + reset * (candidate_by + state_bias))
                state = (1 - update) * candidate + update * state
            else:
                state = torch.tanh(gates + state @ before)
            states.append(state)
        return torch.stack(states, dim=1)
