"""Where a network looks: gradients by finite differences, Grad-CAM by the formula of its paper."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from penjing.catalogue.methods import methods
from penjing.compression.simulation import simulate
from penjing.errors import UserError
from penjing.inspection.input_saliency import METHODS, input_saliency
from penjing.model.model import Model
from penjing.model.modules import Add, Embedding, GlobalAveragePool, Transpose
from tests.support.calibration import quantized
from tests.support.networks import NETWORKS, network, plain, sample_input, signal


def smooth() -> Model:
    """A residual network without corners, so that finite differences converge."""
    nodes = [
        ("conv", nn.Conv2d(2, 3, 3, padding=1), ""),
        ("bn", nn.BatchNorm2d(3), ""),
        ("act", nn.Tanh(), ""),
        ("conv2", nn.Conv2d(3, 3, 1), ""),
        ("add", Add(), "conv2 act"),
        ("sig", nn.Sigmoid(), ""),
        ("gap", GlobalAveragePool(keepdim=False), ""),
        ("fc", nn.Linear(3, 4), ""),
    ]
    return network((2, 5, 4), nodes)


def differences(model: Model, sample: Tensor, target: int) -> NDArray[np.float64]:
    """∂z_c/∂x of every element by central differences in float64."""
    module = model.copy().module.double()
    x = sample.double()
    found = np.empty(sample.numel())
    with torch.no_grad():
        for place in range(sample.numel()):
            step = torch.zeros(sample.numel(), dtype=torch.float64)
            step[place] = 1e-5
            up, down = (module(x + sign * step.reshape(x.shape))[0, target] for sign in (1, -1))
            found[place] = (up - down) / 2e-5
    return found.reshape(sample.shape)


def test_that_the_methods_are_those_of_the_catalogue() -> None:
    assert set(METHODS) == set(methods("input_saliency"))


@pytest.mark.parametrize("target", [0, 3])
def test_that_gradient_times_input_is_x_times_the_slope_of_the_score(target: int) -> None:
    model, sample = smooth(), torch.randn(1, 2, 5, 4, generator=torch.Generator().manual_seed(3))
    found = input_saliency(model, sample, method="gradient_input", target=target)
    expected = (sample.double().numpy() * differences(model, sample, target))[0].sum(axis=0)
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-6)
    assert found.target == target and found.chosen == int(model(sample).argmax())


def cam(weights: Tensor, maps: Tensor) -> NDArray[Any]:
    """Behind global average pooling and one linear layer Grad-CAM is CAM over the positions: ReLU(Σ_k w_k A^k) / n."""
    weighed = torch.einsum("k,kp->p", weights, maps.flatten(1)).reshape(maps.shape[1:])
    found: NDArray[Any] = (weighed.relu() / weighed.numel()).numpy()
    return found


def test_that_grad_cam_behind_average_pooling_is_the_class_activation_map() -> None:
    nodes = [
        ("conv", nn.Conv2d(2, 6, 3, padding=1), ""),
        ("bn", nn.BatchNorm2d(6), ""),
        ("relu", nn.ReLU(), ""),
        ("gap", GlobalAveragePool(keepdim=False), ""),
        ("fc", nn.Linear(6, 4), ""),
    ]
    model, sample = network((2, 5, 4), nodes), torch.randn(1, 2, 5, 4, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        maps = F.relu(model.layer("bn")(model.layer("conv")(sample)))[0]
    for target in range(4):
        found = input_saliency(model, sample, method="grad_cam", target=target)
        assert found.layer == "relu"
        np.testing.assert_allclose(found.values, cam(model.weight("fc")[target], maps), rtol=1e-4, atol=1e-7)


def test_that_grad_cam_of_a_signal_is_stretched_to_its_length() -> None:
    nodes = [
        ("conv", nn.Conv1d(3, 5, 4, stride=4), ""),
        ("relu", nn.ReLU(), ""),
        ("gap", GlobalAveragePool(keepdim=False), ""),
        ("fc", nn.Linear(5, 3), ""),
    ]
    model, sample = network((3, 32), nodes), torch.randn(1, 3, 32, generator=torch.Generator().manual_seed(3))
    found = input_saliency(model, sample, method="grad_cam", target=1)
    with torch.no_grad():
        short = cam(model.weight("fc")[1], F.relu(model.layer("conv")(sample))[0])
    # Position i of 8 stands in the middle of its four samples; outside of the outer middles it stays constant.
    expected = np.interp(np.arange(32), 4 * np.arange(8) + 1.5, short)
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-7)


def test_that_a_softmax_at_the_end_is_left_out() -> None:
    model = plain()
    nodes = [(name, module, "") for name, module, _ in model.layers()]
    ended = network((3, 8, 8), [*nodes, ("softmax", nn.Softmax(dim=1), "")])
    ended = ended.replace_layers({name: module for name, module, _ in model.layers()})
    sample = sample_input(model, count=1)
    for method in METHODS:
        plainly, softly = (input_saliency(one, sample, method=method) for one in (model, ended))
        np.testing.assert_array_equal(plainly.values, softly.values)
        assert plainly.score == softly.score
    assert softly.probability == pytest.approx(float(ended(sample)[0, softly.target]), rel=1e-5)


def by_torch(model: Model, sample: Tensor) -> Tensor:
    """The network with torch's own fake quantization, whose gradient is straight-through, behind quantized tensors."""

    def coded(name: str, values: Tensor) -> Tensor:
        found = model.activation_quantizers.get(name)
        if found is None:
            return values
        scale, zero_point = float(found.scale), int(found.zero_point)
        return torch.fake_quantize_per_tensor_affine(values, scale, zero_point, found.q_min, found.q_max)

    results = {"x": coded("x", sample)}
    for name, module, feeds in model.layers():
        results[name] = coded(name, module(*(results[feed] for feed in feeds)))
    return results[model.outputs[0].layer]


@pytest.mark.parametrize("name", NETWORKS)
def test_that_a_quantized_network_is_seen_as_it_answers(name: str) -> None:
    model = quantized(NETWORKS[name](0))
    sample = sample_input(model, count=1)
    found = input_saliency(model, sample, method="gradient_input")
    answer = simulate(model)(sample)
    assert isinstance(answer, Tensor)
    # Integers round what floats round but for rare ties, so that no score is a step or more away.
    step = float(model.activation_quantizers[model.outputs[0].layer].scale)
    assert found.score == pytest.approx(float(answer[0, found.target]), abs=1.5 * step)
    slope = torch.autograd.grad(by_torch(model, entry := sample.clone().requires_grad_())[0, found.target], entry)[0]
    expected = (entry * slope)[0].sum(dim=0).detach().numpy()
    np.testing.assert_allclose(found.values, expected, rtol=1e-3, atol=1e-5 * float(np.abs(expected).max()))


def test_that_what_a_range_cuts_off_has_no_gradient() -> None:
    model = quantized(signal())
    sample = sample_input(model, count=1)
    sample[0, :, 7] = 1e3  # far beyond what calibration saw
    assert input_saliency(model, sample, method="gradient_input").values[7] == 0
    assert input_saliency(signal(), sample, method="gradient_input").values[7] != 0


def test_that_an_input_without_positions_has_a_value_a_feature() -> None:
    model = network((6,), [("fc1", nn.Linear(6, 5), ""), ("relu", nn.ReLU(), ""), ("fc2", nn.Linear(5, 3), "")])
    sample = sample_input(model, count=1)
    assert input_saliency(model, sample, method="gradient_input").values.shape == (6,)
    with pytest.raises(UserError) as refused:
        input_saliency(model, sample, method="grad_cam")
    assert refused.value.code == "saliency.needs_positions"


def test_that_one_output_of_two_classes_speaks_for_and_against() -> None:
    """Of σ(z) as of z: what is for the second class is x · ∂z/∂x, for the first it is the opposite."""
    layers = [("fc1", nn.Linear(6, 5), ""), ("relu", nn.ReLU(), ""), ("fc2", nn.Linear(5, 1), "")]
    model = network((6,), layers)
    ended = network((6,), [*layers, ("chance", nn.Sigmoid(), "")]).replace_layers(
        {name: module for name, module, _ in model.layers()}
    )
    sample = sample_input(model, count=1)
    x = sample.clone().requires_grad_()
    z = model.module(x)
    (slope,) = torch.autograd.grad(z[0, 0], x)
    wanted = (sample * slope)[0].numpy()
    for one in (model, ended):
        second, first = (input_saliency(one, sample, method="gradient_input", target=target) for target in (1, 0))
        np.testing.assert_allclose(second.values, wanted, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(first.values, -wanted, rtol=1e-4, atol=1e-6)
        assert second.probability == pytest.approx(1 / (1 + np.exp(-z.item())), rel=1e-5)
        assert second.probability + first.probability == pytest.approx(1)
        assert first.chosen == second.chosen == int(z.item() > 0)


def test_that_the_error_of_what_is_given_back_is_explained() -> None:
    model = network((6,), [("fc1", nn.Linear(6, 3), ""), ("act", nn.Tanh(), ""), ("fc2", nn.Linear(3, 6), "")])
    sample = sample_input(model, count=1)
    found = input_saliency(model, sample, method="gradient_input", aim="error")
    module, x = model.copy().module.double(), sample.double()

    def error(values: Tensor) -> float:
        return float((module(values) - values).square().mean())

    assert found.score == pytest.approx(error(x), rel=1e-5)
    steps = 1e-5 * torch.eye(6, dtype=torch.float64)
    slopes = np.array([(error(x + step) - error(x - step)) / 2e-5 for step in steps])
    np.testing.assert_allclose(found.values, x[0].numpy() * slopes, rtol=1e-3, atol=1e-6)


def test_that_what_cannot_be_explained_is_said() -> None:
    positions = network((3, 8, 8), [("conv", nn.Conv2d(3, 4, 3), "")])
    endless = sample_input(plain(), count=1) * float("inf")
    for model, sample, target, code in (
        (positions, sample_input(positions, count=1), None, "saliency.needs_scores"),
        (plain(), sample_input(plain(), count=1), 4, "saliency.no_such_class"),
        (plain(), endless, None, "saliency.not_finite_input"),
    ):
        with pytest.raises(UserError) as refused:
            input_saliency(model, sample, method="gradient_input", target=target)
        assert refused.value.code == code
        assert code not in refused.value.message()


def test_that_a_number_that_is_not_answered_is_told() -> None:
    with pytest.raises(UserError) as refused:
        input_saliency(plain(), sample_input(plain(), count=1), method="gradient_input", target=4, aim="number")
    assert refused.value.code == "saliency.no_such_number" and "5" in refused.value.message()


def test_that_looking_leaves_the_network_alone() -> None:
    model = plain()
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    input_saliency(model, sample_input(model, count=1), method="grad_cam")
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.module.state_dict().items())
    assert all(parameter.grad is None for parameter in model.module.parameters())


def test_that_channels_may_stand_last() -> None:
    turned = Transpose((0, 3, 1, 2))
    nodes = [(name, module, "") for name, module, _ in plain().layers()]
    last = network((8, 8, 3), [("turn", turned, ""), *nodes])
    last = last.replace_layers({name: module for name, module, _ in plain().layers()})
    sample = sample_input(plain(), count=1)
    for method in METHODS:
        found = input_saliency(last, sample.permute(0, 2, 3, 1), method=method, channel_axis=-1)
        np.testing.assert_allclose(found.values, input_saliency(plain(), sample, method=method).values, rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_that_a_network_of_words_says_that_no_gradient_reaches_them(method: str) -> None:
    model = network(
        (7,), [("words", Embedding(torch.ones(20, 4)), ""), ("flat", nn.Flatten(), ""), ("fc", nn.Linear(28, 3), "")]
    )
    with pytest.raises(UserError) as refused:
        input_saliency(model, torch.arange(7.0)[None], method=method)
    assert refused.value.code == "saliency.no_gradient"
