"""The integer reference against onnxruntime, and the simulation against the reference."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from penjing.compression.integer import run, run_all
from penjing.compression.integer_graph import FloatNode, IntegerNode
from penjing.compression.lowering import lower
from penjing.compression.quantize import quantize
from penjing.compression.simulation import simulate, trace
from penjing.model.model import Model
from penjing.model.modules import Add, AddConstant, Clip, Concat, Divide, Mean, Multiply, MultiplyConstant, Subtract
from penjing.plan import Plan
from tests.support.calibration import quantized
from tests.support.networks import NETWORKS, network, sample_input
from tests.support.qdq import qdq_codes

COUNT = 12


def scaled_and_joined(seed: int = 0) -> Model:
    """Constants, subtraction, clips between branches, tables, 1-D pooling, softmax."""
    mean, spread = torch.tensor([0.5, -0.25, 0.1]).reshape(3, 1), torch.tensor([2.0, 0.0, -0.5]).reshape(3, 1)
    return network(
        (3, 20),
        [
            ("shift", AddConstant(mean), "x"),
            ("spread", MultiplyConstant(spread), ""),
            ("halved", MultiplyConstant(torch.tensor(0.5)), ""),
            ("a", nn.Conv1d(3, 4, 3, padding=1), "halved"),
            ("b", nn.Conv1d(3, 4, 1), "halved"),
            ("less", Subtract(), "a b"),
            ("clipped", Clip(-1.5, 2.5), ""),
            ("leaky", nn.LeakyReLU(0.1), "less"),
            ("join", Concat(1), "clipped leaky"),
            ("relu", nn.ReLU6(), ""),
            ("gelu", nn.GELU(), ""),
            ("pool", nn.AvgPool1d(3, stride=2, padding=1), ""),
            ("means", Mean((2,), keepdim=True), "pool"),
            ("tangent", nn.Tanh(), ""),
            ("gate", Multiply(), "pool tangent"),
            ("largest", nn.MaxPool1d(2), ""),
            ("drop", nn.Dropout(0.5), ""),
            ("flat", nn.Flatten(), ""),
            ("fc", nn.Linear(40, 6), ""),
            ("chances", nn.Softmax(dim=1), ""),
        ],
        seed=seed,
    )


EVERY = {**NETWORKS, "scaled and joined": scaled_and_joined}


def array(tensor: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return tensor.numpy()


@pytest.mark.parametrize("name", EVERY)
def test_that_onnxruntime_computes_the_same_codes_but_for_rare_ties(name: str) -> None:
    model = quantized(EVERY[name](0))
    graph, inputs = lower(model), array(sample_input(model, count=COUNT))
    wanted, found = qdq_codes(model, graph, inputs), run_all(graph, inputs)
    assert set(found) == set(wanted)
    for tensor, codes in wanted.items():
        difference = np.abs(codes.astype(np.int64) - found[tensor])
        assert difference.max() <= 1, tensor
        assert (difference > 0).mean() <= 1e-3, tensor


@pytest.mark.parametrize(("bits", "activation_bits"), [(8, 8), (4, 8), (8, 16), (16, 16), (16, 8)])
@pytest.mark.parametrize("name", EVERY)
def test_that_the_simulation_is_the_reference_bit_for_bit(name: str, bits: int, activation_bits: int) -> None:
    for seed in range(2):
        scheme = ("symmetric", "affine")[seed % 2]
        model = quantized(EVERY[name](seed), weight_bits=bits, activation_bits=activation_bits, scheme=scheme)
        graph, inputs = lower(model), sample_input(model, count=COUNT, seed=seed)
        found = simulate(model)(inputs)
        assert isinstance(found, Tensor)
        (wanted,) = run(graph, array(inputs))
        assert np.array_equal(array(found), wanted)
        tensors = run_all(graph, array(inputs))
        for tensor, values in trace(model, inputs).items():
            codes = graph.codes[tensor]
            assert np.array_equal(array(values), codes.decode(tensors[tensor] - codes.zero_point)), tensor


@pytest.mark.parametrize("name", EVERY)
def test_that_activations_of_four_bits_agree_and_stay_within_sixteen_codes(name: str) -> None:
    model = quantized(EVERY[name](0), activation_bits=4)
    graph, inputs = lower(model), sample_input(model, count=COUNT)
    tensors = run_all(graph, array(inputs))
    assert all(tensors[name].min() >= -8 and tensors[name].max() <= 7 for name in graph.codes)
    found = simulate(model)(inputs)
    assert isinstance(found, Tensor)
    assert np.array_equal(array(found), run(graph, array(inputs))[0])


@pytest.mark.parametrize("weight_bits", [8, 16])
@pytest.mark.parametrize("name", EVERY)
def test_that_codes_of_sixteen_bits_are_those_that_float64_gives(name: str, weight_bits: int) -> None:
    # torch's own layers in float64, each on the real values of the codes that the integers gave it
    model = quantized(EVERY[name](0), weight_bits=weight_bits, activation_bits=16)
    graph = lower(model)
    tensors = run_all(graph, array(sample_input(model, count=COUNT)))
    assert any(np.abs(tensors[name]).max() > 255 for name in graph.codes)

    def real(name: str) -> Tensor:
        codes = graph.codes[name]
        return torch.from_numpy((tensors[name] - codes.zero_point) * np.float64(codes.scale))

    for node in graph.nodes:
        if not isinstance(node, IntegerNode):
            continue
        values = [real(feed) for feed in node.inputs]
        for layer in node.layers:
            values = [copy.deepcopy(model.layer(layer)).double()(*values)]
        wanted = np.rint(values[0].numpy() / np.float64(node.output.scale)) + node.output.zero_point
        codes = np.clip(wanted, -(2**15), 2**15 - 1)
        apart = np.abs(codes - tensors[node.name])
        assert apart.max() <= 1 and (apart > 0).mean() <= 0.02, node.name


def test_that_mixed_networks_agree_where_they_are_quantized_and_where_they_are_not() -> None:
    plan = Plan().with_defaults(weight_bits=8, activation_bits=8)
    plan = plan.with_layer("a2", weight_bits=32).with_layer("b1", activation_bits=32)
    model = quantize(NETWORKS["residual"](0), plan, None)
    graph = lower(model)
    assert {type(node) for node in graph.nodes} == {IntegerNode, FloatNode}
    inputs = sample_input(model, count=COUNT)
    (wanted,) = run(graph, array(inputs))
    found = simulate(model)(inputs)
    assert isinstance(found, Tensor)
    assert np.array_equal(array(found), wanted)


def test_that_a_float_island_computes_in_float() -> None:
    nodes = [("fc", nn.Linear(4, 4), ""), ("sigmoid", nn.Sigmoid(), ""), ("divide", Divide(), "fc sigmoid")]
    model = quantized(network((4,), nodes))
    graph, inputs = lower(model), sample_input(model, count=COUNT)
    tensors = run_all(graph, array(inputs))
    real = {name: graph.codes[name].decode(tensors[name] - graph.codes[name].zero_point) for name in graph.codes}
    codes = graph.codes["divide"]
    quotient = real["fc"] / real["sigmoid"]
    wanted = np.clip(np.rint(quotient / codes.scale), codes.low, codes.high) + codes.zero_point
    assert np.array_equal(tensors["divide"], wanted)


@pytest.mark.parametrize("name", EVERY)
def test_that_eight_bits_stay_near_the_float_network(name: str) -> None:
    model = EVERY[name](0)
    inputs = sample_input(model, count=48, seed=2)  # what it is calibrated on
    wanted, found = model(inputs), simulate(quantized(model))(inputs)
    assert isinstance(found, Tensor) and isinstance(wanted, Tensor)
    assert float((found - wanted).square().mean().sqrt()) <= 0.06 * float(wanted.square().mean().sqrt())


def test_that_sums_beyond_float32_are_exact() -> None:
    # 6 000 products of up to 127 · 255 pass 2^24, where float32 has no odd integers.
    model = network((6000,), [("fc", nn.Linear(6000, 8), "")])
    for _, module, _ in model.layers():
        module.weight.data = module.weight.data.abs()  # type: ignore[operator, union-attr]
    calibrated = quantized(model)
    graph = lower(calibrated)
    node = graph.by_layer["fc"]
    assert isinstance(node, IntegerNode) and node.bound > 2**24
    inputs = sample_input(model, count=COUNT).abs() * 3
    found = simulate(calibrated)(inputs)
    assert isinstance(found, Tensor)
    assert np.array_equal(array(found), run(graph, array(inputs))[0])


def test_that_a_dead_network_is_quantized_without_dividing_by_zero() -> None:
    model = NETWORKS["plain"](0)
    for name, module, _ in model.layers():
        if name in {"conv1", "conv2"}:
            module.weight.data.zero_()  # type: ignore[operator, union-attr]
    model.layer("bn2").weight.data.zero_()  # type: ignore[operator, union-attr]
    model.layer("bn2").bias.data.zero_()  # type: ignore[operator, union-attr]
    calibrated = quantized(model)
    inputs = sample_input(model, count=COUNT)
    found, wanted = simulate(calibrated)(inputs), model(inputs)
    assert isinstance(found, Tensor) and isinstance(wanted, Tensor)
    assert np.array_equal(array(found), run(lower(calibrated), array(inputs))[0])
    torch.testing.assert_close(found, wanted, atol=0.02 * float(wanted.abs().max()), rtol=0)


def test_that_double_rounding_is_at_most_a_step_away_from_single_in_one_layer() -> None:
    model = quantized(network((3, 8, 8), [("conv", nn.Conv2d(3, 8, 3), ""), ("relu", nn.ReLU(), "")]))
    graph, inputs = lower(model), array(sample_input(model, count=COUNT))
    single, double = run_all(graph, inputs)["relu"], run_all(graph, inputs, rounding="double")["relu"]
    difference = np.abs(single - double)
    assert difference.max() <= 1 and (difference > 0).mean() < 0.01


def test_that_several_outputs_come_as_a_tuple() -> None:
    nodes = [("fc", nn.Linear(3, 3), ""), ("relu", nn.ReLU(), ""), ("add", Add(), "fc relu")]
    model = quantized(network((3,), nodes, outputs="add relu"))
    inputs = sample_input(model, count=COUNT)
    found, wanted = simulate(model)(inputs), run(lower(model), array(inputs))
    assert isinstance(found, tuple)
    for one, other in zip(found, wanted, strict=True):
        assert np.array_equal(array(one), other)


def test_that_without_quantized_activations_the_simulation_is_the_float_network() -> None:
    model = quantized(NETWORKS["plain"](0), weight_bits=4, activation_bits=32)
    assert simulate(model) is model
