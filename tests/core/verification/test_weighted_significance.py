"""McNemar's test of samples that stand for different numbers of others."""

import itertools
import math

import numpy as np
import pytest

from penjing.verification.significance import mcnemar, weighted_mcnemar


@pytest.mark.parametrize(("lost", "gained"), [(19, 7), (0, 5), (3, 3), (1, 0), (60, 30), (400, 340)])
def test_that_equal_weights_give_the_plain_test(lost: int, gained: int) -> None:
    found = weighted_mcnemar(lost=np.full(lost, 2.5), gained=np.full(gained, 2.5))
    least, n = min(lost, gained), lost + gained
    by_hand = min(1.0, 2 * sum(math.comb(n, k) for k in range(least + 1)) / 2**n)
    assert found == pytest.approx(by_hand, rel=1e-9)
    assert found == mcnemar(lost=lost, gained=gained)


def test_that_unequal_weights_give_the_share_of_all_signs_that_are_as_far_apart() -> None:
    lost, gained = np.array([1.0, 1.0, 0.25, 0.5, 0.25, 1.0]), np.array([0.5, 0.25, 0.25, 1.0])
    weights = np.concatenate([lost, gained])
    apart = abs(lost.sum() - gained.sum())
    sums = [abs(np.dot(signs, weights)) for signs in itertools.product((-1, 1), repeat=len(weights))]
    expected = np.mean([one >= apart - 1e-9 for one in sums])
    assert weighted_mcnemar(lost=lost, gained=gained) == pytest.approx(expected, abs=1e-9)


def test_that_the_normal_one_of_many_samples_meets_the_exact_one_of_fewer() -> None:
    rng = np.random.default_rng(0)
    weights = rng.choice([1.0, 3.0, 10.0], size=198)
    exact = weighted_mcnemar(lost=weights[:120], gained=weights[120:])
    more = np.concatenate([weights, [1e-6] * 4])  # what stands for nothing changes nothing, but there are too many
    normal = weighted_mcnemar(lost=more[:120], gained=more[120:])
    assert normal == pytest.approx(exact, abs=0.02)


def test_that_all_on_one_side_is_as_likely_as_that_is() -> None:
    lost = np.tile([1.0, 4.0], 40)
    assert weighted_mcnemar(lost=lost, gained=np.zeros(0)) == pytest.approx(2 / 2**80, rel=1e-9)


def test_that_nothing_changed_is_chance() -> None:
    assert weighted_mcnemar(lost=np.zeros(0), gained=np.zeros(0)) == 1.0


def test_that_a_draw_that_looks_where_samples_are_lost_does_not_take_that_for_a_drop() -> None:
    """Half of the split is drawn tenfold: as many are lost there as are gained, in fact, elsewhere."""
    lost, gained = np.full(20, 1.0), np.full(2, 10.0)
    assert weighted_mcnemar(lost=lost, gained=gained) == 1.0
    assert mcnemar(lost=20, gained=2) < 0.001
