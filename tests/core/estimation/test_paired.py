"""The paired difference: unbiased, exact in the end; its interval holds and needs far fewer samples than Wilson's."""

import numpy as np
import pytest
from numpy.typing import NDArray

from penjing.estimation.interval import wilson
from penjing.estimation.paired import SHARES, Draw, chosen, difference, flip_chances, strata

Vector = NDArray[np.float64]


def networks(random: np.random.Generator, *, count: int = 1000) -> tuple[Vector, Vector]:
    """Margins of a network that is right on most samples, and of one whose margins shrank and moved."""
    before = random.normal(4, 2.5, count)
    noise = random.choice([0.05, 0.2, 0.5, 1.0]) * random.standard_t(4, count)
    after = before * random.uniform(0.7, 1.0) + noise * (0.5 + 0.2 * np.abs(before))
    if random.random() < 0.2:  # one class of ten falls, whatever its margins were
        after[random.random(count) < 0.1] -= 4
    return before, after


def batches(margins: Vector, sizes: tuple[int, ...], variances: tuple[float, ...] = ()) -> list[NDArray[np.int64]]:
    """All that is drawn, in batches of these sizes, all others as large as the last."""
    draw, parts = Draw(strata(margins)), list[NDArray[np.int64]]()
    while sum(map(len, parts)) < len(margins):
        parts.append(draw.batch(sizes[min(len(parts), len(sizes) - 1)], variances if parts else ()))
    return parts


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 33, 1000])
def test_that_batches_take_every_sample_once_the_small_margins_first(count: int) -> None:
    margins = np.random.default_rng(0).normal(size=count)
    parts = batches(margins, (16, 32))
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(count))
    assert [len(part) for part in parts[:2]] == [min(16, count), min(32, count - 16)][: len(parts)]
    if count == 1000:
        sizes = [np.abs(margins[part]).mean() for part in parts]
        assert sizes[0] < np.abs(margins).mean() < sizes[-1]


def test_that_batches_take_most_where_shares_and_variances_are_large_until_all_are_taken() -> None:
    margins = np.random.default_rng(0).normal(size=1000)
    variances = (0.25, 0.16, 0.04, 0.01, 0.0025)
    place = strata(margins)
    found = batches(margins, (10, 190), variances)
    taken = np.bincount(place[np.concatenate(found[:2])], minlength=5)
    shares = np.array([*SHARES, 1 - sum(SHARES)])
    wanted = 200 * shares * np.sqrt(variances) / (shares * np.sqrt(variances)).sum()  # Neyman: n_h ~ W_h sigma_h
    assert taken == pytest.approx(wanted, abs=1.5)
    assert np.array_equal(np.sort(np.concatenate(found)), np.arange(1000))


def test_that_the_mean_is_that_of_the_strata_and_exact_in_the_end() -> None:
    before, after = networks(np.random.default_rng(3))
    change, place = (after > 0) - (before > 0).astype(float), strata(before)
    seen = np.zeros(1000, np.bool_)
    seen[Draw(strata(before)).batch(100)] = True
    found = difference(before, after, change, seen, place)
    by_hand = sum((place == one).mean() * change[(place == one) & seen].mean() for one in range(5))
    assert found.mean == pytest.approx(by_hand, abs=1e-12)
    everything = difference(before, after, change, np.ones(1000, np.bool_), place)
    assert everything.mean == pytest.approx(change.mean(), abs=1e-12)
    assert everything.half == 0


def test_that_the_interval_holds_for_95_of_100_networks_and_needs_few_samples() -> None:
    random, inside, samples, wilsons = np.random.default_rng(5), [], [], []
    for _ in range(150):
        before, after = networks(random)
        order = random.permutation(1000)  # what `Draw` draws is drawn anew for each network
        before, after = before[order], after[order]
        change, place = (after > 0) - (before > 0).astype(float), strata(before)
        seen, first = np.zeros(1000, np.bool_), None
        draw, variances, number = Draw(strata(before)), (), 0
        while not seen.all():
            seen[draw.batch((16, 16, 32, 64)[min(number, 3)], variances)] = True
            found = difference(before, after, change, seen, place)
            number, variances = number + 1, found.variances
            inside.append(abs(found.mean - change.mean()) <= found.half + 1e-12)
            if first is None and found.half <= 0.02:
                first = int(seen.sum())
        share = float((after > 0).mean())
        needed = next(n for n in range(10, 3000, 10) if np.diff(wilson(share, n))[0] <= 0.04)
        samples.append(first)
        wilsons.append(needed)
    assert np.mean(inside) >= 0.95
    assert np.median(np.array(wilsons) / np.array(samples)) >= 4


def test_that_chances_of_a_flip_fall_with_the_margin_and_know_both_sides() -> None:
    random = np.random.default_rng(1)
    before = random.normal(0, 3, 200)
    chances = flip_chances(np.array([0.1, 1.0, 4.0, 9.0, -0.1, -4.0]), before, random.normal(0, 1, 200))
    # Moved by a standard normal: P(z < -0.1) = 0.46, P(z < -1) = 0.159.
    assert chances[:2] == pytest.approx([0.46, 0.159], abs=0.08)
    assert chances[0] > chances[1] > chances[2] > chances[3]
    assert chances[4] == pytest.approx(0.46, abs=0.08)
    assert chances[5] < 0.05


def test_that_samples_near_the_border_are_chosen_densely_and_each_counts_for_those_it_stands_for() -> None:
    margins = np.random.default_rng(5).normal(3, 2, 8000)
    places, weights = chosen(margins, 500)
    assert 450 <= len(places) <= 500
    assert len(np.unique(places)) == len(places)
    assert weights.sum() == pytest.approx(1)
    taken = np.zeros(8000, np.bool_)
    taken[places] = True
    near, far = np.abs(margins) < 0.05, np.abs(margins) > 3
    assert taken[near].mean() > 10 * taken[far].mean()
    for border in (-1.0, 0.0, 0.3, 1.0, 3.0, 5.0):  # what 500 samples alike tell to 2 points, these tell to one
        share = float(weights[margins[places] < border].sum())
        assert share == pytest.approx(float((margins < border).mean()), abs=0.01)
    few, alike = chosen(margins[:300], 500)
    assert few.tolist() == list(range(300))
    assert alike.tolist() == [1 / 300] * 300
