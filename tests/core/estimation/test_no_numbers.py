"""Answers that are no numbers are never right, and how many there are is told."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from penjing.errors import UserError
from penjing.estimation.margins import margins_of
from penjing.estimation.measured import measure
from penjing.loading.dataset import Dataset, Split
from penjing.worker.progressive import Baseline, measure_baseline, measure_change


def data(labels: list[int]) -> Dataset:
    x = np.arange(len(labels), dtype=np.float32)[:, None]
    split = Split(x=x, y=np.array(labels))
    return Dataset(train=split, val=split, test=split, classes=("a", "b"))


def always_a(x: Tensor) -> Tensor:
    return torch.stack([torch.ones(len(x)), torch.zeros(len(x))], dim=1)


def broken_from_six(x: Tensor) -> Tensor:
    """The first class for the samples 0 to 5, no number for it from there on."""
    found = always_a(x)
    found[x[:, 0] >= 6, 0] = math.nan
    return found


def test_that_an_answer_that_is_no_number_is_wrong_and_counted() -> None:
    # torch's own argmax would choose the class that is no number, which here is the label.
    found = measure(broken_from_six, data([0] * 10), "val")
    assert (found.value, found.n, found.blank) == (0.6, 10, 4)
    assert measure(always_a, data([0] * 10), "val").blank == 0


def test_that_an_infinite_answer_still_says_which_class_is_meant() -> None:
    def sure(x: Tensor) -> Tensor:
        return torch.tensor([[math.inf, 0.0], [-math.inf, 0.0]]).repeat(len(x) // 2, 1)

    found = measure(sure, data([0, 1] * 5), "val")
    assert (found.value, found.blank) == (1.0, 0)


def test_that_a_margin_is_a_number_whatever_is_answered() -> None:
    output = torch.tensor([[math.nan, 0.0], [3.0, 1.0]])
    assert margins_of(output, np.array([0, 0])).tolist() == [-1.0, 2.0]


def test_that_an_infinite_margin_is_a_number_too() -> None:
    output = torch.tensor([[math.inf, 0.0], [-math.inf, 0.0], [math.inf, math.inf], [-math.inf, -math.inf]])
    right, wrong, *even = margins_of(output, np.array([0, 0, 1, 1])).tolist()
    assert 1e38 < right < math.inf and -math.inf < wrong < -1e38 and even == [0.0, 0.0]


def test_that_live_measuring_goes_on_where_an_answer_is_infinite() -> None:
    labels = np.random.default_rng(0).integers(0, 2, 3000).tolist()
    given = data(labels)

    def noisy(seed: int) -> Tensor:
        scores = np.random.default_rng(seed).normal(size=(3000, 2)).astype(np.float32)
        scores[np.arange(3000), labels] += 1.5
        scores[::50, 0] = math.inf
        return torch.from_numpy(scores)

    before, after = noisy(1), noisy(2)
    *_, baseline = measure_baseline(lambda indices: before[torch.from_numpy(indices)], given, "val")
    assert isinstance(baseline, Baseline)
    for standing in measure_change(lambda indices: after[torch.from_numpy(indices)], given, baseline, full=True):
        found = standing.accuracy
        assert 0 <= found.low <= found.value <= found.high <= 1
    chosen = after.argmax(dim=1).numpy()
    assert found.value == pytest.approx(float((chosen == np.array(labels)).mean()))


def test_that_live_measuring_tells_them_from_the_first_batch_to_the_last() -> None:
    given = data([0] * 300)

    def outputs(predict: object, indices: np.ndarray) -> Tensor:
        return predict(given.batch(given.val, indices))  # type: ignore[operator]

    *_, last, baseline = measure_baseline(lambda indices: outputs(always_a, indices), given, "val")
    assert isinstance(baseline, Baseline) and not isinstance(last, Baseline)
    assert last.accuracy.blank == 0
    *_, after = measure_change(lambda indices: outputs(broken_from_six, indices), given, baseline, full=True)
    assert (after.accuracy.blank, after.accuracy.value) == (294, 6 / 300)
    assert after.change is not None and after.change.lost == 294


def test_that_no_error_is_told_of_an_answer_that_is_no_number() -> None:
    split = Split(x=np.ones((4, 1), np.float32), targets=np.ones((4, 1), np.float32))
    given = Dataset(train=split, val=split, test=split, metric="mse")

    def broken(x: Tensor) -> Tensor:
        return torch.tensor([[1.0], [1.0], [math.inf], [1.0]])

    with pytest.raises(UserError) as caught:
        measure(broken, given, "val")
    assert caught.value.code == "measure.no_number" and caught.value.values["example"] == 2
