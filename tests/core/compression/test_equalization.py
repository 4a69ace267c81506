"""Equalization changes ranges, not the function."""

import pytest
import torch
from torch import Tensor, nn

from penjing.compression.equalization import equalize
from penjing.compression.folding import fold_batch_norm
from penjing.compression.quantize import quantize
from penjing.plan import Plan
from tests.support.calibration import dataset_of
from tests.support.networks import NETWORKS, network, sample_input

EVERYTHING = {"first", "second", "dw"}


def test_that_both_ranges_become_the_root_of_their_product() -> None:
    model = network((2,), [("first", nn.Linear(2, 2), ""), ("relu", nn.ReLU(), ""), ("second", nn.Linear(2, 1), "")])
    first, second = model.layer("first"), model.layer("second")
    assert isinstance(first, nn.Linear) and isinstance(second, nn.Linear)
    first.weight.data[:] = torch.tensor([[1.0, -0.5], [0.25, 4.0]])
    first.bias.data[:] = torch.tensor([1.0, 1.0])
    second.weight.data[:] = torch.tensor([[4.0, 1.0]])
    result = equalize(model, EVERYTHING)
    # ranges 1 and 4 before, 4 and 1 behind: s = √4/4 = ½ and √4/1 = 2
    torch.testing.assert_close(result.weight("first"), torch.tensor([[2.0, -1.0], [0.125, 2.0]]))
    torch.testing.assert_close(result.layer("first").get_parameter("bias").data, torch.tensor([2.0, 0.5]))
    torch.testing.assert_close(result.weight("second"), torch.tensor([[2.0, 2.0]]))


@pytest.mark.parametrize("name", NETWORKS)
def test_that_an_equalized_network_computes_the_same(name: str) -> None:
    model = fold_batch_norm(NETWORKS[name](0))
    result = equalize(model, {layer for layer, _, _ in model.layers()})
    inputs, wanted = sample_input(model), model(sample_input(model))
    assert isinstance(wanted, Tensor)
    torch.testing.assert_close(result(inputs), wanted, rtol=1e-4, atol=1e-5 * float(wanted.abs().max()))


def test_that_ranges_are_alike_through_depthwise_layers_pooling_and_flattening() -> None:
    nodes = [
        ("first", nn.Conv2d(3, 4, 1), ""),
        ("relu", nn.ReLU(), ""),
        ("dw", nn.Conv2d(4, 4, 3, groups=4), ""),
        ("pool", nn.MaxPool2d(2), ""),
        ("flat", nn.Flatten(), ""),
        ("second", nn.Linear(16, 2), ""),
    ]
    model = network((3, 6, 6), nodes)
    result = equalize(model, EVERYTHING)
    first = result.weight("first").abs().flatten(1).amax(dim=1)
    middle = result.weight("dw").abs().flatten(1).amax(dim=1)
    last = result.weight("second").abs().reshape(2, 4, 4).amax(dim=(0, 2))
    torch.testing.assert_close(first, middle, rtol=5e-3, atol=0)
    torch.testing.assert_close(middle, last, rtol=5e-3, atol=0)
    assert not torch.allclose(model.weight("dw"), result.weight("dw"))


def test_that_nothing_moves_through_what_does_not_keep_factors_or_into_layers_that_did_not_ask() -> None:
    bounded = network((2,), [("first", nn.Linear(2, 2), ""), ("relu", nn.ReLU6(), ""), ("second", nn.Linear(2, 1), "")])
    assert equalize(bounded, EVERYTHING) is bounded
    plain = network((2,), [("first", nn.Linear(2, 2), ""), ("relu", nn.ReLU(), ""), ("second", nn.Linear(2, 1), "")])
    assert equalize(plain, {"first"}) is plain


def test_that_a_dead_channel_is_left_alone() -> None:
    model = network((2,), [("first", nn.Linear(2, 2), ""), ("second", nn.Linear(2, 1), "")])
    model.layer("first").get_parameter("weight").data[0] = 0
    result = equalize(model, EVERYTHING)
    assert bool(torch.isfinite(result.weight("second")).all())
    assert result.weight("second")[0, 0] == model.weight("second")[0, 0]


def test_that_weights_of_unlike_ranges_survive_one_scale_per_tensor() -> None:
    model = network(
        (3, 6, 6),
        [
            ("first", nn.Conv2d(3, 8, 1), ""),
            ("relu", nn.ReLU(), ""),
            ("dw", nn.Conv2d(8, 8, 3, groups=8), ""),
            ("second", nn.Conv2d(8, 4, 1), ""),
        ],
    )
    spread = torch.logspace(-2, 2, 8).reshape(-1, 1, 1, 1)
    model.layer("first").get_parameter("weight").data.mul_(spread)
    model.layer("first").get_parameter("bias").data.mul_(spread.flatten())
    model.layer("dw").get_parameter("weight").data.div_(spread)
    inputs, wanted = sample_input(model, count=64), model(sample_input(model, count=64))
    assert isinstance(wanted, Tensor)
    errors = []
    for chosen in (True, False):
        plan = Plan().with_defaults(weight_bits=8, granularity="per_tensor", equalize=chosen)
        found = quantize(model, plan, dataset_of(inputs))(inputs)
        assert isinstance(found, Tensor)
        errors.append(float((found - wanted).square().mean()))
    assert errors[0] < 0.01 * errors[1]
