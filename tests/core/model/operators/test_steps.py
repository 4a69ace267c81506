"""Kernels in whole numbers that take several steps, against torch in float64 on the real values of the same codes."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from penjing.compression.integer import run
from penjing.compression.lowering import lower
from penjing.compression.quantize import quantize
from penjing.compression.simulation import simulate, trace
from penjing.estimation.finished import state_of
from penjing.estimation.tensors import tensor_bits
from penjing.inspection.graph import layer_graph
from penjing.model.model import Model
from penjing.model.modules import Embedding, MatMul, Resize, TransposedConv, turned
from penjing.model.operators import integer_recurrence, integer_reference, integer_resize
from penjing.model.operators.table import operators
from penjing.model.recurrent import GATES, Recurrent
from penjing.plan import Plan
from tests.support.calibration import dataset_of, quantized
from tests.support.networks import network, sample_input

WIDTH = 6
EIGHT = Plan().with_defaults(weight_bits=8, activation_bits=8)


def cell(kind: str, *, reverse: bool = False) -> Model:
    rows = GATES[kind] * WIDTH
    weight, bias, state = torch.zeros(rows, 4 + WIDTH), torch.zeros(rows), torch.zeros(WIDTH)
    layer = Recurrent(kind, weight, bias, state if kind == "gru" else None, last=False, reverse=reverse)
    return network((9, 4), [("cell", layer, "x")])


def alone(shape: tuple[int, ...], norm: nn.Module) -> Model:
    """A norm, and a layer behind it for whose sake it is quantized."""
    return network(
        shape, [("norm", norm, "x"), ("flat", nn.Flatten(), ""), ("last", nn.Linear(math.prod(shape), 2), "")]
    )


def sums(model: Model, layer: str, values: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """(real values of a layer's sums before they become codes, the input as its codes tell it)."""
    graph = lower(model)
    node = graph.by_layer[layer]
    source = graph.codes["x"]
    codes = source.encode(values.numpy())
    kernel = operators()[node.kind].integer
    assert kernel is not None
    weight = getattr(node, "weight", None)
    found = kernel.reference(node.attributes, [codes], None if weight is None else weight.centred)
    scale = np.ldexp(float(node.multiplier), -int(node.shift)) * float(node.output.scale)  # type: ignore[union-attr]
    return found * scale, source.decode(codes)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", GATES)
def test_that_states_are_those_of_float64_to_the_fourth_decimal(kind: str, reverse: bool) -> None:
    model = quantized(cell(kind, reverse=reverse))
    values = sample_input(model, count=32, seed=5)
    found, real = sums(model, "cell", values)
    layer = model.layer("cell")
    assert isinstance(layer, Recurrent)
    wanted = layer.double().states(layer.in_order(torch.from_numpy(real).double()))[:, 1:]
    assert np.abs(found - layer.in_order(wanted).detach().numpy()).max() < 3e-4
    assert np.abs(found).max() > 0.5


def test_that_functions_of_gates_are_within_two_steps_of_their_states() -> None:
    arguments = np.arange(-(12 << 16), 12 << 16, 37)
    real = arguments / 65536
    assert np.abs(integer_recurrence.tanh(arguments) - 32768 * np.tanh(real)).max() < 2
    assert np.abs(integer_recurrence.sigmoid(arguments) - 32768 / (1 + np.exp(-real))).max() < 2


@pytest.mark.parametrize(
    ("shape", "layer"),
    [
        ((5, 12), nn.LayerNorm(12)),
        ((6, 4, 5), nn.GroupNorm(3, 6)),
        ((6, 7), nn.GroupNorm(6, 6)),
        ((8, 30, 30), nn.GroupNorm(1, 8, eps=0.3)),
    ],
)
def test_that_norms_are_those_of_float64(shape: tuple[int, ...], layer: nn.Module) -> None:
    model = quantized(alone(shape, layer))
    found, real = sums(model, "norm", sample_input(model, count=8, seed=2))
    with torch.no_grad():
        wanted = model.layer("norm").double()(torch.from_numpy(real).double()).numpy()
    assert np.abs(found - wanted).max() < 2e-4


def test_that_equal_values_have_no_variance_and_give_the_offset() -> None:
    model = quantized(alone((3, 8), nn.LayerNorm(8)))
    found, _ = sums(model, "norm", torch.full((1, 3, 8), 0.7))
    assert np.allclose(found, model.layer("norm").bias.detach().numpy(), atol=1e-6)  # type: ignore[union-attr]


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_that_transposed_convolutions_add_up_what_torch_adds_up(groups: int) -> None:
    generator = np.random.default_rng(3)
    weight = generator.integers(-127, 128, (4, 4 // groups, 3, 2))
    values = generator.integers(-200, 201, (2, 4, 5, 4))
    settings = {"stride": (2, 3), "padding": (2, 1), "output_padding": (1, 2), "dilation": (1, 2)}
    found = integer_reference.transposed_convolution({**settings, "groups": groups}, [values], weight)
    first = turned(torch.from_numpy(weight).double(), groups)
    wanted = F.conv_transpose2d(torch.from_numpy(values).double(), first, None, groups=groups, **settings)
    assert np.array_equal(found, wanted.numpy())


@pytest.mark.parametrize(
    ("mode", "corners"), [("linear", False), ("linear", True), ("nearest", False), ("nearest-exact", False)]
)
@pytest.mark.parametrize("size", [(7, 10), (3, 1), (10, 4)])
def test_that_resizing_weighs_neighbours_as_torch_does(mode: str, corners: bool, size: tuple[int, int]) -> None:
    values = np.random.default_rng(1).integers(-200, 201, (2, 3, 5, 4))
    attributes = {"size": size, "mode": mode, "corners": corners}
    found = integer_resize.resized(attributes, [values], None) / integer_resize.weights_of_all(attributes, values.shape)
    with torch.no_grad():
        wanted = Resize(size, mode=mode, corners=corners)(torch.from_numpy(values).double()).numpy()
    assert np.abs(found - wanted).max() < 1e-9


def test_that_the_screen_computes_what_the_reference_computes() -> None:
    over = TransposedConv(
        torch.zeros(4, 3, 2, 2), torch.zeros(4), stride=(2, 2), padding=(0, 0), output_padding=(0, 0), dilation=(1, 1)
    )
    image = [
        ("up", over, "x"),
        ("norm", nn.GroupNorm(2, 4), ""),
        ("other", Resize((6, 10), mode="linear", corners=False), ""),
        ("product", MatMul(), "up up"),
    ]
    for model in (network((3, 4, 4), image), cell("lstm"), cell("gru")):
        found = quantized(model)
        values = sample_input(found, count=12, seed=8)
        (wanted,) = run(lower(found), values.numpy())
        got = simulate(found)(values)
        assert isinstance(got, Tensor) and np.array_equal(got.numpy(), wanted)


def test_that_logarithms_of_shares_are_those_of_float64_however_many_there_are() -> None:
    for count in (2, 40, 700):
        values = torch.randn(6, count, generator=torch.Generator().manual_seed(count)) * 3
        model = quantized(network((count,), [("logs", nn.LogSoftmax(1), "x"), ("last", nn.Linear(count, 2), "")]))
        found, real = sums(model, "logs", values)
        wanted = F.log_softmax(torch.from_numpy(real).double(), dim=1).numpy()
        assert np.abs(found - wanted).max() < 1e-4


def test_that_numbers_of_rows_are_codes_themselves_and_name_their_rows() -> None:
    table = torch.linspace(-1, 1, 600).reshape(200, 3)
    model = network((4,), [("rows", Embedding(torch.zeros(200, 3)), "x"), ("last", nn.Linear(3, 2), "")])
    model.layer("rows").weight.data[:] = table
    numbers = torch.tensor([[0.0, 7.0, 131.0, 199.0]])
    data = dataset_of(torch.arange(200.0).reshape(50, 4))
    found = quantize(model, EIGHT, data)
    source = found.activation_quantizers["x"]
    assert (source.scale.item(), source.zero_point.item()) == (1.0, -128)
    (rows,) = (values for name, values in trace(found, numbers).items() if name == "rows")
    step = found.activation_quantizers["rows"].scale.item()
    assert float((rows[0] - table[numbers[0].long()]).abs().max()) <= step / 2 + 1e-6


def test_that_a_table_with_more_rows_than_codes_is_asked_in_float() -> None:
    model = network((4,), [("rows", Embedding(torch.zeros(300, 3)), "x"), ("last", nn.Linear(3, 2), "")])
    found = quantized(model)
    assert "x" not in found.activation_quantizers and "rows" in found.activation_quantizers
    graph = layer_graph(model)
    assert {"x", "rows"} - {name for name, bits in state_of(found, graph).tensor_bits.items() if bits < 32} == {"x"}
    assert tensor_bits(graph, EIGHT) == dict(state_of(found, graph).tensor_bits)
