"""Intervals: Wilson's golden numbers, Student's quantiles, clustered samples against a bootstrap."""

import numpy as np
import pytest
from numpy.typing import NDArray

from penjing.estimation.interval import effective_samples, independent_samples, student_quantile, wilson
from penjing.estimation.measured import accuracy_of


# Newcombe 1998 (Statistics in Medicine 17:857), table I, method 3.
@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_that_wilson_gives_published_intervals(hits: int, n: int, low: float, high: float) -> None:
    assert wilson(hits / n, n) == pytest.approx((low, high), abs=5e-5)


def test_that_no_samples_say_nothing() -> None:
    assert wilson(0.0, 0) == (0.0, 1.0)


# Standard tables of Student's t, two-sided 5 %.
@pytest.mark.parametrize(
    ("freedom", "expected"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571), (9, 2.262), (29, 2.045), (200, 1.972)],
)
def test_that_student_quantiles_are_those_of_the_tables(freedom: int, expected: float) -> None:
    assert student_quantile(freedom) == pytest.approx(expected, rel=2e-3)


def _recordings(seed: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Windows of 40 recordings of different length, each with a hit rate of its own."""
    random = np.random.default_rng(seed)
    sizes = random.integers(5, 40, 40)
    rates = np.repeat(random.beta(6, 2, 40), sizes)
    return random.random(len(rates)) < rates, np.repeat(np.arange(40) * 7 + 3, sizes)


@pytest.mark.parametrize("seed", range(4))
def test_that_clustered_intervals_are_as_wide_as_a_bootstrap_of_recordings(seed: int) -> None:
    hits, groups = _recordings(seed)
    _, place = np.unique(groups, return_inverse=True)
    sizes, sums = np.bincount(place), np.bincount(place, weights=hits)
    drawn = np.random.default_rng(seed).integers(0, len(sizes), (20_000, len(sizes)))
    shares = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    bootstrap = np.quantile(shares, [0.025, 0.975])
    found = accuracy_of(hits, groups=groups)
    assert found.high - found.low == pytest.approx(bootstrap[1] - bootstrap[0], rel=0.15)
    assert (found.low, found.high) == pytest.approx(tuple(bootstrap), abs=0.015)


def test_that_samples_of_independent_clusters_count_fully_but_never_more() -> None:
    random = np.random.default_rng(0)
    hits, groups = random.random(4000) < 0.8, np.arange(4000)
    assert 0.97 * 4000 < effective_samples(hits, groups) <= 4000


def test_that_recordings_that_are_all_right_or_all_wrong_count_as_one_sample_each() -> None:
    right = np.random.default_rng(0).random(200) < 0.7
    worth = effective_samples(np.repeat(right, 50), np.repeat(np.arange(200), 50))
    assert worth == pytest.approx(200, rel=0.05)


def test_that_one_recording_says_next_to_nothing() -> None:
    found = accuracy_of(np.ones(500, np.bool_), groups=np.zeros(500, np.int64))
    assert found.low < 0.25 and found.n == 500


def test_that_nothing_but_hits_in_few_recordings_leaves_doubt() -> None:
    clustered = accuracy_of(np.ones(300, np.bool_), groups=np.repeat(np.arange(10), 30))
    assert clustered.low == pytest.approx(wilson(1.0, 10)[0])


def test_that_as_many_independent_samples_are_found_as_the_interval_was_made_of() -> None:
    hits = np.random.default_rng(4).random(600) < 0.9
    assert independent_samples(accuracy_of(hits)) == pytest.approx(600, abs=0.01)
    groups = np.repeat(np.arange(30), 20)
    together = np.random.default_rng(5).random(30)[groups] < 0.8  # whole groups are right or wrong
    found = independent_samples(accuracy_of(together, groups=groups))
    assert found == pytest.approx(effective_samples(together, groups), rel=1e-6)
    assert found < 40
