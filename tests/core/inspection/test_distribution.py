"""Histograms, ranges and rounding errors of a weight."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from penjing.inspection.distribution import bit_errors, channel_ranges, histogram, sorted_magnitudes, sorted_values

GOLDEN = np.array([[0.2, -0.1, 0.5], [0.3, 0.7, -0.2], [-0.4, 0.1, 0.6]], np.float32)


@given(arrays(np.float32, st.integers(1, 60), elements=st.floats(-8, 8, width=32)), st.integers(1, 20))
def test_that_the_histogram_is_numpys(values: np.ndarray, bins: int) -> None:
    span = (-8.0, 8.0)
    ours = histogram(sorted_values(values), bins=bins, span=span)
    counts, edges = np.histogram(values.astype(np.float64), bins=bins, range=span)
    assert ours.counts.tolist() == counts.tolist()
    assert np.allclose(ours.edges, edges)


def test_that_equal_values_still_make_a_histogram() -> None:
    assert histogram(np.full(5, 2.0, np.float32), bins=3).counts.sum() == 5
    assert histogram(np.zeros(0, np.float32), bins=3).counts.tolist() == [0, 0, 0]


def test_that_the_place_of_a_threshold_counts_what_it_zeroes() -> None:
    ordered = sorted_magnitudes(GOLDEN)
    assert np.searchsorted(ordered, np.float32(0.3)) == 4  # METHODS §5: zeros 4/9


def test_that_ranges_are_per_filter() -> None:
    expected = np.array([[-0.1, 0.5], [-0.2, 0.7], [-0.4, 0.6]], np.float32)
    assert np.array_equal(channel_ranges(GOLDEN), expected)


def test_that_rounding_errors_are_the_golden_ones() -> None:
    found = {error.bits: error for error in bit_errors(GOLDEN, per_channel=False)}
    assert found[8].max_abs == pytest.approx(0.0023622, abs=1e-7)
    assert found[8].sqnr_db == pytest.approx(48.50, abs=0.005)
    assert found[2].sqnr_db == pytest.approx(6.43, abs=0.005)
    assert found[4].max_abs < 1e-7  # S = .1 exactly: more bits are not always better here


def test_that_a_weight_of_zeros_loses_nothing() -> None:
    assert all(error.mean_squared == 0 and math.isinf(error.sqnr_db) for error in bit_errors(np.zeros((2, 3))))


def test_that_a_scale_of_its_own_makes_no_filter_worse() -> None:
    random = np.random.default_rng(0)
    weight = (random.standard_normal((8, 40)) * np.logspace(-2, 0, 8)[:, None]).astype(np.float32)
    for own, shared in zip(bit_errors(weight), bit_errors(weight, per_channel=False), strict=True):
        assert own.mean_squared < shared.mean_squared
