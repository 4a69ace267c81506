"""Networks that tell two classes by one output learn from labels and from a teacher like any other."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from penjing.distillation.lesson import prepare
from penjing.distillation.train import train
from penjing.loading.dataset import Dataset, Split
from penjing.model.model import Model
from penjing.plan import Distillation
from tests.support.networks import network


def telling(width: int, *, end: bool = False, seed: int = 0) -> Model:
    torch.manual_seed(seed)
    layers = [("a", nn.Linear(2, width), ""), ("relu", nn.ReLU(), ""), ("b", nn.Linear(width, 1), "")]
    return network((2,), [*layers, *([("end", nn.Sigmoid(), "")] if end else [])])


def rings() -> Dataset:
    drawn = np.random.default_rng(3)
    x = drawn.standard_normal((240, 2)).astype(np.float32)
    y = (np.square(x).sum(axis=1) > 1.4).astype(np.int64)
    parts = [Split(x=x[k : k + 80], y=y[k : k + 80]) for k in (0, 80, 160)]
    return Dataset(train=parts[0], val=parts[1], test=parts[2], classes=("inside", "outside"))


def test_that_one_output_learns_from_labels() -> None:
    data, options = rings(), Distillation(epochs=40, lr=0.03, batch_size=80, soft_label=0.0)
    trained = train(telling(16), data, options=options, teacher=None, kind="finetune")
    assert trained.history[0].val_accuracy is not None and trained.history[0].val_accuracy < 0.8
    assert trained.history[trained.best_epoch].val_accuracy > 0.9


@pytest.mark.parametrize("end", [False, True])
def test_that_its_first_loss_is_the_binary_cross_entropy(end: bool) -> None:
    data, model = rings(), telling(16, end=end)
    options = Distillation(epochs=1, lr=1e-9, batch_size=80, soft_label=0.0)
    trained = train(model, data, options=options, teacher=None, kind="finetune")
    values, labels = data.batch(data.train, slice(None)), torch.from_numpy(data.train.y).float()  # type: ignore[arg-type]
    answers = model(values)[:, 0]
    expected = F.binary_cross_entropy(answers, labels) if end else F.binary_cross_entropy_with_logits(answers, labels)
    assert trained.history[1].loss == pytest.approx(float(expected), rel=1e-4)


def test_that_a_teacher_of_one_output_is_followed() -> None:
    data = rings()
    taught = Distillation(epochs=40, lr=0.03, batch_size=80, soft_label=0.0)
    teacher = train(telling(16), data, options=taught, teacher=None, kind="finetune").model
    lesson = prepare(telling(4, seed=1), data, Distillation(), teacher, "distill")
    assert lesson.teacher is teacher and not lesson.numbers
    options = Distillation(epochs=1, lr=1e-9, batch_size=80, soft_label=1.0, temperature=2.0)
    student = telling(4, seed=1)
    trained = train(student, data, options=options, teacher=teacher, kind="distill")
    # Of two classes KL(p_t ‖ p_s) is that of the chances σ(z / T).
    values = data.batch(data.train, slice(None))
    theirs, ours = ((torch.sigmoid(one(values)[:, 0].double() / 2)) for one in (teacher, student))
    divergence = theirs * (theirs / ours).log() + (1 - theirs) * ((1 - theirs) / (1 - ours)).log()
    assert trained.history[1].loss == pytest.approx(4 * float(divergence.mean()), rel=1e-4)
