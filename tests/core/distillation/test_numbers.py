"""Networks that answer numbers are taught by squared error, kept at their best epoch, through all of their inputs."""

import numpy as np
import pytest
import torch
from torch import nn

from penjing.compression.simulation import simulate
from penjing.distillation.losses.table import Batch, mixture
from penjing.distillation.train import train
from penjing.estimation.measured import measure
from penjing.loading.dataset import Dataset, Form, Split
from penjing.model.model import Model
from penjing.plan import Distillation
from tests.support.networks import network
from tests.support.several_inputs import two_inputs

RANDOM = np.random.default_rng(4)


def perceptron(taken: int, outputs: int, *, seed: int = 0, width: int = 16) -> Model:
    layers = [("fc1", nn.Linear(taken, width), ""), ("relu", nn.ReLU(), ""), ("fc2", nn.Linear(width, outputs), "")]
    model = network((taken,), layers, seed=seed)
    for name in ("fc1", "fc2"):
        model.weight(name).mul_(0.3)
    return model


def split(count: int, *, reconstructs: bool = False) -> Split:
    x = RANDOM.standard_normal((count, 4)).astype(np.float32)
    targets = np.stack([2 + 5 * x[:, 0], x[:, 1] * 3], axis=1).astype(np.float32)
    return Split(x=x, targets=None if reconstructs else targets, y=np.zeros(count, np.int64) if reconstructs else None)


def test_that_the_loss_is_the_squared_error_beside_that_of_a_constant() -> None:
    student, teacher, targets = torch.tensor([[1.0], [3.0]]), torch.tensor([[2.0], [3.0]]), torch.tensor([[0.0], [5.0]])
    options = Distillation(soft_label=0.25)
    given = Batch(student=student, options=options, teacher=teacher, numbers=True, targets=targets, scale=4.0)
    loss, terms = mixture(given)
    # By hand: (1 + 4) / 2 / 4 and (1 + 0) / 2 / 4.
    assert {name: value.item() for name, value in terms.items()} == {"squared_error": 0.625, "teacher_error": 0.125}
    assert loss.item() == pytest.approx(0.75 * 0.625 + 0.25 * 0.125)


@pytest.mark.parametrize("metric", ["mse", "r2", "mae"])
def test_that_a_regression_is_learned_and_the_best_epoch_by_its_metric_kept(metric: str) -> None:
    data = Dataset(train=split(400), val=split(100), test=split(10), metric=metric)
    options = Distillation(epochs=12, lr=0.05, batch_size=32)
    trained = train(perceptron(4, 2), data, options=options, teacher=None, kind="finetune")
    values = [epoch.val_accuracy for epoch in trained.history if epoch.val_accuracy is not None]
    best = max(values) if metric == "r2" else min(values)
    assert values[trained.best_epoch] == best and {epoch.metric for epoch in trained.history} == {metric}
    assert measure(simulate(trained.model), data, "val").value == pytest.approx(best, rel=1e-6)
    assert best > 0.8 if metric == "r2" else best < 0.5 * values[0]
    assert set(trained.history[1].terms) == {"squared_error"}


def test_that_an_autoencoder_is_drawn_to_its_input_and_its_teacher() -> None:
    parts = [split(count, reconstructs=True) for count in (300, 60, 10)]
    data = Dataset(train=parts[0], val=parts[1], test=parts[2], metric="mse", reconstructs=True)
    options = Distillation(epochs=8, lr=0.02, batch_size=32, soft_label=0.5)
    teacher, student = perceptron(4, 4, seed=1), perceptron(4, 4, seed=2)
    trained = train(student, data, options=options, teacher=teacher, kind="distill")
    assert set(trained.history[1].terms) == {"squared_error", "teacher_error"}
    first, last = trained.history[0].val_accuracy, trained.history[trained.best_epoch].val_accuracy
    assert first is not None and last is not None and last < 0.5 * first


def test_that_a_network_of_two_inputs_learns_from_both() -> None:
    def part(count: int) -> Split:
        picture = RANDOM.standard_normal((count, 1, 4, 4)).astype(np.float32)
        facts = RANDOM.standard_normal((count, 3)).astype(np.float32)
        return Split(x=picture, y=(facts[:, 0] > 0).astype(np.int64), others=(facts,))

    data = Dataset(train=part(300), val=part(100), test=part(4), others=(Form(),), classes=("no", "yes"))
    options = Distillation(epochs=12, lr=0.02, soft_label=0.0, batch_size=32)
    trained = train(two_inputs(), data, options=options, teacher=None, kind="finetune")
    last = trained.history[trained.best_epoch].val_accuracy
    assert last is not None and last > 0.85
