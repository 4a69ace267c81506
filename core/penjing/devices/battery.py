"""How long a battery lasts that wakes a device for some inferences an hour and lets it sleep in between.

>>> cell = Battery(capacity_mah=220, volts=3.0)
>>> round(days(cell, Duty(per_hour=60, sleep_uw=6.0), energy_mj=5.0, latency_ms=100.0), 1)
307.9
"""

from typing import Annotated

import msgspec
from msgspec import Meta

SECONDS_A_DAY = 86_400.0
_HOUR = 3600.0


class Battery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A cell; all of its charge is taken to be usable at one voltage."""

    capacity_mah: Annotated[float, Meta(gt=0, le=1e7)]
    volts: Annotated[float, Meta(gt=0, le=1e3)]

    @property
    def energy_j(self) -> float:
        """Joules: mAh · 3.6 C · V."""
        return self.capacity_mah * 3.6 * self.volts


class Duty(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the device does."""

    per_hour: Annotated[float, Meta(ge=0, le=1e9)]
    """Inferences."""
    sleep_uw: Annotated[float, Meta(ge=0, le=1e9)]
    """Microwatts between inferences: sleep current · voltage."""


def days(battery: Battery, duty: Duty, *, energy_mj: float | None, latency_ms: float | None) -> float | None:
    """Days until the cell is empty.

    Charge over mean power: inferences · energy, and sleep in what is left of the hour. None where the energy or the
    time is unknown, where the hour is too short for the inferences, or where nothing is used at all.
    """
    if energy_mj is None or latency_ms is None:
        return None
    awake = duty.per_hour * latency_ms / 1e3
    if awake > _HOUR:
        return None
    joules_an_hour = duty.per_hour * energy_mj / 1e3 + duty.sleep_uw * 1e-6 * (_HOUR - awake)
    return None if joules_an_hour == 0 else battery.energy_j / (joules_an_hour * SECONDS_A_DAY / _HOUR)
