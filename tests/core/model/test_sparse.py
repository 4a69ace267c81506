"""Weights of which only the kept ones are stored: the bytes by hand, and that the kernel costs less than it saves."""

import numpy as np
import pytest

from penjing.devices.cores import TITLES
from penjing.model.c_kernels import code_size
from penjing.model.c_kernels.sparse import KERNEL, LEAST_SAVED, sparse_bytes, sparse_codes


def test_that_places_are_counted_from_the_one_before_and_runs_begin_anew() -> None:
    codes = np.zeros((2, 300), np.int64)
    codes[0, [0, 3, 254, 255, 299]] = [5, -1, 7, -128, 127]
    codes[1, 260] = 9
    kept = codes != 0
    kept[1, 10] = True  # kept, though its code is 0
    wanted = [3, 0, 5, 3, 255, 251, 7, 2, 0, 128, 44, 127, 1, 10, 0, 1, 5, 9]
    assert sparse_codes(codes, kept).tolist() == wanted


def test_that_rows_of_a_window_are_counted_one_by_one() -> None:
    codes = np.zeros((1, 2, 2, 2), np.int64)
    codes[0, 0, 1, 0], codes[0, 1, 0, 1] = 3, 4
    assert sparse_codes(codes, codes != 0).tolist() == [1, 2, 3, 1, 1, 4]


@pytest.mark.parametrize(
    ("shape", "kept", "bits", "wanted"),
    [
        ((64, 64, 3, 3), 9216, 8, 2 * 9216 + 64 * 3),  # three rows of 192 places
        ((64, 64, 3, 3), 18_400, 8, None),  # about half of them
        ((128, 640), 8192, 8, 2 * 8192 + 128 * 3),  # 640 places are three runs
        ((128, 640), 8192, 4, 2 * 8192 + 128 * 3),  # against 40,960 bytes
        ((128, 640), 20_480, 4, None),
        ((12, 40, 5), 100, 8, 2 * 100 + 12),
        ((10, 64), 5, 8, None),  # too small to gain what the kernel takes
    ],
)
def test_that_the_bytes_are_those_of_a_hand_count(
    shape: tuple[int, ...], kept: int, bits: int, wanted: int | None
) -> None:
    assert sparse_bytes(shape, kept=kept, bits=bits) == wanted


@pytest.mark.parametrize("core", TITLES)
def test_that_the_kernel_takes_less_than_one_layer_saves(core: str) -> None:
    beside = code_size.code_bytes(core, [KERNEL, "conv_8bit"]) - code_size.code_bytes(core, ["conv_8bit"])
    assert 0 < beside < LEAST_SAVED
