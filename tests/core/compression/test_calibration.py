"""Ranges of activations from what was observed."""

import itertools

import numpy as np
import pytest
import torch

from penjing.catalogue.methods import methods
from penjing.compression.calibration import CALIBRATORS, VALUES_PER_BATCH, Observed, drawn, lost_information, part_of


def observed(*batches: torch.Tensor) -> Observed:
    found, generator = Observed(), torch.Generator().manual_seed(0)
    for batch in batches:
        found = found.with_batch(batch, generator)
    return found


@pytest.mark.parametrize("samples", [8, 24 * VALUES_PER_BATCH // 1000])
def test_that_a_batch_in_parts_shows_what_it_shows_whole(samples: int) -> None:
    batch = torch.randn(samples, 5, 200, generator=torch.Generator().manual_seed(1))
    whole = observed(batch)
    draws = drawn(batch.numel(), torch.Generator().manual_seed(0))
    assert (draws is None) == (samples == 8)
    cuts = (0, 3, 4, samples)
    parts = [part_of(batch[first:last], first, draws) for first, last in itertools.pairwise(cuts)]
    split = Observed().with_parts(parts, draws)
    assert split.ranges == whole.ranges
    assert np.array_equal(split.all_values, whole.all_values)
    assert np.array_equal(np.concatenate(split.shares), np.concatenate(whole.shares))
    assert len(split.all_values) == min(batch.numel(), VALUES_PER_BATCH)


def test_that_what_is_no_number_is_seen_in_any_part() -> None:
    batch = torch.tensor([[1.0], [float("nan")], [2.0]])
    parts = [part_of(batch[row : row + 1], row, None) for row in range(3)]
    assert np.isnan(Observed().with_parts(parts, None).extremes).all()


def test_that_the_calibrators_are_those_of_the_catalogue() -> None:
    assert set(CALIBRATORS) == set(methods("calibrator"))


def test_that_minmax_takes_the_extremes_of_all_batches() -> None:
    seen = observed(torch.tensor([1.0, -2.0]), torch.tensor([[0.5], [7.0]]))
    assert CALIBRATORS["minmax"](seen, 8) == (-2.0, 7.0)


def test_that_extremes_are_exact_though_only_a_sample_of_the_values_is_kept() -> None:
    values = torch.zeros(4 * VALUES_PER_BATCH)
    values[12345], values[54321] = -3.0, 9.0
    seen = observed(values)
    assert len(seen.all_values) == VALUES_PER_BATCH
    assert seen.extremes == (-3.0, 9.0)


def test_that_percentile_leaves_one_in_ten_thousand_out_on_either_side() -> None:
    # 0, 1, …, 10 000: the quantiles at 0.0001 and 0.9999 are exactly 1 and 9 999.
    low, high = CALIBRATORS["percentile"](observed(torch.arange(10_001.0)), 8)
    assert (low, high) == (pytest.approx(1.0), pytest.approx(9_999.0))


def test_that_mse_keeps_the_whole_range_of_evenly_spread_values_and_cuts_a_lone_outlier_off() -> None:
    even = torch.linspace(-1, 1, 4_001)
    low, high = CALIBRATORS["mse"](observed(even[None]), 8)
    assert high - low == pytest.approx(2.0, rel=0.05)
    outlier = torch.cat([even, torch.tensor([8.0])])
    low, high = CALIBRATORS["mse"](observed(outlier[None]), 4)
    assert high < 4.0


def test_that_mse_is_as_good_as_trying_every_pair_of_ends_in_float64() -> None:
    generator = torch.Generator().manual_seed(3)
    # Ten samples, one of them thirty times as large as the others: its error counts in relation to its size.
    values = torch.randn(10, 400, generator=generator).double().numpy() ** 3
    values[4] *= 30
    seen = observed(*torch.from_numpy(values).float().split(10))
    sizes = np.mean(values**2, axis=1, keepdims=True)
    sizes = sizes + 0.01 * np.mean(sizes)

    def error(low: float, high: float) -> float:
        scale = (high - low) / 15
        zero = np.rint(-8 - low / scale)
        codes = np.clip(np.rint(values / scale) + zero, -8, 7)
        return float(np.mean((values - scale * (codes - zero)) ** 2 / sizes))

    low, high = CALIBRATORS["minmax"](seen, 4)
    shares = np.linspace(0.02, 1, 50)
    best = min(error(low * one, high * other) for one in shares for other in shares)
    assert best < 0.9 * error(low, high)
    assert error(*CALIBRATORS["mse"](seen, 4)) < 1.03 * best


def test_that_one_violent_sample_does_not_decide_about_the_range_of_all_the_others() -> None:
    calm = torch.rand(63, 500, generator=torch.Generator().manual_seed(0)) * 2 - 1
    violent = torch.rand(1, 500, generator=torch.Generator().manual_seed(1)) * 40 - 20
    low, high = CALIBRATORS["mse"](observed(torch.cat([calm, violent])), 6)
    assert high - low < 20
    _, quiet = CALIBRATORS["mse"](observed(torch.cat([calm, torch.zeros(1, 500)])), 6)
    assert quiet == pytest.approx(1.0, rel=0.05)  # a sample of zeros has no size and no error


def test_that_the_moving_average_counts_a_new_batch_one_tenth() -> None:
    seen = observed(torch.tensor([-1.0, 1.0]), torch.tensor([0.0, 2.0]), torch.tensor([0.0, 3.0]))
    # highs 1 → .9 + .2 = 1.1 → .99 + .3 = 1.29; lows -1 → -.9 → -.81
    assert CALIBRATORS["ema"](seen, 8) == (pytest.approx(-0.81), pytest.approx(1.29))


def test_that_lost_information_is_the_kl_divergence_of_the_definition() -> None:
    counts = np.array([4, 0, 2, 6, 1, 3, 5, 9])
    kept = np.array([False, True, True, True, True, True, True, False])
    # p: the six bins in the middle, what is clipped added at the ends: 4, 2, 6, 1, 3, 5 + 9 of 30.
    p = np.array([4, 2, 6, 1, 3, 14]) / 30
    # q of three parts (0 + 2, 6 + 1, 3 + 5), spread over the bins that p fills.
    q = np.array([1, 1, 3.5, 3.5, 4, 4]) / 17
    assert lost_information(counts, kept, 3) == pytest.approx(float(np.sum(p * np.log(p / q))))


def test_that_entropy_keeps_what_is_even_and_cuts_a_long_thin_tail() -> None:
    even = torch.linspace(0, 1, 20_001)
    assert CALIBRATORS["entropy"](observed(even), 8)[1] == pytest.approx(1.0, rel=0.02)
    tail = torch.cat([even, torch.linspace(1, 20, 20)])
    assert CALIBRATORS["entropy"](observed(tail), 6)[1] < 15


def test_that_the_zeros_of_a_relu_do_not_make_entropy_cut_everything_else() -> None:
    sparse = torch.cat([torch.zeros(20_000), torch.linspace(0, 1, 2_000)])
    assert CALIBRATORS["entropy"](observed(sparse), 8)[1] > 0.9


def test_that_one_frequent_value_does_not_make_entropy_cut_everything_else() -> None:
    # A picture: most pixels have the darkest value, the others are spread over 255 brighter ones.
    picture = torch.cat([torch.full((20_000,), -0.43), torch.linspace(-0.42, 2.81, 255).repeat(20)])
    for bits in (4, 6, 8):
        low, high = CALIBRATORS["entropy"](observed(picture), bits)
        inside = (picture >= low) & (picture <= high)
        assert inside.double().mean() > 0.98, bits
