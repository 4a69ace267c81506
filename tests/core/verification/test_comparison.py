"""When two networks' results count as the same: ties that a runtime rounds the other way, and nothing else."""

import pytest
import torch
from torch import Tensor

from penjing.verification.comparison import FARTHEST, Comparison

STEP = 0.5
WANTED = torch.arange(100 * 200).reshape(100, 200).remainder(31) * STEP


def seen(got: Tensor, *, tells_classes: bool = False, batch: int = 25) -> Comparison:
    comparison = Comparison(steps=[STEP], tells_classes=tells_classes)
    for start in range(0, len(got), batch):
        comparison.add([got[start : start + batch]], [WANTED[start : start + batch]])
    return comparison


def changed(steps: float, *, samples: int, values: int) -> Tensor:
    got = WANTED.clone()
    got[:samples, :values] -= steps * STEP
    return got


@pytest.mark.parametrize(
    ("got", "same"),
    [
        (WANTED, True),
        (changed(1, samples=100, values=2), True),  # one value of a hundred, by one step: ties at the end
        (changed(1, samples=100, values=3), False),
        (changed(2, samples=2, values=1), False),
        (changed(FARTHEST, samples=1, values=200), True),  # one sample of a hundred: a tie inside the network
        (changed(FARTHEST + 1, samples=1, values=1), False),
        (changed(1, samples=2, values=121), True),  # 242 = 200 + 3 √200
        (changed(1, samples=2, values=122), False),
        (changed(float("nan"), samples=1, values=1), False),
    ],
)
def test_that_rare_ties_are_no_difference(got: Tensor, same: bool) -> None:
    assert seen(got).within_integer_bound is same


def test_that_of_few_samples_one_may_hold_a_tie() -> None:
    assert Comparison(steps=[STEP], tells_classes=False).within_integer_bound is False
    got = WANTED[:4].clone()
    got[1, 5:9] += 2 * STEP
    comparison = Comparison(steps=[STEP], tells_classes=False)
    comparison.add([got], [WANTED[:4]])
    assert comparison.within_integer_bound
    got[3, 0] += 2 * STEP
    comparison = Comparison(steps=[STEP], tells_classes=False)
    comparison.add([got], [WANTED[:4]])
    assert not comparison.within_integer_bound


def test_that_another_class_is_a_difference_however_near() -> None:
    got, wanted = torch.tensor([[1.0, 0.5]]), torch.tensor([[0.5, 1.0]])
    for tells_classes in (False, True):
        comparison = Comparison(steps=[STEP], tells_classes=tells_classes)
        comparison.add([got], [wanted])
        assert comparison.within_integer_bound is not tells_classes


@pytest.mark.parametrize(("beside", "same"), [(2, True), (3, False)])
def test_that_of_few_values_chance_may_put_more_beside(beside: int, same: bool) -> None:
    got = WANTED[:16, :3].clone()  # 48 values: 0.48 + 3 √0.48 = 2.6
    got[:beside, 0] += STEP
    comparison = Comparison(steps=[STEP], tells_classes=False)
    comparison.add([got], [WANTED[:16, :3]])
    assert comparison.within_integer_bound is same
