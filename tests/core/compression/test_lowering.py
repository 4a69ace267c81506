"""The integer graph against the arithmetic it stands for."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

from penjing.compression.integer_graph import FloatNode, IntegerGraph, IntegerNode
from penjing.compression.lowering import lower
from penjing.compression.quantize import quantize
from penjing.model.modules import Add, Divide
from penjing.plan import Plan
from tests.support.calibration import quantized
from tests.support.networks import NETWORKS, network


def node(graph: IntegerGraph, layer: str) -> IntegerNode:
    found = graph.by_layer[layer]
    assert isinstance(found, IntegerNode)
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_that_a_wholly_quantized_network_is_integers_from_end_to_end(name: str) -> None:
    graph = lower(quantized(NETWORKS[name](0)))
    floating = {node.kind for node in graph.nodes if isinstance(node, FloatNode)}
    assert floating <= {"prelu"}  # what has no integer kernel
    assert graph.is_integer == (not floating)
    assert {output.layer for output in graph.outputs} <= set(graph.codes)
    assert all(node.name in graph.codes for node in graph.nodes)


def test_that_a_relu_is_fused_into_the_layer_before_it() -> None:
    graph = lower(quantized(NETWORKS["depthwise"](0)))
    fused = node(graph, "relu")
    assert (fused.name, fused.layers, fused.kind) == ("relu", ("conv", "relu"), "conv")
    assert fused is graph.by_layer["conv"]
    codes = graph.codes["relu"]
    # ReLU6: from real 0 to the code of 6, or the last code where the range ends below 6.
    assert (fused.low, fused.high) == (0, min(codes.high, round(6 / float(codes.scale))))


def test_that_bias_and_multiplier_are_those_of_jacob_et_al() -> None:
    model = quantized(NETWORKS["plain"](0))
    graph = lower(model)
    conv = node(graph, "conv2")
    assert conv.weight is not None and conv.bias is not None
    assert conv.multiplier is not None and conv.shift is not None
    source = np.float64(graph.codes["pool1"].scale)
    unit = source * model.weight_quantizers["conv2"].scale.double().numpy()
    bias = model.layer("conv2").bias.detach().double().numpy()  # type: ignore[union-attr]
    assert np.abs(conv.bias - bias / unit).max() <= 0.5 + 1e-3
    factors = unit / np.float64(graph.codes["relu2"].scale)
    found = np.ldexp(conv.multiplier.astype(np.float64), -conv.shift).ravel()
    np.testing.assert_allclose(found, factors, rtol=2e-7)
    assert conv.multiplier.shape == (12, 1, 1)
    assert bool(((conv.multiplier >= 2**30) & (conv.multiplier < 2**31)).all())
    weight = model.weight_quantizers["conv2"].scale.reshape(-1, 1, 1, 1) * torch.from_numpy(conv.weight.codes)
    assert torch.equal(weight.float(), model.weight("conv2"))


def test_that_the_bound_is_the_largest_sum_that_inputs_can_make() -> None:
    model = network((2,), [("fc", nn.Linear(2, 2), "")])
    graph = lower(quantized(model))
    fc, codes = node(graph, "fc"), graph.codes["x"]
    assert fc.weight is not None and fc.bias is not None
    largest = 0
    for row, offset in zip(fc.weight.centred.tolist(), fc.bias.tolist(), strict=True):
        for first in (0, codes.low, codes.high):
            for second in (0, codes.low, codes.high):
                for added in (0, offset):
                    largest = max(largest, abs(row[0] * first + row[1] * second + added))
    assert fc.bound == largest


def test_that_summed_inputs_are_brought_to_one_scale_by_integers() -> None:
    model = quantized(network((3,), [("fc", nn.Linear(3, 3), ""), ("add", Add(), "fc x")]))
    graph = lower(model)
    add = node(graph, "add")
    assert add.shift is not None
    for name, factor in zip(add.inputs, add.input_multipliers, strict=True):
        wanted = Fraction(float(graph.codes[name].scale)) / Fraction(float(graph.codes["add"].scale))
        assert abs(Fraction(factor, 2 ** int(add.shift)) / wanted - 1) < Fraction(1, 2**28)


def test_that_a_batch_norm_that_cannot_be_folded_is_a_scale_a_channel_without_loss() -> None:
    model = quantized(NETWORKS["concat"](0))
    norm, row = node(lower(model), "bn"), model.layer("bn")
    assert isinstance(row, nn.BatchNorm2d) and row.running_var is not None
    assert norm.weight is not None and norm.layers == ("bn", "relu")
    factor = row.weight.detach() / torch.sqrt(row.running_var + row.eps)
    np.testing.assert_allclose(norm.weight.codes * norm.weight.scale, factor.numpy(), rtol=4e-6)
    assert np.abs(norm.weight.codes).max() < 2**20  # times 2^8 codes and a bias below 2^30: within int32


def test_that_a_scale_of_almost_zero_with_a_large_offset_keeps_its_offset() -> None:
    nodes = [("conv", nn.Conv2d(2, 2, 1), ""), ("pool", nn.MaxPool2d(2), ""), ("bn", nn.BatchNorm2d(2), "")]
    model = network((2, 4, 4), nodes)
    norm = model.layer("bn")
    assert isinstance(norm, nn.BatchNorm2d)
    norm.weight.data[:], norm.bias.data[:] = torch.tensor([1e-12, 0.0]), torch.tensor([3.0, -5.0])
    model = quantized(model)
    lowered = node(lower(model), "bn")
    assert lowered.weight is not None and lowered.bias is not None
    real = lowered.bias * (lower(model).codes["pool"].scale.astype(np.float64) * lowered.weight.scale)
    np.testing.assert_allclose(real, [3.0, -5.0], rtol=1e-5)
    assert lowered.bound < 2**31


def test_that_what_has_no_integer_form_is_a_float_island() -> None:
    model = network(
        (4,),
        [
            ("fc1", nn.Linear(4, 4), ""),
            ("sigmoid", nn.Sigmoid(), ""),
            ("divide", Divide(), "fc1 sigmoid"),
            ("fc2", nn.Linear(4, 2), ""),
        ],
    )
    graph = lower(quantized(model))
    assert isinstance(graph.by_layer["divide"], FloatNode)
    assert graph.by_layer["divide"].output == graph.codes["divide"]
    assert isinstance(graph.by_layer["fc2"], IntegerNode)
    assert not graph.is_integer


def test_that_a_layer_with_float_weights_or_float_inputs_is_float() -> None:
    plan = Plan().with_defaults(weight_bits=8, activation_bits=8)
    plan = plan.with_layer("conv2", weight_bits=32).with_layer("conv1", activation_bits=32)
    graph = lower(quantize(NETWORKS["plain"](0), plan, None))
    kinds = {node.name: isinstance(node, IntegerNode) for node in graph.nodes}
    assert kinds == {
        "conv1": False,
        "relu1": False,
        "pool1": False,
        "conv2": False,
        "relu2": False,
        "flat": True,
        "relu3": True,
        "fc2": True,
    }
    assert "x" not in graph.codes and "relu2" in graph.codes


def test_that_sums_beyond_int32_are_int64_where_codes_have_16_bits_and_float_beyond_2_to_the_44() -> None:
    model = network((4000,), [("fc", nn.Linear(4000, 2), "")])
    wide, narrow = lower(quantized(model, weight_bits=16)).by_layer["fc"], lower(quantized(model)).by_layer["fc"]
    assert isinstance(wide, IntegerNode) and wide.is_wide and wide.bound > 2**31
    assert isinstance(narrow, IntegerNode) and not narrow.is_wide
    huge = network((40_000,), [("fc", nn.Linear(40_000, 1), "")])
    huge.layer("fc").weight.data.fill_(1.0)  # type: ignore[operator, union-attr]
    # 40 000 products of 2^15 - 1 and codes of which the larger side has at least 2^15 - 1 steps
    both = quantized(huge, weight_bits=16, activation_bits=16)
    assert isinstance(lower(both).by_layer["fc"], FloatNode)


def test_that_a_network_without_quantizers_is_float_nodes() -> None:
    graph = lower(NETWORKS["residual"](0))
    assert all(isinstance(node, FloatNode) for node in graph.nodes)
    assert graph.codes == {}
