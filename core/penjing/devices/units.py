"""Sizes, times, energies, batteries and points as people write them: `64KiB`, `20ms`, `1mJ`; and back into words.

>>> parse_size("64KiB"), parse_time("20ms"), parse_energy("1mJ")
(65536, 20.0, 1.0)
>>> size_text(65536), size_text(-676)
('64 KiB', '−676 B')
"""

import math
import re
from collections.abc import Mapping

from penjing.assets import minus
from penjing.errors import UserError

_SIZES = {
    "": 1.0,
    "b": 1.0,
    "kb": 1e3,
    "mb": 1e6,
    "gb": 1e9,
    "kib": 2.0**10,
    "mib": 2.0**20,
    "gib": 2.0**30,
    "k": 2.0**10,
    "m": 2.0**20,
    "g": 2.0**30,
}
_TIMES = {"": 1.0, "ns": 1e-6, "us": 1e-3, "µs": 1e-3, "μs": 1e-3, "ms": 1.0, "s": 1e3}
_ENERGIES = {"": 1.0, "nj": 1e-6, "uj": 1e-3, "µj": 1e-3, "μj": 1e-3, "mj": 1.0, "j": 1e3}
_CHARGES = {"": 1.0, "mah": 1.0, "ah": 1e3}
_CURRENTS = {"": 1.0, "na": 1e-3, "ua": 1.0, "µa": 1.0, "μa": 1.0, "ma": 1e3, "a": 1e6}
_VOLTAGES = {"": 1.0, "mv": 1e-3, "v": 1.0}
_LARGEST = 2.0**50
_NUMBER = re.compile(r"\s*([0-9]{1,18}(?:\.[0-9]{0,18})?)\s*([A-Za-zµμ]{0,4})\s*")


def parse_size(value: str | int) -> int:
    """Bytes of `65536`, `64KiB`, `1.5 MiB`, `64K` (binary) or `64kB` (decimal).

    Raises:
        UserError: `units.size`.
    """
    return round(_parse(str(value), _SIZES, "units.size"))


def parse_time(value: str | int | float) -> float:
    """Milliseconds of `20ms`, `0.02s`, `500us`; a bare number is milliseconds.

    Raises:
        UserError: `units.time`.
    """
    return _parse(str(value), _TIMES, "units.time")


def parse_energy(value: str | int | float) -> float:
    """Millijoules of `1mJ`, `500uJ`, `0.001J`; a bare number is millijoules.

    Raises:
        UserError: `units.energy`.
    """
    return _parse(str(value), _ENERGIES, "units.energy")


def parse_charge(value: str | int | float) -> float:
    """Milliampere-hours of `220mAh`, `1.2Ah`; a bare number is milliampere-hours.

    Raises:
        UserError: `units.charge`.
    """
    return _parse(str(value), _CHARGES, "units.charge")


def parse_current(value: str | int | float) -> float:
    """Microamperes of `2uA`, `0.5mA`; a bare number is microamperes.

    Raises:
        UserError: `units.current`.
    """
    return _parse(str(value), _CURRENTS, "units.current")


def parse_voltage(value: str | int | float) -> float:
    """Volts of `3V`, `1500mV`; a bare number is volts.

    Raises:
        UserError: `units.voltage`.
    """
    return _parse(str(value), _VOLTAGES, "units.voltage")


def parse_points(value: str | int | float) -> float:
    """Percentage points 0..100 of `1.0`.

    Raises:
        UserError: `units.points`.
    """
    found = _NUMBER.fullmatch(str(value))
    if found is None or found[2] or float(found[1]) > 100:
        raise UserError("units.points", value=value)
    return float(found[1])


def size_text(size: float) -> str:
    """A number of bytes for people: `49,152 B` is `48 KiB`; three digits at most after rounding."""
    if abs(size) < 1024:
        return minus(f"{size:.0f} B")
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if abs(size) >= unit:
            return f"{_short(size / unit)} {name}"
    raise AssertionError(size)  # NaN


def _short(value: float) -> str:
    shown = f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"
    return minus(shown.rstrip("0").rstrip(".") if "." in shown else shown)


def _parse(text: str, units: Mapping[str, float], code: str) -> float:
    found = _NUMBER.fullmatch(text)
    factor = units.get(found[2].casefold()) if found else None
    if found is None or factor is None:
        raise UserError(code, value=text)
    value = float(found[1]) * factor
    if not (math.isfinite(value) and 0 < value <= _LARGEST):
        raise UserError(code, value=text)
    return value
