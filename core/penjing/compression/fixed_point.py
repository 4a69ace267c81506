"""Real multipliers as integers: M = multiplier · 2^-shift, and the rounding that belongs to it (Jacob et al. 2018)."""

from typing import Literal

import numpy as np

from penjing.model.operators.integer_reference import FloatArray, IntArray

Rounding = Literal["single", "double"]
"""`single` rounds the exact product once, half to even, as onnxruntime does; `double` twice, as gemmlowp does."""

EXACT_BITS = 53
"""Products of this many bits are exact in float64, so that the simulation rounds what the integers round."""
SUM_BITS = 31
"""Sums of more bits than this leave int32: they are int64, and so are their products."""
PRODUCT_BITS = 62
MANTISSA_BITS = 31
LARGEST_SHIFT = 62


def fixed_point(factors: FloatArray, *, bound: int) -> tuple[IntArray, IntArray]:
    """(multiplier, shift) of positive factors that will multiply integers up to `bound` in size.

    Multipliers are Q31 mantissas in [2^30, 2^31), with so few bits in use that the product is exact in float64. Where
    the integers themselves leave int32 they are narrower, so that int64 holds the product.
    """
    bits = max(bound, 1).bit_length()
    width = MANTISSA_BITS if bits <= SUM_BITS else PRODUCT_BITS - bits
    used = min(width, EXACT_BITS - bits) if bits <= SUM_BITS else width
    mantissa, exponent = np.frexp(factors)
    multiplier = np.rint(np.ldexp(mantissa, used)).astype(np.int64) << (width - used)
    carried = multiplier >> width  # a mantissa that was rounded up to 1
    multiplier, shift = multiplier >> carried, width - exponent.astype(np.int64) - carried
    # A factor this small makes 0 of everything; one this large saturates everything.
    tiny = np.clip(shift - LARGEST_SHIFT, 0, MANTISSA_BITS)
    return multiplier >> tiny, np.clip(shift, 1, LARGEST_SHIFT)


def common_fixed_point(factors: FloatArray) -> tuple[tuple[int, ...], int]:
    """(multipliers, the one shift they share) of positive factors; the largest gets 31 bits."""
    _, exponent = np.frexp(factors.max())
    shift = int(np.clip(MANTISSA_BITS - int(exponent), 1, LARGEST_SHIFT))
    return tuple(int(value) for value in np.rint(np.ldexp(factors, shift))), shift


def rescale(sums: IntArray, multiplier: IntArray, shift: IntArray, *, rounding: Rounding = "single") -> IntArray:
    """round(sums · multiplier · 2^-shift), in int64."""
    if rounding == "double":
        return _rescale_twice(sums, multiplier, shift)
    product = sums * multiplier
    odd = (product >> shift) & 1
    return np.asarray((product + ((np.int64(1) << (shift - 1)) - 1 + odd)) >> shift)


def _rescale_twice(sums: IntArray, multiplier: IntArray, shift: IntArray) -> IntArray:
    """A doubling high product rounded half away from zero, then a shift rounded half away from zero."""
    exponent = MANTISSA_BITS - shift
    product = (sums << np.maximum(exponent, 0)) * multiplier
    nudge = np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    high = np.trunc((product + nudge) / 2.0**31).astype(np.int64)
    right = np.maximum(-exponent, 0)
    mask = (np.int64(1) << right) - 1
    threshold = (mask >> 1) + (high < 0)
    return np.asarray((high >> right) + ((high & mask) > threshold))
