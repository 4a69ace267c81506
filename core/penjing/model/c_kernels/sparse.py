"""When exported C stores the kept weights of a layer alone, and what that takes; torch-free.

A kept weight takes two bytes, its place (after the one before it) and its value, and every run of 255 places one more.
A layer is stored so only where that saves more than the kernel costs, so flash is never larger for it.

>>> sparse_bytes((16, 64, 3, 3), kept=1000), sparse_bytes((16, 64, 3, 3), kept=4500)
(2048, None)
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from penjing.model.c_kernels.parts import stored_width

RUN = 255
"""Places that one byte counts."""
LEAST_SAVED = 1024
"""Bytes; the kernel takes fewer on every core."""
KERNEL = "conv_sparse"


def sparse_bytes(shape: Sequence[int], *, kept: int, bits: int = 8) -> int | None:
    """Bytes of a weight [filters, channels, …] of which `kept` values are stored; None where all of them are."""
    filters, channels, *kernel = shape
    height, width = (1, 1, *kernel)[-2:]
    count = math.prod(shape)
    found = 2 * kept + filters * height * -(-channels * width // RUN)
    return found if -(-count * stored_width(bits) // 8) - found >= LEAST_SAVED else None


def sparse_codes(codes: NDArray[np.int64], kept: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The bytes of codes [filters, height, width, channels] (or [filters, features]) as `conv_sparse` reads them."""
    filters = len(codes)
    rows = codes.shape[1] if codes.ndim == 4 else 1
    values, present = (array.reshape(filters * rows, -1) for array in (codes, kept))
    found: list[int] = []
    for row, mask in zip(values, present, strict=True):
        for start in range(0, len(row), RUN):
            places = np.flatnonzero(mask[start : start + RUN])
            steps = np.diff(places, prepend=0)
            found.append(len(places))
            pairs = np.stack([steps, np.asarray(row[start + places], np.int8).view(np.uint8)], axis=1)
            found.extend(int(one) for one in pairs.reshape(-1))
    return np.asarray(found, np.uint8)
