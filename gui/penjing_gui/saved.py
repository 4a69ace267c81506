"""What a plan saves on a device, in words."""

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication

from penjing.estimation.savings import Part, Saving
from penjing_gui import words
from penjing_gui.texts import Texts


def part_name(part: Part) -> str:
    """What people call a part of a plan."""
    return {
        "filters": _tr("Filters cut"),
        "zeros": _tr("Zeros"),
        "weight_bits": _tr("Weight bits"),
        "activation_bits": _tr("Activation bits"),
    }[part]


def saving_lines(found: Sequence[Saving], texts: Texts) -> list[str]:
    """Each saving as a line, and under it what it does not save."""
    lines = []
    for saving in found:
        flash, ram, milliseconds = amounts(saving)
        said = _tr("{part}: {flash} of flash, {ram} of RAM, {time}")
        lines.append(said.format(part=part_name(saving.part), flash=flash, ram=ram, time=milliseconds))
        reasons = (f"    {texts.of(note.code, **note.values)}" for note in saving.notes)
        lines += [reason for reason in reasons if reason not in lines]
    return lines


def amounts(saving: Saving) -> tuple[str, str, str]:
    """Flash, RAM and time."""
    # A difference of two predictions is known to two digits at most.
    saved = None if saving.latency_ms is None else float(f"{saving.latency_ms:.2g}")
    return words.size(saving.flash_bytes), words.size(saving.ram_bytes), words.banded(saved, "ms", None)


def _tr(text: str) -> str:
    return QCoreApplication.translate("savings", text)
