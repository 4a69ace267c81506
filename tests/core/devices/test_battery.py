"""Days a battery lasts, by hand, and where that cannot be told."""

import pytest

from penjing.devices.battery import Battery, Duty, days

CELL = Battery(capacity_mah=220, volts=3.0)


def test_that_a_battery_lasts_its_charge_over_the_mean_power() -> None:
    # 220 mAh · 3 V = 2,376 J; an hour takes 60 · 5 mJ and 6 µW · (3,600 - 60 · 0.1) s = 0.3 + 0.021564 J.
    expected = 2376 / (24 * (0.3 + 6e-6 * 3594))
    assert days(CELL, Duty(per_hour=60, sleep_uw=6), energy_mj=5, latency_ms=100) == pytest.approx(expected)


def test_that_sleep_alone_empties_it() -> None:
    assert days(CELL, Duty(per_hour=0, sleep_uw=3), energy_mj=5, latency_ms=1) == pytest.approx(2376 / 3e-6 / 86400)


@pytest.mark.parametrize(
    ("duty", "energy", "latency"),
    [
        (Duty(per_hour=1, sleep_uw=1), None, 1.0),
        (Duty(per_hour=1, sleep_uw=1), 1.0, None),
        (Duty(per_hour=3601, sleep_uw=1), 1.0, 1000.0),  # more seconds of work than an hour has
        (Duty(per_hour=0, sleep_uw=0), 1.0, 1.0),
    ],
)
def test_that_nothing_is_told_where_nothing_is_known_or_used(duty: Duty, energy: float, latency: float) -> None:
    assert days(CELL, duty, energy_mj=energy, latency_ms=latency) is None
