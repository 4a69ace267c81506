"""Networks of torch.export that put time first, split heads off or go both ways in time: all weights stay in layers."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from penjing.errors import UserError
from penjing.inspection.graph import layer_graph
from penjing.loading.module import from_module
from penjing.loading.open import open_model


class Reads(nn.Module):
    """A recurrent layer, what is taken of it, and a fully connected layer."""

    def __init__(self, layer: nn.RNNBase, take: Callable[..., Tensor], width: int) -> None:
        super().__init__()
        self.layer, self.take, self.last = layer, take, nn.Linear(width, 2)

    def forward(self, values: Tensor) -> Tensor:
        """[n, 5, 3] → [n, 2]."""
        return self.last(self.take(self.layer, values))


def _end(layer: nn.Module, values: Tensor) -> Tensor:
    return layer(values)[0][:, -1]


def _mean(layer: nn.Module, values: Tensor) -> Tensor:
    return layer(values)[0].mean(1)


def _top(layer: nn.Module, values: Tensor) -> Tensor:
    return layer(values)[1][0][-1]


def _both_ends(layer: nn.Module, values: Tensor) -> Tensor:
    states = layer(values)[1]
    return torch.cat([states[-2], states[-1]], dim=1)


def _time_first(layer: nn.Module, values: Tensor) -> Tensor:
    return layer(values.transpose(0, 1))[0][-1]


class Heads(nn.Module):
    """Attention with queries, keys and values from one product, as many write it."""

    def __init__(self) -> None:
        super().__init__()
        self.all, self.out = nn.Linear(8, 24), nn.Linear(8, 8)

    def forward(self, values: Tensor) -> Tensor:
        """[n, 5, 8] → [n, 5, 8]."""
        count, time, width = values.shape
        query, key, value = self.all(values).reshape(count, time, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        seen = (query @ key.transpose(-2, -1) * 0.5).softmax(-1) @ value
        return self.out(seen.transpose(1, 2).reshape(count, time, width))


class Shuffled(nn.Module):
    """Two halves of the channels, one of them worked on, interleaved."""

    def __init__(self) -> None:
        super().__init__()
        self.part = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, values: Tensor) -> Tensor:
        """[n, 8, 4, 4] → [n, 8, 4, 4]."""
        left, right = values.chunk(2, dim=1)
        both = torch.cat([left, self.part(right)], dim=1)
        return both.reshape(-1, 2, 4, 4, 4).transpose(1, 2).reshape(-1, 8, 4, 4)


def encoder() -> nn.Module:
    return nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu"), 1, enable_nested_tensor=False
    )


CASES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], list[str]]] = {
    "lstm": (lambda: Reads(nn.LSTM(3, 4, batch_first=True), _end, 4), (5, 3), ["LSTM", "Linear"]),
    "gru, two layers": (lambda: Reads(nn.GRU(3, 4, 2, batch_first=True), _mean, 4), (5, 3), ["GRU", "GRU", "Linear"]),
    "rnn without biases": (
        lambda: Reads(nn.RNN(3, 4, batch_first=True, bias=False), _mean, 4),
        (5, 3),
        ["RNN", "Linear"],
    ),
    "the top layer's last state": (
        lambda: Reads(nn.LSTM(3, 4, 2, batch_first=True), _top, 4),
        (5, 3),
        ["LSTM", "LSTM", "Linear"],
    ),
    "both ways": (
        lambda: Reads(nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True), _mean, 8),
        (5, 3),
        ["LSTM", "LSTM", "LSTM", "LSTM", "Linear"],
    ),
    "both ways, their last states": (
        lambda: Reads(nn.GRU(3, 4, batch_first=True, bidirectional=True), _both_ends, 8),
        (5, 3),
        ["GRU", "GRU", "Linear"],
    ),
    "time first": (lambda: Reads(nn.LSTM(3, 4), _time_first, 4), (5, 3), ["LSTM", "Linear"]),
    "heads of one product": (Heads, (5, 8), ["Linear", "Linear"]),
    "torch's own encoder": (encoder, (5, 8), ["Linear"] * 4),
    "shuffled channels": (Shuffled, (8, 4, 4), ["Conv2d"]),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("batch", [1, 2])
def test_that_every_weight_is_in_a_layer_that_can_be_compressed(case: str, batch: int) -> None:
    make, shape, wanted = CASES[case]
    torch.manual_seed(4)
    module = make().eval()
    model = from_module(module, torch.randn(batch, *shape))
    assert [layer.type for layer in layer_graph(model).compressible] == wanted
    values = torch.randn(3, *shape)
    found = model(values)
    assert isinstance(found, Tensor)
    assert torch.allclose(found, module(values), rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:The tensor attributes")  # torch's own, about its recurrent layers
@pytest.mark.parametrize("case", ["both ways", "heads of one product"])
def test_that_a_file_of_torch_export_is_read_alike(case: str, tmp_path: Path) -> None:
    make, shape, _ = CASES[case]
    torch.manual_seed(4)
    module, path = make().eval(), tmp_path / "network.pt2"
    batch = torch.export.Dim("batch", min=1, max=16)
    torch.export.save(torch.export.export(module, (torch.randn(2, *shape),), dynamic_shapes=({0: batch},)), path)
    values = torch.randn(3, *shape)
    found = open_model(path)(values)
    assert isinstance(found, Tensor)
    assert torch.allclose(found, module(values), rtol=1e-4, atol=1e-5)


class Mixing(nn.Module):
    """Adds up what different examples have."""

    def forward(self, values: Tensor) -> Tensor:
        """[n, 4, 4] → [4, n, 4]."""
        return values.transpose(0, 1).softmax(1)


def test_that_an_order_that_never_puts_the_batch_first_is_refused() -> None:
    with pytest.raises(UserError) as raised:
        from_module(Mixing(), torch.randn(2, 4, 4))
    assert raised.value.code == "load.unsupported_form"
    assert "batch" in str(raised.value)


def test_that_states_that_are_no_zeros_are_refused() -> None:
    class Started(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.GRU(3, 4, batch_first=True)

        def forward(self, values: Tensor) -> Tensor:
            return self.layer(values, torch.ones(1, values.shape[0], 4))[0]

    with pytest.raises(UserError) as raised:
        from_module(Started(), torch.randn(2, 5, 3))
    assert raised.value.code in ("load.unsupported_form", "load.unknown_operator")
