"""Bytes of a weight under the storage that a device's runtime really has.

>>> stored_bytes(1000, kept=500, bits=8), stored_bytes(1000, kept=500, bits=8, formats=("bitmask",))
(1000, 625)
"""

from collections.abc import Sequence

from penjing.devices.profiles import SparseStorage

BIAS_BYTES = 4
"""A bias is int32 in a quantized layer and float32 otherwise."""
_INDEX_BITS = 8


def stored_bytes(count: int, *, kept: int, bits: int, formats: Sequence[SparseStorage] = ()) -> int:
    """Bytes of a weight of `count` values: the smallest of dense and the sparse formats there are.

    Dense: ⌈count · bits / 8⌉. Bitmask: a bit for every value, then the kept ones. `index8`: every kept value with
    an 8-bit distance (Han et al. 2016, arXiv:1510.00149); a distance over 255 costs one stored zero, so there are
    never fewer than count / 256 entries.
    """
    dense = _bytes(count * bits)
    if not formats:
        return dense
    sizes = {
        "bitmask": _bytes(count) + _bytes(kept * bits),
        "index8": _bytes(max(kept, count >> _INDEX_BITS) * (bits + _INDEX_BITS)),
    }
    return min(dense, *(sizes[name] for name in formats))


def _bytes(bits: int) -> int:
    return -(-bits // 8)
