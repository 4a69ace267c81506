"""The steps of a plan in every order: zeros stay zeros, integers stay integers, every step is measured."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from penjing.compression.integer import run
from penjing.compression.lowering import lower
from penjing.compression.simulation import simulate
from penjing.distillation.train import train
from penjing.model.model import Model
from penjing.pipeline.run import run_plan
from penjing.plan import Distillation, plan_from_json
from tests.support.teaching import convolutional, quarters

DATA = quarters()
WORKING = {"prune", "repair", "bn_reestimate", "quantize", "qat", "finetune", "distill"}
SETTINGS = {"sparsity": 0.4, "filters": 0.34, "weight_bits": 4, "activation_bits": 8}
ORDERS = [
    *itertools.permutations(("prune", "bn_reestimate", "quantize", "distill")),
    *itertools.permutations(("prune", "qat", "finetune")),
    ("prune", "repair", "quantize", "qat"),
    ("distill", "quantize", "repair", "prune"),
]


@pytest.fixture(scope="module")
def model() -> Model:
    options = Distillation(epochs=6, batch_size=32, lr=0.03)
    return train(convolutional(), DATA, options=options, teacher=None, kind="finetune").model


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_that_zeros_and_integers_survive_whatever_comes_after_them(model: Model, order: tuple[str, ...]) -> None:
    document = {"defaults": SETTINGS, "pipeline": list(order), "distillation": {"epochs": 1, "batch_size": 32}}
    finished = run_plan(model, plan_from_json(document), DATA)
    made = finished.model
    assert [made.weight(name).shape[0] for name in ("conv1", "conv2", "fc")] == [4, 4, 4]
    for name in ("conv1", "conv2", "fc"):
        weight, mask = made.weight(name), made.masks[name]
        assert int((~mask).sum()) == round(0.4 * weight.numel())
        assert not weight[~mask].any()
        assert torch.equal(made.weight_quantizers[name].on_grid(weight), weight)
    inputs = DATA.batch(DATA.val, slice(None))
    shown = simulate(made)(inputs)
    assert isinstance(shown, Tensor)
    assert np.array_equal(shown.numpy(), run(lower(made), inputs.numpy())[0])
    told = [step.step for step in finished.steps]
    assert told == [step for step in order if step in told] and {"prune"} <= set(told) <= WORKING
    for step in finished.steps:
        if "not kept" not in step.detail:
            assert step.accuracy is not None and step.accuracy.n == len(DATA.val)
    right = (shown.argmax(1).numpy() == DATA.val.y).mean()
    assert finished.steps[-1].accuracy is None or finished.steps[-1].accuracy.value == pytest.approx(right)
