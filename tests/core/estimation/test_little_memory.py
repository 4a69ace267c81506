"""Where memory does not suffice for a batch, fewer samples run at once, and the numbers stay the same."""

import numpy as np
import pytest
import torch
from torch import Tensor

from penjing.errors import lacks_memory
from penjing.estimation import evaluator, measured
from penjing.loading.dataset import Dataset, Split


class Narrow:
    """A network that has room for a few samples at once and says so as torch does."""

    def __init__(self, room: int) -> None:
        self.room, self.ran = room, list[int]()

    def __call__(self, x: Tensor) -> Tensor:
        if len(x) > self.room:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory")
        self.ran.append(len(x))
        return x @ torch.tensor([[1.0, -1.0], [0.5, 2.0]])


def data(count: int) -> Dataset:
    x = np.random.default_rng(0).normal(size=(count, 2)).astype(np.float32)
    split = Split(x=x, y=(x[:, 0] > 0).astype(np.int64))
    return Dataset(train=split, val=split, test=split, classes=("a", "b"))


def test_that_a_batch_is_halved_until_it_fits_and_every_sample_counts_once() -> None:
    narrow, wide = Narrow(5), Narrow(1000)
    found = measured.measure(narrow, data(67), "val")
    assert found == measured.measure(wide, data(67), "val")
    assert sum(narrow.ran) == 67 and max(narrow.ran) <= 5


def test_that_the_live_evaluator_keeps_to_the_size_that_fits() -> None:
    narrow, given = Narrow(5), data(67)
    outputs = evaluator._in_parts(evaluator.plainly(narrow, given, "val"), lambda: None, first=64)
    indices = np.arange(67)
    expected = Narrow(1000)(torch.from_numpy(given.val.x))
    assert torch.equal(outputs(indices), expected)
    tries = len(narrow.ran)
    outputs(indices)
    assert max(narrow.ran) <= 5 and sum(narrow.ran[tries:]) == 67


@pytest.mark.parametrize("measuring", ["plain", "live"])
def test_that_one_sample_that_does_not_fit_is_an_error_and_not_an_endless_loop(measuring: str) -> None:
    given = data(8)
    with pytest.raises(RuntimeError) as caught:
        if measuring == "plain":
            measured.measure(Narrow(0), given, "val")
        else:
            plain = evaluator.plainly(Narrow(0), given, "val")
            evaluator._in_parts(plain, lambda: None, first=8)(np.arange(8))
    assert lacks_memory(caught.value)


def test_that_other_errors_are_no_lack_of_memory() -> None:
    assert lacks_memory(MemoryError()) and lacks_memory(Exception("std::bad_alloc"))
    assert not lacks_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
