"""Folding batch norm changes the nodes, not the function."""

import dataclasses

import pytest
import torch
from torch import nn

from penjing.compression.folding import fold_batch_norm
from penjing.compression.quantizers import weight_quantizer
from penjing.model.model import Model
from penjing.model.modules import Add
from tests.support.networks import NETWORKS, network, sample_input


def kinds(model: Model) -> dict[str, str]:
    return {name: type(module).__name__ for name, module, _ in model.layers()}


@pytest.mark.parametrize("name", NETWORKS)
def test_that_a_folded_network_computes_the_same(name: str) -> None:
    model = NETWORKS[name](0)
    folded = fold_batch_norm(model)
    inputs = sample_input(model)
    wanted = model.copy().module.double()(inputs.double())
    torch.testing.assert_close(folded(inputs).double(), wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))
    assert folded.inputs == model.inputs
    assert [output.source_name for output in folded.outputs] == [output.source_name for output in model.outputs]


def test_that_the_folded_weight_is_w_gamma_over_root_of_variance_plus_epsilon() -> None:
    model = network((1, 1, 1), [("conv", nn.Conv2d(1, 2, 1), ""), ("bn", nn.BatchNorm2d(2, eps=0.01), "")])
    conv, norm = model.layer("conv"), model.layer("bn")
    assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
    conv.weight.data[:] = torch.tensor([2.0, 3.0]).reshape(2, 1, 1, 1)
    assert conv.bias is not None and norm.running_mean is not None and norm.running_var is not None
    conv.bias.data[:] = torch.tensor([1.0, 0.0])
    norm.weight.data[:], norm.bias.data[:] = torch.tensor([0.5, -1.0]), torch.tensor([0.25, 4.0])
    norm.running_mean[:], norm.running_var[:] = torch.tensor([3.0, 1.0]), torch.tensor([0.24, 3.99])
    folded = fold_batch_norm(model)
    assert kinds(folded) == {"conv": "Conv2d"}
    # factors 0.5 / 0.5 = 1 and -1 / 2 = -0.5; biases (1 - 3) · 1 + 0.25 and (0 - 1) · -0.5 + 4
    torch.testing.assert_close(folded.weight("conv").flatten(), torch.tensor([2.0, -1.5]))
    torch.testing.assert_close(folded.layer("conv").bias.data, torch.tensor([-1.75, 4.5]))  # type: ignore[union-attr]


def test_that_batch_norm_stays_where_its_input_is_no_layer_of_its_own() -> None:
    assert "bn" in kinds(fold_batch_norm(NETWORKS["concat"](0)))
    shared = network(
        (3, 4, 4),
        [
            ("conv", nn.Conv2d(3, 3, 1), ""),
            ("bn", nn.BatchNorm2d(3), ""),
            ("add", Add(), "bn conv"),
            ("first", nn.BatchNorm2d(3), ""),
        ],
    )
    assert set(kinds(fold_batch_norm(shared))) == {"conv", "bn", "add", "first"}


def test_that_a_linear_layer_over_sequences_keeps_the_batch_norm_over_its_positions() -> None:
    model = network((5, 6), [("fc", nn.Linear(6, 7), ""), ("bn", nn.BatchNorm1d(5), "")])
    folded = fold_batch_norm(model)
    assert "bn" in kinds(folded)


def test_that_masks_survive_and_masked_weights_stay_zero() -> None:
    model = NETWORKS["plain"](0)
    mask = torch.ones_like(model.weight("conv2"), dtype=torch.bool)
    mask[:, ::2] = False
    module = model.copy().layer("conv2")
    module.weight.data *= mask  # type: ignore[operator]
    masked = dataclasses.replace(model.replace_layers({"conv2": module}), masks={"conv2": mask})
    folded = fold_batch_norm(masked)
    assert torch.equal(folded.masks["conv2"], mask)
    assert not bool(folded.weight("conv2")[~mask].any())


@pytest.mark.parametrize("granularity", ["per_tensor", "per_channel"])
def test_that_a_weight_on_a_grid_is_folded_onto_a_grid_with_the_same_codes(granularity: str) -> None:
    model = NETWORKS["plain"](0)
    module = model.copy().layer("conv2")
    quantizer = weight_quantizer(model.weight("conv2"), bits=4, scheme="symmetric", granularity=granularity)
    codes = quantizer.encode(model.weight("conv2"))
    module.weight.data = quantizer.decode(codes)
    model.layer("bn2").weight.data[0] *= -1  # type: ignore[operator, union-attr]
    quantized = dataclasses.replace(model.replace_layers({"conv2": module}), weight_quantizers={"conv2": quantizer})
    folded = fold_batch_norm(quantized)
    found = folded.weight_quantizers["conv2"]
    assert torch.equal(found.encode(folded.weight("conv2"))[1:], codes[1:])
    assert torch.equal(found.encode(folded.weight("conv2"))[0], -codes[0])
    torch.testing.assert_close(found.on_grid(folded.weight("conv2")), folded.weight("conv2"), rtol=1e-6, atol=0)


def test_that_the_callers_model_is_untouched() -> None:
    model = NETWORKS["residual"](0)
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    fold_batch_norm(model)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.module.state_dict().items())
