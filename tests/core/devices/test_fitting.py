"""Fitting costs to times: known answers, priors where nothing was seen, and the shipped rates from published times."""

import math

import numpy as np
import pytest

from benchmarks.latency import left_out, profiles, shown_bands
from benchmarks.latency_fit import CLASSES, published
from penjing.devices.fitting import Observation, band, solve
from penjing.devices.profiles import device, devices


def test_that_times_of_known_costs_give_the_costs_back() -> None:
    costs = np.array([0.5, 2.0, 8.0])
    random = np.random.default_rng(0)
    seen = [Observation(work, np.eye(3), math.log(float(work @ costs))) for work in random.uniform(0.1, 5, size=(6, 3))]
    found = solve(seen, mean=np.zeros(3), spread=np.full(3, 1e3), noise=1e-3)
    assert np.exp(found.mean) == pytest.approx(costs, rel=1e-4)


def test_that_what_nobody_measured_stays_as_it_was_expected() -> None:
    seen = [Observation(np.array([3.0, 0.0]), np.eye(2), math.log(6.0))]
    found = solve(seen, mean=np.log([1.0, 7.0]), spread=np.array([1e3, 0.25]), noise=0.01)
    assert np.exp(found.mean) == pytest.approx([2.0, 7.0], rel=1e-6)
    assert found.covariance[1, 1] == pytest.approx(0.25**2)


def test_that_a_spread_covers_nine_of_ten() -> None:
    # One unknown, one measurement: variance 1 / (1 / prior² + 1 / noise²), and that of one more measurement on top.
    seen = [Observation(np.array([1.0]), np.eye(1), 0.3)]
    found = solve(seen, mean=np.zeros(1), spread=np.array([0.4]), noise=0.1)
    _, spread = found.predict(seen[0])
    variance = 1 / (1 / 0.4**2 + 1 / 0.1**2)
    assert spread == pytest.approx(math.sqrt(variance + 0.1**2))
    assert found.mean[0] == pytest.approx(0.3 * variance / 0.1**2)
    assert band(0.1) == pytest.approx(0.2)  # exp(0.1645) - 1 = 0.179, rounded up


def test_that_far_away_starts_arrive() -> None:
    seen = [Observation(np.array([1.0, 1.0]), np.eye(2), 10.0), Observation(np.array([1.0, 0.0]), np.eye(2), -5.0)]
    found = solve(seen, mean=np.zeros(2), spread=np.full(2, 1e4), noise=0.01)
    assert found.mean == pytest.approx([-5.0, 10.0], abs=1e-3)


def test_that_shipped_rates_are_those_of_the_published_times() -> None:
    shipped = {one.name for one in devices()}
    systems = published()
    bands, written = shown_bands(left_out(systems)), profiles(systems)
    for system in systems:
        if system.device not in shipped:
            continue
        rates = device(system.device).with_library(system.library).rates("int8")
        assert rates is not None, system
        lines = dict(line.split(" = ") for line in written[system.device, system.library].splitlines()[2:])
        for kind in CLASSES:
            assert rates.of(kind) == pytest.approx(float(lines[kind])), (system.device, system.library, kind)
        assert rates.band == bands[system.device, system.library] == float(lines["band"])
        if system.uj:
            assert rates.power_mw == pytest.approx(float(lines["power_mw"]))


def test_that_nine_of_ten_unseen_times_lie_in_the_shown_band_and_most_within_15_percent() -> None:
    systems = published()
    unseen = left_out(systems)
    bands = shown_bands(unseen)
    inside = [abs(one.error) <= bands[one.result.system.device, one.result.system.library] for one in unseen]
    assert len(unseen) == 60 and sum(inside) >= 54
    assert sum(abs(one.error) for one in unseen) / 60 <= 0.15
    names = [system.library for system in systems]
    shared = [abs(one.error) for one in unseen if names.count(one.result.system.library) > 1]
    assert len(shared) == 48 and sum(shared) / 48 <= 0.08 and max(shared) <= 0.2
