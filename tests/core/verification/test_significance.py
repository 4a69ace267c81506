"""McNemar's exact test against the sum of its definition in whole numbers."""

from fractions import Fraction

import pytest

from penjing.verification.significance import mcnemar


@pytest.mark.parametrize(("lost", "gained"), [(10, 2), (1, 0), (0, 5), (30, 31), (400, 700), (9000, 8700), (0, 3000)])
def test_that_the_p_value_is_the_two_sided_binomial_one(lost: int, gained: int) -> None:
    n, tail, ways = lost + gained, 0, 1
    for k in range(min(lost, gained) + 1):
        tail += ways  # n over k
        ways = ways * (n - k) // (k + 1)
    assert mcnemar(lost=lost, gained=gained) == pytest.approx(float(Fraction(2 * tail, 2**n)), rel=1e-9)


def test_that_nothing_changed_is_no_evidence() -> None:
    assert mcnemar(lost=0, gained=0) == 1.0


def test_that_ten_lost_and_two_gained_give_the_number_worked_out_by_hand() -> None:
    # 2 (1 + 12 + 66) / 2^12
    assert mcnemar(lost=10, gained=2) == pytest.approx(158 / 4096, rel=1e-12)
