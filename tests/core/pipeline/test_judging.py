"""What decides between the candidates of a step, against formulas in float64."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from penjing.loading.data import open_data
from penjing.loading.dataset import Dataset, Split
from penjing.loading.open import open_model
from penjing.model.model import Model
from penjing.pipeline.judging import MOST_JUDGES, judge
from penjing.pipeline.run import run_plan
from penjing.plan import plan_from_json
from tests.support.networks import network


def _data(count: int, *, channels: int = 4) -> Dataset:
    values = np.random.default_rng(0).normal(size=(count, channels)).astype(np.float32)
    split = Split(x=values, y=np.zeros(count, np.int64))
    return Dataset(train=split, val=split, test=split)


def _linear(seed: int, made: int, *, softmax: bool = False) -> Model:
    layers = [("fc", nn.Linear(4, made), "")]
    return network((4,), [*layers, ("soft", nn.Softmax(dim=1), "fc")] if softmax else layers, seed=seed)


def _probabilities(model: Model, values: np.ndarray) -> np.ndarray:
    module = model.layer("fc")
    weight, bias = (module.get_parameter(name).detach().double().numpy() for name in ("weight", "bias"))
    logits = values.astype(np.float64) @ weight.T + bias
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("softmax", [False, True])
def test_that_classes_are_judged_by_the_divergence_from_the_teacher_in_nats(softmax: bool) -> None:
    data = _data(50)
    teacher, student = _linear(1, 3, softmax=softmax), _linear(2, 3, softmax=softmax)
    p, q = _probabilities(teacher, data.val.x), _probabilities(student, data.val.x)
    wanted = np.mean(np.sum(p * np.log(p / q), axis=1))
    assert wanted > 0.1
    found = judge(teacher, data)(student)
    assert found == pytest.approx(wanted, rel=1e-5)
    assert judge(teacher, data)(teacher) == pytest.approx(0, abs=1e-9)


def test_that_one_value_is_judged_by_the_relative_square_error() -> None:
    data = _data(50)
    teacher, student = _linear(1, 1), _linear(2, 1)
    with torch.no_grad():
        one, other = (model(torch.from_numpy(data.val.x)) for model in (teacher, student))
    assert judge(teacher, data)(student) == pytest.approx(float((one - other).square().sum() / one.square().sum()))


def test_that_a_long_split_is_judged_by_a_few_inputs_spread_over_it_and_an_empty_one_by_none() -> None:
    seen: list[np.ndarray] = []

    class Watched(Dataset):
        def batch(self, split: Split, indices: object) -> torch.Tensor:
            assert isinstance(indices, np.ndarray)
            seen.append(indices)
            return super().batch(split, indices)

    long = _data(5 * MOST_JUDGES)
    watched = Watched(train=long.train, val=long.val, test=long.test)
    assert judge(_linear(1, 3), watched)(_linear(2, 3)) is not None
    (indices,) = seen
    assert len(indices) == MOST_JUDGES
    assert indices[0] == 0
    assert indices[-1] == 5 * MOST_JUDGES - 1
    assert max(after - before for before, after in pairwise(indices.tolist())) <= 6
    empty = dataclasses.replace(long, val=Split(x=long.val.x[:0], y=np.zeros(0, np.int64)))
    assert judge(_linear(1, 3), empty)(_linear(2, 3)) is None


def test_that_networks_with_other_classes_cannot_be_judged_and_one_that_computes_nothing_real_loses() -> None:
    data = _data(10)
    assert judge(_linear(1, 3), data)(_linear(2, 5)) is None
    broken = _linear(2, 3)
    broken.layer("fc").get_parameter("weight").data[0, 0] = torch.nan
    assert judge(_linear(1, 3), data)(broken) == np.inf


def test_that_a_repair_which_brings_the_network_nearer_is_kept_whatever_lucky_answers_say() -> None:
    # Without the repair five more of 508 validation samples are right by chance, and six of 506 test samples wrong.
    model = open_model("sample:watch")
    data = open_data("sample:watch", model=model)
    asked = {"sparsity": 0.5, "criterion": "lamp", "scope": "global"}
    bare, repaired = (
        run_plan(model, plan_from_json({"defaults": asked, "pipeline": pipeline}), data, measuring=False).model
        for pipeline in (["prune"], ["prune", "repair"])
    )
    distance = judge(model, data)
    near, far = distance(repaired), distance(bare)
    assert near is not None
    assert far is not None
    assert near < far / 5
