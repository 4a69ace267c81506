"""Criteria of networks that answer numbers, or tell two classes by one score, beside the Hessian written out."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from penjing.inspection.saliency import filter_scores, weight_scores
from penjing.loading.dataset import Dataset, Split
from penjing.model.model import Model
from penjing.model.two_sided import scores_of_both
from tests.support.networks import network


def answering(outputs: int, *, end: bool = False) -> Model:
    layers = [("a", nn.Linear(3, 4), ""), ("bend", nn.Tanh(), ""), ("b", nn.Linear(4, outputs), "")]
    return network((3,), [*layers, *([("end", nn.Sigmoid(), "")] if end else [])])


def numbers(values: int) -> Dataset:
    drawn = np.random.default_rng(5)
    split = Split(
        x=drawn.standard_normal((20, 3)).astype(np.float32),
        targets=drawn.standard_normal((20, values)).astype(np.float32),
    )
    return Dataset(train=split, val=split, test=split, metric="mse")


def two_classes() -> Dataset:
    drawn = np.random.default_rng(6)
    split = Split(x=drawn.standard_normal((20, 3)).astype(np.float32), y=drawn.integers(0, 2, 20))
    return Dataset(train=split, val=split, test=split, classes=("no", "yes"))


def loss_by(model: Model, layer: str, weight: Tensor, data: Dataset) -> Tensor:
    """The mean loss in float64 with another weight in a layer of `answering`."""
    weights = {name: model.weight(name).double() for name in ("a", "b")} | {layer: weight}
    biases = {name: model.layer(name).bias.double() for name in ("a", "b")}  # type: ignore[union-attr,operator]
    values = torch.from_numpy(data.train.x).double()
    answers = F.linear(torch.tanh(F.linear(values, weights["a"], biases["a"])), weights["b"], biases["b"])
    if data.train.targets is not None:
        return F.mse_loss(answers, torch.from_numpy(data.train.targets).double())
    assert data.train.y is not None
    return F.binary_cross_entropy_with_logits(answers[:, 0], torch.from_numpy(data.train.y).double())


@pytest.mark.parametrize("layer", ["a", "b"])
@pytest.mark.parametrize("case", ["one number", "three numbers", "one score", "one chance"])
def test_that_obd_takes_the_hessian_of_the_networks_own_loss(case: str, layer: str) -> None:
    outputs = 3 if case == "three numbers" else 1
    model = answering(outputs, end=case == "one chance")
    data = numbers(outputs) if "number" in case else two_classes()
    weight = model.weight(layer).double()
    hessian = torch.autograd.functional.hessian(lambda w: loss_by(model, layer, w, data), weight)
    diagonal = hessian.reshape(weight.numel(), weight.numel()).diagonal().reshape(weight.shape)
    expected = 0.5 * diagonal.clamp_min(0) * weight.square()
    found = weight_scores(model, layer, "obd", data=data).double()
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-7)


def test_that_the_curvature_of_many_answers_is_that_of_a_linear_end() -> None:
    # With L = mean over v of (z - t)² and z = w a + b: ∂²L/∂a² = 2/v Σ_c w_c², whatever a is.
    model = network((6,), [("a", nn.Linear(6, 40), ""), ("relu", nn.ReLU(), ""), ("b", nn.Linear(40, 3), "")])
    drawn = np.random.default_rng(7)
    x, t = drawn.standard_normal((20, 6)).astype(np.float32), drawn.standard_normal((20, 3)).astype(np.float32)
    split = Split(x=x, targets=t)
    data = Dataset(train=split, val=split, test=split, metric="mse")
    expected = 2 / 3 * model.weight("b").square().sum(dim=0)
    assert torch.allclose(filter_scores(model, "a", "curvature", data=data), expected, rtol=1e-4)


@pytest.mark.parametrize("criterion", ["gradient", "taylor", "taylor_activation", "curvature", "obd"])
@pytest.mark.parametrize("end", [False, True])
def test_that_one_output_of_two_classes_is_judged_by_every_criterion(criterion: str, end: bool) -> None:
    scores = filter_scores(answering(1, end=end), "a", criterion, data=two_classes())
    assert scores.shape == (4,) and bool(scores.isfinite().all()) and bool((scores > 0).any())


def test_that_one_score_is_two_of_which_the_first_is_nought() -> None:
    scores, labels = torch.tensor([[-1.5], [0.2], [4.0]]), torch.tensor([0, 1, 0])
    binary = F.binary_cross_entropy_with_logits(scores[:, 0], labels.float())
    assert torch.allclose(F.cross_entropy(scores_of_both(scores), labels), binary)
    three = torch.zeros(2, 3)
    assert scores_of_both(three) is three
