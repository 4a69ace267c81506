"""Integer kernels against torch's float64 operators: on small integers both are exact."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from penjing.model.modules import (
    Add,
    Concat,
    GlobalAveragePool,
    GlobalMaxPool,
    Mean,
    Multiply,
    Pad,
    Reshape,
    Slice,
    Subtract,
    Transpose,
)
from penjing.model.operators.integer_kernels import IntegerKernel, normalization
from penjing.model.operators.table import operator_of, operators

LINEAR = [
    (nn.Conv2d(4, 6, 3, stride=2, padding=1), (4, 7, 9)),
    (nn.Conv2d(4, 6, (3, 1), padding=(1, 0), dilation=(2, 1), groups=2), (4, 8, 5)),
    (nn.Conv2d(4, 8, 3, groups=4, bias=False), (4, 5, 5)),
    (nn.Conv1d(6, 5, 5, stride=3, padding=2), (6, 17)),
    (nn.Conv1d(6, 6, 3, padding=2, dilation=2, groups=6), (6, 11)),
    (nn.Linear(10, 3), (10,)),
    (nn.Linear(10, 3, bias=False), (4, 10)),
]
MOVES = [
    (nn.MaxPool2d(3, stride=2, padding=1), (2, 8, 7)),
    (nn.MaxPool2d(2, stride=2, ceil_mode=True), (2, 5, 7)),
    (nn.MaxPool1d(3, stride=2, dilation=2), (2, 12)),
    (GlobalMaxPool(keepdim=False), (3, 4, 5)),
    (nn.Flatten(), (2, 3, 4)),
    (Reshape((4, 3)), (3, 4)),
    (Transpose((0, 2, 1)), (3, 4)),
    (Pad((0, 1, 2), (1, 0, 3), mode="constant", value=0.0), (2, 3, 4)),
    (Pad((0, 1, 2), (0, 0, 1), mode="reflect", value=0.0), (2, 3, 4)),
    (nn.Upsample(scale_factor=(2.0, 3.0), mode="nearest"), (2, 3, 2)),
    (Slice(1, 1, 2), (2, 3, 4)),
    (Slice(2, 1, 6, 2), (3, 7, 2)),
    (Slice(3, 4, 5, drop=True), (2, 3, 5)),
]
MEANS = [
    (nn.AvgPool2d(3, stride=2, padding=1), (2, 7, 8)),
    (nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False), (2, 7, 8)),
    (nn.AvgPool2d((2, 3), stride=(2, 2), padding=(0, 1), ceil_mode=True), (2, 5, 6)),
    (nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True, count_include_pad=False), (2, 6, 6)),
    (nn.AvgPool1d(4, stride=3, padding=1, ceil_mode=True), (3, 12)),
    (GlobalAveragePool(keepdim=True), (3, 4, 5)),
    (GlobalAveragePool(keepdim=False), (3, 9)),
    (Mean((1,), keepdim=False), (3, 4)),
]
JOINS: list[tuple[nn.Module, int]] = [(Add(), 2), (Subtract(), 2), (Multiply(), 2), (Concat(1), 3)]


def integers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(-9, 10, shape, generator=torch.Generator().manual_seed(seed)).double()


def kernel_of(module: nn.Module) -> IntegerKernel:
    kernel = operator_of(module).integer
    assert kernel is not None
    return kernel


def array(tensor: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return tensor.numpy().astype(np.int64)


@pytest.mark.parametrize(("module", "shape"), LINEAR, ids=str)
def test_that_weighted_kernels_sum_what_torch_sums(module: nn.Module, shape: tuple[int, ...]) -> None:
    module = module.double()
    weight = integers(*module.weight.shape, seed=1)  # type: ignore[arg-type, union-attr]
    module.weight = nn.Parameter(weight, requires_grad=False)
    bias = None
    if module.bias is not None:
        bias = integers(len(weight), seed=2)
        module.bias = nn.Parameter(bias, requires_grad=False)
    inputs, kernel = integers(2, *shape), kernel_of(module)
    attributes = operator_of(module).attributes(module)
    wanted = module(inputs)
    assert kernel.fast is not None
    assert torch.equal(kernel.fast(attributes, [inputs], weight, bias), wanted)
    sums = kernel.reference(attributes, [array(inputs)], array(weight))
    if bias is not None:
        sums = sums + np.expand_dims(array(bias), tuple(range(1, sums.ndim - 1)) if kernel.channel_axis == 1 else ())
    assert np.array_equal(sums, array(wanted))


@pytest.mark.parametrize(("module", "shape"), MOVES, ids=str)
def test_that_moving_kernels_move_what_torch_moves(module: nn.Module, shape: tuple[int, ...]) -> None:
    inputs, kernel = integers(2, *shape), kernel_of(module)
    attributes = operator_of(module).attributes(module)
    assert kernel.scale == "same" and kernel.supports(attributes)
    assert np.array_equal(kernel.reference(attributes, [array(inputs)], None), array(module(inputs)))


@pytest.mark.parametrize(("module", "shape"), MEANS, ids=str)
def test_that_sums_over_their_counts_are_torchs_means(module: nn.Module, shape: tuple[int, ...]) -> None:
    inputs, kernel = integers(2, *shape), kernel_of(module)
    attributes = operator_of(module).attributes(module)
    assert kernel.divisor is not None and kernel.fast is not None
    sums = kernel.reference(attributes, [array(inputs)], None)
    assert np.array_equal(array(kernel.fast(attributes, [inputs], None, None)), sums)
    wanted = module(inputs).numpy()
    np.testing.assert_allclose(sums / kernel.divisor(attributes, tuple(inputs.shape)), wanted, atol=1e-12)


@pytest.mark.parametrize(("module", "count"), JOINS, ids=str)
def test_that_joining_kernels_join_what_torch_joins(module: nn.Module, count: int) -> None:
    inputs = [integers(2, 3, 4, seed=seed) for seed in range(count)]
    attributes = operator_of(module).attributes(module)
    found = kernel_of(module).reference(attributes, [array(part) for part in inputs], None)
    assert np.array_equal(found, array(module(*inputs)))


def test_that_batch_norm_outside_training_is_one_weight_and_one_bias_a_channel() -> None:
    module = nn.BatchNorm2d(3).eval()
    assert module.running_mean is not None and module.running_var is not None
    module.running_mean[:], module.running_var[:] = torch.tensor([1.0, -2, 0]), torch.tensor([0.5, 2, 4])
    module.weight.data[:], module.bias.data[:] = torch.tensor([1.0, -3, 0]), torch.tensor([0.5, 0, 7])
    row = operator_of(module)
    weight, bias = normalization(row.attributes(module), row.tensors(module))
    inputs = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = module(inputs)
    torch.testing.assert_close(inputs * weight[:, None, None] + bias[:, None, None], wanted)


@pytest.mark.parametrize("shape", [(3,), (3, 5), (3, 4, 2)])
@pytest.mark.parametrize("count", [1, 3])
def test_that_a_prelu_has_one_slope_above_zero_and_its_own_below(count: int, shape: tuple[int, ...]) -> None:
    module = nn.PReLU(count).double()
    module.weight = nn.Parameter(torch.tensor([3.0, -2, 5])[:count].double(), requires_grad=False)
    inputs, kernel = integers(2, *shape), kernel_of(module)
    assert kernel.weights is not None and kernel.fast is not None
    weight, bias = kernel.weights({}, operator_of(module).tensors(module), inputs.dim()) or (None, None)
    assert weight is not None and bias is None
    assert torch.equal(kernel.fast({}, [inputs], weight.double(), None), module(inputs))
    assert np.array_equal(kernel.reference({}, [array(inputs)], array(weight)), array(module(inputs)))


def test_that_operators_without_an_integer_form_are_known() -> None:
    # Every row either has a kernel or is named here, so that a new row is a decision.
    floating = {kind for kind, row in operators().items() if row.integer is None}
    assert floating == {"divide", "opaque"}
