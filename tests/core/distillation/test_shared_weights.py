"""Training with shared weights: straight-through gradients, values that follow, masks and codebooks that hold."""

from pathlib import Path

import numpy as np
import pytest
import torch

from penjing.compression.prune import prune
from penjing.compression.quantize import quantize
from penjing.distillation.shared_weights import SharedValues
from penjing.distillation.train import StopAndKeepBest, train
from penjing.inspection.graph import layer_graph
from penjing.model.model import Model
from penjing.plan import Distillation, Plan
from penjing.results import Progress
from tests.core.distillation.test_quantized_training import DATA, convolutional

PLAN = Plan().with_defaults(codebook=4, sparsity=0.5)


def shared(plan: Plan = PLAN) -> tuple[Model, Model]:
    original = convolutional()
    pruned = prune(original, layer_graph(original), plan).model
    return pruned, quantize(pruned, plan, DATA)


def assert_shared(model: Model, before: Model) -> None:
    assert model.codebooks.keys() == before.codebooks.keys()
    for name, codebook in model.codebooks.items():
        assert torch.equal(torch.unique(model.weight(name)[model.masks[name]]), codebook)
        assert len(codebook) <= 4
        assert torch.equal(model.masks[name], before.masks[name])
        assert not bool(model.weight(name)[~model.masks[name]].any())


def test_that_values_become_means_of_the_nearest_and_gradients_pass_where_weights_are_kept() -> None:
    values = SharedValues(torch.tensor([-1.0, 1.0]))
    master = torch.tensor([[-1.2, -0.4], [0.6, 9.0]], requires_grad=True)
    mask = torch.tensor([[True, True], [True, False]])
    weight = values(master, mask)
    low, high = float(np.float16(-0.8)), float(np.float16(0.6))  # halves
    assert weight.tolist() == [[low, low], [high, 0.0]]
    assert values.values.tolist() == [low, high]
    weight.backward(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))  # type: ignore[no-untyped-call]
    assert master.grad is not None
    assert master.grad.tolist() == [[1.0, 2.0], [3.0, 0.0]]


def test_that_a_value_that_nothing_is_near_to_stays() -> None:
    values = SharedValues(torch.tensor([0.0, 5.0]))
    values(torch.tensor([0.5, 1.5]), None)
    assert values.values.tolist() == [1.0, 5.0]


@pytest.mark.parametrize("plan", [PLAN, PLAN.with_defaults(weight_bits=8, activation_bits=8)], ids=["float", "int8"])
@pytest.mark.parametrize("method", ["ste", "lsq"])
def test_that_training_keeps_codebook_and_masks(plan: Plan, method: str) -> None:
    pruned, student = shared(plan)
    options = Distillation(epochs=2, lr=0.01)
    trained = train(student, DATA, options=options, teacher=None, kind="qat", method=method, masters=pruned)
    assert_shared(trained.model, student)
    for name, quantizer in trained.model.weight_quantizers.items():
        assert torch.equal(quantizer.on_grid(trained.model.weight(name)), trained.model.weight(name))
    again = train(student, DATA, options=options, teacher=None, kind="qat", method=method, masters=pruned)
    assert all(torch.equal(trained.model.weight(name), again.model.weight(name)) for name in student.codebooks)


def test_that_training_moves_values_and_weights_to_other_values() -> None:
    pruned, student = shared()
    options = Distillation(epochs=3, lr=0.02)
    moved = []

    def told(progress: Progress) -> None:
        moved.append(progress.values.get("loss"))

    trained = train(student, DATA, options=options, teacher=None, kind="finetune", masters=pruned, on_progress=told)
    losses = [epoch.loss for epoch in trained.history if epoch.loss is not None]
    assert losses[-1] < losses[0]
    if trained.best_epoch:
        assert any(not torch.equal(student.codebooks[name], one) for name, one in trained.model.codebooks.items())


def test_that_a_resumed_training_gives_the_same_weights(tmp_path: Path) -> None:
    pruned, student = shared()
    options = Distillation(epochs=3, lr=0.01)
    whole = train(student, DATA, options=options, teacher=None, kind="finetune", masters=pruned).model

    def stop(progress: Progress) -> None:
        if progress.values.get("epoch") == 2.0 and "lr" in progress.values:
            raise StopAndKeepBest

    file = tmp_path / "checkpoint"
    train(
        student, DATA, options=options, teacher=None, kind="finetune", masters=pruned, on_progress=stop, checkpoint=file
    )
    assert file.exists()
    resumed = train(
        student, DATA, options=options, teacher=None, kind="finetune", masters=pruned, checkpoint=file
    ).model
    for name in student.codebooks:
        assert torch.equal(whole.weight(name), resumed.weight(name))
        assert torch.equal(whole.codebooks[name], resumed.codebooks[name])
