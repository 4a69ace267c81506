"""Bytes of a weight under the storage that a device's runtime really has.

>>> stored_bytes(1000, kept=500, bits=8), stored_bytes(1000, kept=500, bits=8, formats=("bitmask",))
(1000, 625)
"""

import math
from collections.abc import Sequence
from typing import Literal

from penjing.devices.profiles import Device, SparseStorage
from penjing.model.c_kernels.sparse import sparse_bytes

Storage = Literal["dense", "bitmask", "index8"]
"""How a weight may lie in memory, whatever a device's runtime has."""
STORAGES: tuple[Storage, ...] = ("dense", "bitmask", "index8")
BIAS_BYTES = 4
"""A bias is int32 in a quantized layer and float32 otherwise."""
_INDEX_BITS = 8
_SIDE = 510
"""Filters and inputs of a layer that is so large that rounding does not matter."""
_C_BITS = 8
_UNEVEN = (0.15, 0.3)
"""By so many bits for each doubling of k beyond 2, and at most by so many, a coded index is shorter than log₂k: k-means
leaves the outer values to fewer weights. (The best k of normally distributed ones leave 0, 0.09, 0.18, 0.24 … 0.31
bits, Max 1960; of trained weights 0.02, 0.13 to 0.19, 0.27 … 0.32 were seen, without their middle 0.1 more.)"""
_UNEVEN_PRUNED = 0.1
CODER_BYTES = 8
"""What the end of a coded sequence takes."""


def stored_bytes(count: int, *, kept: int, bits: int, formats: Sequence[SparseStorage] = ()) -> int:
    """Bytes of a weight of `count` values: the smallest of dense and the sparse formats there are.

    Dense: ⌈count · bits / 8⌉. Bitmask: a bit for every value, then the kept ones. `index8`: every kept value with
    an 8-bit distance (Han et al. 2016, arXiv:1510.00149); a distance over 255 costs one stored zero, so there are
    never fewer than count / 256 entries.
    """
    storages: tuple[Storage, ...] = ("dense", *formats)
    return min(storage_bytes(count, kept=kept, bits=bits, storage=one) for one in storages)


def storage_bytes(count: int, *, kept: int, bits: int, storage: Storage) -> int:
    """The same in one format, whether or not it is the smallest.

    >>> [storage_bytes(1000, kept=900, bits=8, storage=one) for one in STORAGES]
    [1000, 1025, 1800]
    """
    match storage:
        case "dense":
            return _bytes(count * bits)
        case "bitmask":
            return _bytes(count) + _bytes(kept * bits)
        case "index8":
            return _bytes(max(kept, count >> _INDEX_BITS) * (bits + _INDEX_BITS))


def zeros_pay(device: Device, sparsity: float, bits: int) -> bool:
    """Whether a device stores a large layer of which this share is zero in fewer bytes than all of its weights."""
    count = _SIDE * _SIDE
    kept, width = round((1 - sparsity) * count), device.stored_bits(bits)
    if device.brings_c:
        return width <= _C_BITS and sparse_bytes((_SIDE, _SIDE), kept=kept, bits=width) is not None
    formats = device.sparse_storage
    return stored_bytes(count, kept=kept, bits=width, formats=formats) < stored_bytes(count, kept=count, bits=width)


def codebook_bytes(count: int, *, kept: int, size: int, bits: int) -> int:
    """Bytes of a weight whose kept values share a codebook of `size` values of `bits` bits (Han et al. 2016).

    Each weight is an index into it; pruned weights are one value more.

    >>> codebook_bytes(16, kept=16, size=4, bits=32)  # 64 bytes are 3.2 times as many
    20
    """
    values = size + (kept < count)
    return _bytes(count * (values - 1).bit_length()) + _bytes(size * bits)


def coded_bytes(count: int, *, kept: int, size: int, bits: int) -> int:
    """About the bytes of the same entropy-coded: what places that know nothing of each other cost, then indices."""
    share = kept / count if count else 0.0
    unsure = sum(part * math.log2(part) for part in (share, 1 - share) if part > 0)
    doublings = math.log2(max(size, 1))
    even = min(_UNEVEN[0] * max(doublings - 1, 0), _UNEVEN[1]) + (_UNEVEN_PRUNED if kept < count and size > 2 else 0)
    learning = (size - 1) / 2 * math.log2(max(kept / max(size, 1), 1))  # Krichevsky & Trofimov: counts are not sent
    coded = -count * unsure + kept * (doublings - even) + learning
    return _bytes(size * bits) + _bytes(math.ceil(coded)) + CODER_BYTES


def _bytes(bits: int) -> int:
    return -(-bits // 8)
