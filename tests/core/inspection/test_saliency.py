"""Scores of weights and filters: golden numbers, and definitions recomputed by other means."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from penjing.catalogue.methods import methods
from penjing.errors import UserError
from penjing.inspection.criteria.evidence import Evidence
from penjing.inspection.criteria.registry import registry
from penjing.inspection.saliency import filter_errors_from, filter_scores, filter_scores_from, weight_scores
from penjing.loading.dataset import Dataset
from penjing.model.model import Model
from penjing.model.modules import Add, GlobalAveragePool
from tests.support.few_data import few_data
from tests.support.networks import NETWORKS, network, residual, signal

GOLDEN = [[0.2, -0.1, 0.5], [0.3, 0.7, -0.2], [-0.4, 0.1, 0.6]]
"""The weight of METHODS §5."""

NEED_DATA = ("activation", "apoz", "gradient", "curvature", "taylor", "taylor_activation", "obd", "obs")


def golden() -> Model:
    model = network((3,), [("fc", nn.Linear(3, 3), "")])
    model.layer("fc").weight.data = torch.tensor(GOLDEN)  # type: ignore[union-attr]
    return model


def tiny() -> Model:
    """Small enough for exact second derivatives, with tanh so that they are not constant, and a residual sum."""
    nodes = [
        ("conv", nn.Conv2d(2, 3, 3, padding=1), ""),
        ("bn", nn.BatchNorm2d(3), ""),
        ("act", nn.Tanh(), ""),
        ("conv2", nn.Conv2d(3, 3, 1), ""),
        ("add", Add(), "conv2 act"),
        ("relu", nn.ReLU(), ""),
        ("gap", GlobalAveragePool(keepdim=False), ""),
        ("fc", nn.Linear(3, 4), ""),
    ]
    return network((2, 3, 3), nodes)


def loss_from(model: Model, start: str, data: Dataset) -> "tuple[Tensor, object]":
    """(activation of `start`, function from it to each sample's loss), everything else held fixed."""
    values = data.batch(data.train, np.arange(len(data.train)))
    labels = torch.from_numpy(data.train.y)
    found = {"x": values}
    with torch.no_grad():
        for name, module, feeds in model.layers():
            found[name] = module(*(found[feed] for feed in feeds))
    names = [name for name, _, _ in model.layers()]
    after = names[names.index(start) + 1 :]

    def losses(activation: Tensor) -> Tensor:
        results = {**found, start: activation}
        for name, module, feeds in model.layers():
            if name in after:
                results[name] = module(*(results[feed] for feed in feeds))
        return F.cross_entropy(results[names[-1]], labels, reduction="none")

    return found[start], losses


def test_that_implementations_and_catalogue_are_the_same_set() -> None:
    for kind in ("criterion", "filter_criterion"):
        assert {id_ for where, id_ in registry() if where == kind} == set(methods(kind))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("criterion", "expected"),
    [
        ("l1", [0.8, 1.2, 1.1]),
        ("l2", [0.547723, 0.787401, 0.728011]),
        ("geometric_median", [1.708020, 2.288363, 1.860968]),
        ("magnitude", [0.8 / 3, 1.2 / 3, 1.1 / 3]),
    ],
)
def test_that_filter_scores_are_the_golden_ones(criterion: str, expected: list[float]) -> None:
    scores = filter_scores(golden(), "fc", criterion)
    assert scores.dtype == torch.float32
    assert scores.tolist() == pytest.approx(expected, abs=1e-6)


def test_that_the_score_of_a_weight_is_its_magnitude() -> None:
    assert torch.equal(weight_scores(golden(), "fc", "magnitude"), torch.tensor(GOLDEN).abs())


@pytest.mark.parametrize("criterion", ["l1", "l2", "geometric_median"])
def test_that_a_filter_criterion_gives_a_weight_its_filters_score(criterion: str) -> None:
    model = residual()
    scores, filters = weight_scores(model, "a1", criterion), filter_scores(model, "a1", criterion)
    assert scores.shape == model.weight("a1").shape
    assert torch.equal(scores, filters.reshape(-1, 1, 1, 1).expand_as(scores))


def test_that_lamp_divides_by_all_weights_that_are_at_least_as_large() -> None:
    squares = {0.1: 1.45, 0.2: 1.43, 0.3: 1.35, 0.4: 1.26, 0.5: 1.10, 0.6: 0.85, 0.7: 0.49}  # Σ w² from this |w| on
    expected = [[w**2 / squares[abs(w)] for w in row] for row in GOLDEN]
    scores = weight_scores(golden(), "fc", "lamp")
    assert torch.allclose(scores, torch.tensor(expected), rtol=1e-6)
    assert scores.max() == 1
    zero = golden()
    zero.layer("fc").weight.data.zero_()  # type: ignore[union-attr,operator]
    assert not weight_scores(zero, "fc", "lamp").any()


def test_that_random_scores_depend_on_the_seed_and_the_layer() -> None:
    model = residual()
    scores = {seed: weight_scores(model, "a1", "random", seed=seed) for seed in (0, 1)}
    assert torch.equal(scores[0], weight_scores(model, "a1", "random"))
    assert not torch.equal(scores[0], scores[1])
    filters = {name: filter_scores(model, name, "random") for name in ("stem", "a2")}
    assert not torch.equal(filters["stem"], filters["a2"])


@pytest.mark.parametrize("criterion", NEED_DATA)
@pytest.mark.parametrize("name", NETWORKS)
def test_that_every_criterion_scores_every_layer_of_every_network(name: str, criterion: str) -> None:
    model = NETWORKS[name](0)
    data = few_data(model.inputs[0].shape[1:], 6)
    layer = {
        "plain": "fc1",
        "residual": "a1",
        "depthwise": "dw",
        "concat": "right",
        "grouped": "grouped",
        "1-D": "dw",
        "constants": "dw",
    }[name]
    filters, weights = (
        filter_scores(model, layer, criterion, data=data),
        weight_scores(model, layer, criterion, data=data),
    )
    assert filters.shape == model.weight(layer).shape[:1] and weights.shape == model.weight(layer).shape
    assert bool((filters >= 0).all()) and bool((weights >= 0).all())
    assert bool(filters.any())


@pytest.mark.parametrize("criterion", NEED_DATA)
def test_that_a_criterion_without_its_data_says_so(criterion: str) -> None:
    with pytest.raises(UserError) as caught:
        filter_scores(residual(), "a1", criterion)
    assert caught.value.code == "saliency.needs_data"


def test_that_gradients_need_a_classifier() -> None:
    model = network((3, 4, 4), [("a", nn.Conv2d(3, 4, 1), ""), ("b", nn.Conv2d(4, 3, 1), "")])
    with pytest.raises(UserError) as caught:
        filter_scores(model, "a", "gradient", data=few_data((3, 4, 4), 5, labels=False))
    assert caught.value.code == "saliency.needs_classes"


def test_that_activation_and_apoz_look_behind_the_nonlinearity() -> None:
    model = residual()
    data = few_data((3, 8, 8), 20)
    values = data.batch(data.train, np.arange(20))
    with torch.no_grad():
        relu = torch.relu(model.layer("bn0")(model.layer("stem")(values)))  # what relu0 sends on
    assert torch.allclose(filter_scores(model, "stem", "activation", data=data), relu.mean(dim=(0, 2, 3)), rtol=1e-5)
    zeros = (relu == 0).float().mean(dim=(0, 2, 3))
    assert torch.allclose(filter_scores(model, "stem", "apoz", data=data), 1 - zeros, atol=1e-6)


def test_that_the_neuron_gradient_is_the_mean_l1_norm_of_the_slope() -> None:
    model, data = tiny(), few_data((2, 3, 3), 7)
    start, losses = loss_from(model, "act", data)
    slope = torch.func.grad(lambda a: losses(a).sum())(start)  # type: ignore[operator]
    expected = slope.abs().sum(dim=(2, 3)).mean(dim=0)
    assert torch.allclose(filter_scores(model, "conv", "gradient", data=data), expected, rtol=1e-4)
    change = (slope * start).sum(dim=(2, 3)).abs().mean(dim=0)
    assert torch.allclose(filter_scores(model, "conv", "taylor_activation", data=data), change, rtol=1e-4)


def test_that_taylor_is_the_squared_product_of_weight_and_slope() -> None:
    model, data = tiny(), few_data((2, 3, 3), 7)
    values, labels = data.batch(data.train, np.arange(7)), torch.from_numpy(data.train.y)
    weight = model.weight("conv2")
    slope = torch.func.grad(
        lambda w: F.cross_entropy(torch.func.functional_call(model.module, {"conv2.weight": w}, (values,)), labels)
    )(weight)
    scores = weight_scores(model, "conv2", "taylor", data=data)
    assert torch.allclose(scores, (slope * weight).square(), rtol=1e-4, atol=1e-12)
    sums = filter_scores(model, "conv2", "taylor", data=data)
    assert torch.allclose(sums, scores.flatten(1).sum(dim=1), rtol=1e-6)


def test_that_curvature_is_the_exact_second_derivative_on_small_layers() -> None:
    model, data = tiny(), few_data((2, 3, 3), 5)
    start, losses = loss_from(model, "act", data)
    hessian = _hessian(lambda a: losses(a).sum(), start)  # type: ignore[operator]
    size = start.numel()
    diagonal = hessian.reshape(size, size).diagonal().reshape(start.shape)
    expected = diagonal.abs().sum(dim=(2, 3)).mean(dim=0)
    assert torch.allclose(filter_scores(model, "conv", "curvature", data=data), expected, rtol=1e-3)


def test_that_obd_is_half_the_second_derivative_times_the_squared_weight() -> None:
    model, data = tiny(), few_data((2, 3, 3), 5)
    values, labels = data.batch(data.train, np.arange(5)), torch.from_numpy(data.train.y)
    weight = model.weight("conv2")  # 9 weights: exact
    hessian = _hessian(
        lambda w: F.cross_entropy(torch.func.functional_call(model.module, {"conv2.weight": w}, (values,)), labels),
        weight,
    )
    h = hessian.reshape(9, 9).diagonal().reshape(weight.shape).clamp_min(0)
    assert torch.allclose(
        weight_scores(model, "conv2", "obd", data=data), 0.5 * h * weight.square(), rtol=1e-3, atol=1e-9
    )


def bent(classes: int) -> Model:
    """Larger than what is probed value by value, behind it what is not piecewise linear."""
    nodes = [
        ("conv", nn.Conv2d(2, 4, 3, padding=1), ""),
        ("act", nn.Tanh(), ""),
        ("conv2", nn.Conv2d(4, 4, 3), ""),
        ("act2", nn.Sigmoid(), ""),
        ("flat", nn.Flatten(), ""),
        ("fc", nn.Linear(36, classes), ""),
    ]
    return network((2, 5, 5), nodes)


def straight(classes: int) -> Model:
    """The same with ReLU and pooling alone."""
    nodes = [
        ("conv", nn.Conv2d(2, 4, 3, padding=1), ""),
        ("act", nn.ReLU(), ""),
        ("pool", nn.MaxPool2d(2, stride=1), ""),
        ("conv2", nn.Conv2d(4, 4, 3), ""),
        ("flat", nn.Flatten(), ""),
        ("fc", nn.Linear(16, classes), ""),
    ]
    return network((2, 5, 5), nodes)


def exact_curvature(model: Model, data: Dataset) -> Tensor:
    start, losses = loss_from(model, "act", data)
    size = start.numel()
    diagonal = _hessian(lambda a: losses(a).sum(), start).reshape(size, size).diagonal()  # type: ignore[operator]
    return diagonal.reshape(start.shape).abs().sum(dim=(2, 3)).mean(dim=0)


def test_that_the_curvature_of_a_piecewise_linear_network_is_exact_whatever_its_size() -> None:
    model, data = straight(5), few_data((2, 5, 5), 4)
    evidence = Evidence(model, data)
    scores, error = (judge(evidence, "conv", "curvature") for judge in (filter_scores_from, filter_errors_from))
    assert torch.allclose(scores, exact_curvature(model, data), rtol=1e-3)
    assert error is not None and not error.any()


@pytest.mark.parametrize(("make", "classes"), [(bent, 4), (bent, 40), (straight, 40)])
def test_that_estimated_curvature_is_right_within_its_stated_error(make: object, classes: int) -> None:
    model: Model = make(classes)  # type: ignore[operator]
    data = few_data((2, 5, 5), 4)
    expected, off, stated = exact_curvature(model, data), [], []
    for seed in range(5):
        evidence = Evidence(model, data, seed)
        scores, error = (judge(evidence, "conv", "curvature") for judge in (filter_scores_from, filter_errors_from))
        assert error is not None
        off.append((scores - expected).abs())
        stated.append(error)
    assert bool((torch.stack(off) <= torch.stack(stated)).all())
    if make is straight:  # the random signs stand for classes, not for positions: that costs little
        assert bool((torch.stack(stated) < expected).all())


@pytest.mark.parametrize(("make", "layer"), [(bent, "conv"), (bent, "conv2"), (straight, "conv2")])
def test_that_estimated_obd_is_right_within_its_stated_error(make: object, layer: str) -> None:
    model: Model = make(4)  # type: ignore[operator]
    data = few_data((2, 5, 5), 6)
    values, labels = data.batch(data.train, np.arange(6)), torch.from_numpy(data.train.y)
    weight = model.weight(layer)
    hessian = _hessian(
        lambda w: F.cross_entropy(torch.func.functional_call(model.module, {f"{layer}.weight": w}, (values,)), labels),
        weight,
    )
    diagonal = hessian.reshape(weight.numel(), weight.numel()).diagonal().reshape(weight.shape)
    expected = (0.5 * diagonal.clamp_min(0) * weight.square()).flatten(1).sum(dim=1)
    for seed in range(3):
        evidence = Evidence(model, data, seed)
        scores, error = (judge(evidence, layer, "obd") for judge in (filter_scores_from, filter_errors_from))
        assert error is not None and bool((error > 0).all())
        assert bool(((scores - expected).abs() <= error).all())


def test_that_criteria_that_estimate_nothing_state_no_error() -> None:
    evidence = Evidence(tiny(), few_data((2, 3, 3), 4))
    assert {name for name in methods("filter_criterion") if filter_errors_from(evidence, "conv", name) is not None} == {
        "curvature",
        "obd",
    }


@pytest.mark.parametrize(("make", "layer"), [(tiny, "conv"), (signal, "pw"), (tiny, "fc")])
def test_that_obs_is_the_least_error_when_the_other_weights_adapt(make: object, layer: str) -> None:
    model: Model = make()  # type: ignore[operator]
    data = few_data(model.inputs[0].shape[1:], 200)
    scores = weight_scores(model, layer, "obs", data=data).double().flatten(1)
    found = {"x": data.batch(data.train, np.arange(200))}
    with torch.no_grad():
        for name, module, feeds in model.layers():
            found[name] = module(*(found[feed] for feed in feeds))
            if name == layer:
                columns = _columns(module, found[feeds[0]]).double()
    # Remove weight q and let least squares choose the others: the rise of the mean squared error is the score.
    damped = columns.T @ columns / len(columns)
    damped += 0.01 * damped.diagonal().mean() * torch.eye(len(damped), dtype=torch.float64)
    row = model.weight(layer).double().flatten(1)[1]
    for q in range(min(6, len(row))):
        others = [index for index in range(len(row)) if index != q]
        block = damped[others][:, others]
        delta = torch.zeros_like(row)
        delta[q] = -row[q]
        delta[others] = torch.linalg.solve(block, damped[others, q] * row[q])
        assert float(scores[1, q]) == pytest.approx(float(delta @ damped @ delta), rel=1e-3)


def _hessian(function: "object", at: Tensor) -> Tensor:
    """By reverse over reverse: torch's forward mode warns while it is loaded."""
    return torch.func.jacrev(torch.func.jacrev(function))(at)  # type: ignore[no-any-return,arg-type]


def _columns(module: nn.Module, values: Tensor) -> Tensor:
    if isinstance(module, nn.Linear):
        return values
    if isinstance(module, nn.Conv1d):
        return values.transpose(1, 2).reshape(-1, values.shape[1])  # kernel 1
    assert isinstance(module, nn.Conv2d)
    return F.unfold(values, module.kernel_size, padding=module.padding).transpose(1, 2).flatten(0, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NETWORKS)
def test_that_columns_times_weights_are_what_the_layer_computes(name: str) -> None:
    from penjing.model.operators.table import operator_of

    model = NETWORKS[name](0)
    found = {"x": torch.randn(2, *model.inputs[0].shape[1:])}
    with torch.no_grad():
        for layer, module, feeds in model.layers():
            found[layer] = module(*(found[feed] for feed in feeds))
            if not isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear):
                continue
            columns = operator_of(module).columns(module, found[feeds[0]])
            rows = module.weight.reshape(len(columns), -1, columns.shape[2])
            product = (columns @ rows.transpose(1, 2)).transpose(0, 1).flatten(1)  # [n · positions, out]
            expected = found[layer] - (
                0 if module.bias is None else module.bias.reshape(-1, *[1] * (module.weight.dim() - 2))
            )
            assert torch.allclose(product, expected.movedim(1, -1).reshape(product.shape), atol=1e-4)
