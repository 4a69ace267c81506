"""Integer rescaling against exact fractions and against gemmlowp's definition."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from penjing.compression.fixed_point import common_fixed_point, fixed_point, rescale

factors = st.floats(1e-9, 100, allow_nan=False, allow_infinity=False)
sums = st.integers(-(2**31) + 1, 2**31 - 1)


def one(factor: float, bound: int) -> tuple[int, int]:
    multiplier, shift = fixed_point(np.array(factor), bound=bound)
    return int(multiplier), int(shift)


@given(factor=factors, bound=st.integers(1, 2**31 - 1))
def test_that_a_factor_becomes_a_q31_mantissa_within_its_precision(factor: float, bound: int) -> None:
    multiplier, shift = one(factor, bound)
    assert 2**30 <= multiplier < 2**31
    used = min(31, 53 - bound.bit_length())
    assert abs(Fraction(multiplier, 2**shift) / Fraction(factor) - 1) <= Fraction(1, 2**used)
    assert multiplier * bound % (1 << (31 - used)) == 0  # the product fits 53 bits: exact in float64


@given(factor=factors, bits=st.integers(32, 44), value=st.integers(-(2**44), 2**44))
def test_that_sums_beyond_int32_leave_room_for_their_products_in_int64(factor: float, bits: int, value: int) -> None:
    bound = (1 << bits) - 1
    multiplier, shift = one(factor, bound)
    assert abs(Fraction(multiplier, 2**shift) / Fraction(factor) - 1) <= Fraction(1, 2 ** (62 - bits))
    assert multiplier * bound + (1 << (shift - 1)) < 2**63
    value = max(-bound, min(value, bound))
    found = rescale(np.array([value]), np.array([multiplier]), np.array([shift]))
    assert int(found[0]) == round(Fraction(value) * multiplier / 2**shift)


def test_that_one_half_is_2_to_the_30_over_2_to_the_31() -> None:
    assert one(0.5, 1000) == (2**30, 31)
    assert one(1.0, 1000) == (2**30, 30)


def test_that_tiny_factors_make_nothing_of_everything() -> None:
    multiplier, shift = fixed_point(np.array([1e-30]), bound=2**31 - 1)
    assert rescale(np.array([2**31 - 1]), multiplier, shift).tolist() == [0]


@given(factor=factors, value=sums)
def test_that_single_rounding_is_the_exact_product_rounded_half_to_even(factor: float, value: int) -> None:
    multiplier, shift = one(factor, 2**31 - 1)
    found = rescale(np.array([value]), np.array([multiplier]), np.array([shift]))
    assert int(found[0]) == round(Fraction(value) * multiplier / 2**shift)  # Python rounds fractions half to even


def test_that_ties_go_to_even() -> None:
    half = (np.array([2**30]), np.array([31]))
    assert rescale(np.array([1, 3, 5, -1, -3]), *half).tolist() == [0, 2, 2, 0, -2]


def test_that_double_rounding_is_gemmlowps() -> None:
    def high(a: int, b: int) -> int:
        product = a * b
        nudged = product + ((1 << 30) if product >= 0 else 1 - (1 << 30))
        return -(-nudged // 2**31) if nudged < 0 else nudged // 2**31

    def shifted(a: int, by: int) -> int:
        mask = (1 << by) - 1
        return (a >> by) + ((a & mask) > (mask >> 1) + (a < 0))

    random = np.random.default_rng(0)
    for _ in range(500):
        value, multiplier = int(random.integers(-(2**24), 2**24)), int(random.integers(2**30, 2**31))
        exponent = int(random.integers(-12, 1))
        found = rescale(np.array([value]), np.array([multiplier]), np.array([31 - exponent]), rounding="double")
        assert int(found[0]) == shifted(high(value, multiplier), -exponent)


def test_that_double_rounding_differs_from_single_where_it_rounds_a_rounded_number() -> None:
    # 0.4999…: the doubling product rounds it to a half, which is then rounded up.
    multiplier, shift = np.array([2**31 - 1]), np.array([34])
    values = np.array([4])
    assert rescale(values, multiplier, shift).tolist() == [0]
    assert rescale(values, multiplier, shift, rounding="double").tolist() == [1]


@given(first=factors, second=factors)
def test_that_summed_factors_share_a_shift_and_the_larger_keeps_31_bits(first: float, second: float) -> None:
    (one_factor, other), shift = common_fixed_point(np.array([first, second]))
    assert 2**30 <= max(one_factor, other) <= 2**31
    for found, wanted in ((one_factor, first), (other, second)):
        assert abs(Fraction(found, 2**shift) - Fraction(wanted)) <= Fraction(1, 2 ** (shift + 1))
