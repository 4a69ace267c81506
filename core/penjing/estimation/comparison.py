"""One plan on many devices: whether it fits, what it takes there, and what each of its parts saves there.

>>> from penjing.layer_graph import LayerGraph
>>> from penjing.devices.profiles import device
>>> compare(LayerGraph(inputs=(), outputs=(), layers=()), Plan(), Tables(), (device("rp2040"),))[0].fits is None
True
"""

from collections.abc import Sequence

import msgspec

from penjing.devices.profiles import Device
from penjing.estimation.arena import arena
from penjing.estimation.exact import figures_of
from penjing.estimation.savings import Parts, Saving, parts
from penjing.estimation.tables import Tables
from penjing.estimation.tensors import loaded
from penjing.layer_graph import LayerGraph
from penjing.plan import Plan
from penjing.results import Figures


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One plan on one device with one library."""

    device: str
    title: str
    library: str | None
    fits: bool | None
    """None where room is not known and nothing that is known is too small; a board with a system has storage."""
    flash_free: int | None
    """Bytes left, negative where it does not fit; None where unknown. So is `ram_free`."""
    ram_free: int | None
    baseline: Figures
    """The network as loaded."""
    figures: Figures
    savings: tuple[Saving, ...]


def compare(graph: LayerGraph, plan: Plan, tables: Tables, devices: Sequence[Device]) -> tuple[Compared, ...]:
    """The plan on every device, in their order.

    Raises:
        KeyError: The tables lack a score that `tables.wanted` names.
        UserError: What `predict` refuses.
    """
    return compare_parts(graph, parts(graph, plan, tables), devices)


def compare_parts(before: LayerGraph, counted: Parts, devices: Sequence[Device]) -> tuple[Compared, ...]:
    """The same from a plan's parts (`savings.parts`, `savings.finished_parts`); `before` is the network as loaded."""
    found = []
    room = arena(before, loaded(before)).size
    for device in devices:
        figures = counted.plan.figures(device)
        free = _left(device.flash_bytes, figures.flash_bytes), _left(device.ram_bytes, figures.ram_bytes)
        found.append(
            Compared(
                device=device.name,
                title=device.title,
                library=device.library,
                fits=_fits(free if device.kind == "microcontroller" else free[1:]),
                flash_free=free[0],
                ram_free=free[1],
                baseline=figures_of(before, device=device, format="", ram_bytes=room),
                figures=figures,
                savings=counted.on(device),
            )
        )
    return tuple(found)


def variants(device: Device) -> tuple[Device, ...]:
    """The device with each library that its profile has rates for, the one that estimates use first."""
    others = sorted(name for name in device.throughput if name != device.library)
    return (device, *(device.with_library(name) for name in others))


def _left(room: int | None, taken: int | None) -> int | None:
    return None if room is None or taken is None else room - taken


def _fits(free: tuple[int | None, ...]) -> bool | None:
    if any(left is not None and left < 0 for left in free):
        return False
    return None if any(left is None for left in free) else True
