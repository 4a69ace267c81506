"""Processor cores that the generated C is compiled for, run on and counted on, and which of them a device has."""

import re
from collections.abc import Mapping

from penjing.devices.profiles import Device

TITLES: Mapping[str, str] = {
    "cortex-m0plus": "Cortex-M0+",
    "cortex-m3": "Cortex-M3",
    "cortex-m4": "Cortex-M4",
    "cortex-m7": "Cortex-M7",
    "cortex-m33": "Cortex-M33",
    "cortex-m55": "Cortex-M55",
    "rv32": "RV32",
}
"""By id; small ones first."""
STAND_IN = "rv32"
"""What code takes on a core that is not among them (Xtensa) is told as on this one: the largest of the fast ones."""
_CORTEX_M = re.compile(r"Cortex-M(\d+)", re.IGNORECASE)
_CORTEX: Mapping[int, str] = {
    **dict.fromkeys((0, 1), "cortex-m0plus"),
    **dict.fromkeys((23,), "cortex-m0plus"),
    3: "cortex-m3",
    4: "cortex-m4",
    7: "cortex-m7",
    **dict.fromkeys((33, 35), "cortex-m33"),
    **dict.fromkeys((52, 55, 85), "cortex-m55"),
}
"""By the number in its name: the core of the same instruction set (Armv6-M, Armv7-M, Armv7E-M, Armv8-M, Armv8.1-M)."""


def core_of(device: Device | None) -> str | None:
    """The id of a device's core, or of the one with the same instructions; None for any other.

    >>> from penjing.devices.profiles import device
    >>> core_of(device("nrf52840")), core_of(device("esp32-c3")), core_of(device("esp32"))
    ('cortex-m4', 'rv32', None)
    """
    if device is None:
        return None
    found = _CORTEX_M.search(device.core)
    if found:
        return _CORTEX.get(int(found[1]))
    return "rv32" if re.search(r"RV32", device.core, re.IGNORECASE) else None
