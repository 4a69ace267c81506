"""Batch-norm statistics after a compression."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from penjing.compression.batch_norm import reestimate
from penjing.compression.prune import prune
from penjing.inspection.graph import layer_graph
from penjing.model.model import Model
from penjing.plan import Plan, Settings
from tests.support.few_data import few_data
from tests.support.networks import network, plain, residual, signal


def norms(model: Model) -> dict[str, nn.BatchNorm2d]:
    return {name: module for name, module, _ in model.layers() if name.startswith("bn")}  # type: ignore[misc]


def test_that_the_statistics_become_those_of_what_flows_in() -> None:
    model = residual()
    data = few_data((3, 8, 8), 40)
    result = reestimate(model, data)
    flowing = _inputs(result, data.batch(data.train, np.arange(40)))
    for name, norm in norms(result).items():
        values = flowing[name].double().transpose(0, 1).flatten(1)
        assert torch.allclose(norm.running_mean.double(), values.mean(dim=1), atol=1e-5)
        assert torch.allclose(norm.running_var.double(), values.var(dim=1), rtol=1e-4)
    assert not torch.allclose(norms(model)["bn0"].running_mean, norms(result)["bn0"].running_mean)


def test_that_torchs_own_cumulative_average_agrees() -> None:
    model = network((3, 8, 8), [("conv", nn.Conv2d(3, 5, 3), ""), ("bn", nn.BatchNorm2d(5), "")])
    data = few_data((3, 8, 8), 32)
    twin = model.copy()
    norm = twin.layer("bn").train()
    norm.momentum = None  # type: ignore[assignment]
    norm.reset_running_stats()  # type: ignore[operator]
    twin(data.batch(data.train, np.arange(32)))
    result = reestimate(model, data).layer("bn")
    assert torch.allclose(result.running_mean, norm.running_mean, atol=1e-6)  # type: ignore[arg-type]
    assert torch.allclose(result.running_var, norm.running_var, rtol=1e-5)  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [plain, residual, signal])
def test_that_an_unchanged_network_keeps_its_statistics_under_the_differential_method(make: object) -> None:
    model: Model = make()  # type: ignore[operator]
    data = few_data(model.inputs[0].shape[1:], 16)
    result = reestimate(model, data, method="differential", reference=model)
    for name, norm in norms(result).items():
        assert torch.allclose(norm.running_mean, norms(model)[name].running_mean, atol=1e-6)
        assert torch.allclose(norm.running_var, norms(model)[name].running_var, rtol=1e-5)


def test_that_the_differential_method_shifts_by_the_change() -> None:
    # y = w x + b with w halved and b moved by 3: the mean moves by E[y'] - E[y], the variance shrinks to a quarter.
    model = network((2,), [("fc", nn.Linear(2, 4), ""), ("bn", nn.BatchNorm1d(4), "")])
    data = few_data((2,), 30)
    changed = model.copy()
    fc = changed.layer("fc")
    fc.weight.data.mul_(0.5)  # type: ignore[union-attr,operator]
    fc.bias.data.add_(3)  # type: ignore[union-attr,operator]
    result = reestimate(changed, data, method="differential", reference=model).layer("bn")
    values = data.batch(data.train, np.arange(30)).double()
    moved = (-0.5 * values @ model.weight("fc").double().T + 3).mean(dim=0)
    stored = model.layer("bn")
    assert torch.allclose(result.running_mean.double(), stored.running_mean.double() + moved, atol=1e-5)  # type: ignore[union-attr,operator]
    assert torch.allclose(result.running_var, stored.running_var / 4, rtol=1e-4)  # type: ignore[arg-type,operator]


def test_that_the_differential_method_finds_the_channels_that_a_cut_left() -> None:
    model = plain()
    data = few_data((3, 8, 8), 30)
    # Filters that are 0 change nothing when they go, once what they sent on is gone too.
    for name in ("conv1", "bn1"):
        model.layer(name).weight.data[[1, 4]] = 0  # type: ignore[union-attr,index,operator]
        model.layer(name).bias.data[[1, 4]] = 0  # type: ignore[union-attr,index,operator]
    small = prune(model, layer_graph(model), Plan().with_layer("conv1", filters=0.25)).model
    result = reestimate(small, data, method="differential", reference=model)
    for name, norm in norms(result).items():
        assert torch.allclose(norm.running_mean, norms(small)[name].running_mean, atol=1e-5), name
        assert torch.allclose(norm.running_var, norms(small)[name].running_var, rtol=1e-4), name


def test_that_the_model_given_stays_as_it_is_and_no_labels_are_needed() -> None:
    model, data = plain(), few_data((3, 8, 8), 20, labels=False)
    before = {key: value.clone() for key, value in model.module.state_dict().items()}
    reestimate(model, data)
    assert all(torch.equal(before[key], value) for key, value in model.module.state_dict().items())


def test_that_a_network_without_batch_norm_is_returned_as_it_is() -> None:
    model = network((3,), [("fc", nn.Linear(3, 2), "")])
    assert reestimate(model, few_data((3,), 4)) is model


def test_that_reestimation_repairs_a_sparse_network() -> None:
    model = residual(2)
    data = few_data((3, 8, 8), 200)
    model = reestimate(model, data)  # statistics that fit the network, as training leaves them
    sparse = prune(model, layer_graph(model), Plan(defaults=Settings(sparsity=0.6))).model
    values = data.batch(data.train, np.arange(200))
    target = model(values)
    assert isinstance(target, Tensor)
    errors = [float((net(values) - target).square().mean()) for net in (sparse, reestimate(sparse, data))]  # type: ignore[operator]
    assert errors[1] < errors[0]


def _inputs(model: Model, values: Tensor) -> dict[str, Tensor]:
    found, results = {}, {"x": values}
    with torch.no_grad():
        for name, module, feeds in model.layers():
            found[name] = results[feeds[0]]
            results[name] = module(*(results[feed] for feed in feeds))
    return found
