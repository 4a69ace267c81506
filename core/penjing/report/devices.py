"""The report's part about devices: what the plan saves on the chosen one, and what it takes on every other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from penjing import assets
from penjing.devices.profiles import Device
from penjing.estimation.comparison import Compared
from penjing.report import words

Text = Callable[..., str]
"""(code without its area, values) → text."""


@dataclass(frozen=True, kw_only=True)
class SavingRow:
    """What one part of the plan saves."""

    part: str
    flash: str
    ram: str
    time: str
    notes: tuple[str, ...]
    """What it does not save, and why."""


@dataclass(frozen=True, kw_only=True)
class DeviceRow:
    """One device of the matrix."""

    title: str
    library: str
    fits: bool | None
    flash: str
    ram: str
    latency: str
    energy: str
    chosen: bool


def saving_rows(compared: Sequence[Compared], device: Device | None, text: Text, language: str) -> list[SavingRow]:
    """A row for each part of the plan that is set; none without a device."""
    row = next((one for one in compared if device is not None and one.device == device.name), None)
    if row is None:
        return []
    return [
        SavingRow(
            part=text(f"part_{saving.part}"),
            flash=words.size(saving.flash_bytes),
            ram=words.size(saving.ram_bytes),
            time=_banded(saving.latency_ms, "ms", None),
            notes=tuple(assets.text(note.code, language=language, **note.values) for note in saving.notes),
        )
        for saving in row.savings
    ]


def device_rows(compared: Sequence[Compared], device: Device | None) -> list[DeviceRow]:
    """A row for each device."""
    return [
        DeviceRow(
            title=one.title,
            library=one.library or words.UNKNOWN,
            fits=one.fits,
            flash=words.size(one.figures.flash_bytes),
            ram=words.size(one.figures.ram_bytes),
            latency=_banded(one.figures.latency_ms, "ms", one.figures.latency_band),
            energy=_banded(one.figures.energy_mj, "mJ", one.figures.energy_band),
            chosen=device is not None and one.device == device.name,
        )
        for one in compared
    ]


def _banded(value: float | None, unit: str, band: float | None) -> str:
    if value is None:
        return words.UNKNOWN
    return f"{value:.3g} {unit}" if band is None else f"{value:.3g} {unit} ± {100 * band:.0f} %"
