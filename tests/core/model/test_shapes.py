"""The shapes that rows tell by formula are those that torch finds by running the module."""

import pytest
import torch
from torch import Tensor, nn

from penjing.model.modules import Add, GlobalAveragePool
from penjing.model.operators.table import operator_of

CASES: list[tuple[nn.Module, list[tuple[int, ...]]]] = [
    (nn.Conv2d(4, 6, (3, 5), stride=(2, 1), padding=(1, 0), dilation=(1, 2)), [(1, 4, 11, 17)]),
    (nn.Conv2d(4, 4, 3, groups=4), [(1, 4, 9, 9)]),
    (nn.Conv1d(3, 5, 4, stride=3, padding=2), [(1, 3, 20)]),
    (nn.Linear(7, 3), [(1, 7)]),
    (nn.Linear(7, 3), [(1, 4, 7)]),
    (nn.BatchNorm1d(5), [(1, 5, 8)]),
    (nn.BatchNorm2d(5), [(1, 5, 8, 8)]),
    (nn.MaxPool2d(3, stride=2, padding=1), [(1, 4, 10, 9)]),
    (nn.MaxPool1d(2, dilation=2), [(1, 4, 10)]),
    (nn.AvgPool2d(2), [(1, 4, 9, 9)]),
    (nn.MaxPool2d(2, ceil_mode=True), [(1, 4, 9, 9)]),
    (GlobalAveragePool(keepdim=True), [(1, 4, 9, 9)]),
    (GlobalAveragePool(keepdim=False), [(1, 4, 9)]),
    (nn.Flatten(), [(1, 4, 3, 2)]),
    (nn.ReLU(), [(1, 4, 3)]),
    (Add(), [(1, 4, 3), (1, 4, 3)]),
]


@pytest.mark.parametrize(("module", "shapes"), CASES)
def test_that_a_formula_gives_the_shape_that_torch_computes(module: nn.Module, shapes: list[tuple[int, ...]]) -> None:
    result: Tensor = module.eval()(*(torch.zeros(shape) for shape in shapes))
    assert operator_of(module).shape(module, tuple(shapes)) in (tuple(result.shape), None)


def test_that_usual_rows_have_a_formula() -> None:
    told = [operator_of(module).shape(module, tuple(shapes)) for module, shapes in CASES]
    assert sum(shape is None for shape in told) == 1  # ceil_mode alone is left to torch


@pytest.mark.parametrize(
    ("module", "shapes"),
    [
        (nn.Conv2d(4, 6, 3), [(1, 3, 8, 8)]),
        (nn.Conv2d(4, 6, 3), [(1, 4, 2, 2)]),
        (nn.Linear(7, 3), [(1, 8)]),
        (nn.BatchNorm2d(5), [(1, 4, 8, 8)]),
        (nn.MaxPool2d(2), [(1, 4, 8)]),
        (Add(), [(1, 4, 3), (1, 5, 3)]),
    ],
)
def test_that_inputs_that_do_not_fit_are_left_to_torch_to_refuse(
    module: nn.Module, shapes: list[tuple[int, ...]]
) -> None:
    assert operator_of(module).shape(module, tuple(shapes)) is None
