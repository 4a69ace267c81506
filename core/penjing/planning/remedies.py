"""What helps a plan that is over its budgets: each remedy with the exact figures that it gives.

Of remedies that can be weaker or stronger it is the weakest that suffices, or the strongest where none does.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from penjing.devices.profiles import Device
from penjing.errors import UserError
from penjing.estimation.exact import figures
from penjing.estimation.tables import Tables
from penjing.layer_graph import LayerGraph
from penjing.plan import Plan
from penjing.planning.fit import Budgets, excess, fit, over
from penjing.planning.presets import preset
from penjing.results import Figures

Change = Literal["fit", "bits", "filters", "sparsity", "budget", "device"]

SHARES = tuple(step / 20 for step in range(1, 16))
"""Of filters and of zeros that are tried, 5 % to 75 %."""
_ACTIVATION_BITS = 8
_ROOMS = ("flash_bytes", "ram_bytes")


class Remedy(msgspec.Struct, frozen=True, kw_only=True):
    """One way out, and what it leads to."""

    change: Change
    value: float | None
    """The most bits or the least share of filters or zeros, in every layer that is not locked."""
    plan: Plan
    device: Device
    budgets: Budgets
    figures: Figures
    """Exact, of that plan on that device."""
    over: Mapping[str, float]
    """What is still over the budgets, and by how much."""


class _Now(NamedTuple):
    graph: LayerGraph
    plan: Plan
    tables: Tables
    device: Device
    budgets: Budgets

    def remedy(
        self,
        change: Change,
        *,
        value: float | None = None,
        plan: Plan | None = None,
        device: Device | None = None,
        budgets: Budgets | None = None,
    ) -> Remedy | None:
        """What a change leads to; None where that cannot be said or done."""
        plan = self.plan if plan is None else plan
        device = self.device if device is None else device
        budgets = self.budgets if budgets is None else budgets
        try:
            found = figures(self.graph, plan, tables=self.tables, device=device)
        except (KeyError, UserError):  # a score that is not here, a plan that cannot be done
            return None
        still = {name: value - limit for name, (limit, value) in over(found, budgets, unknown_is_over=True).items()}
        return Remedy(change=change, value=value, plan=plan, device=device, budgets=budgets, figures=found, over=still)


def remedies(
    graph: LayerGraph, plan: Plan, tables: Tables, device: Device, budgets: Budgets, *, devices: Sequence[Device] = ()
) -> Iterator[Remedy | None]:
    """Remedies for a plan, one after the other; None is a breath between them, for whoever draws in the same thread.

    Nothing comes for a plan that is within its budgets, and no remedy that leaves it as far from them as it is.
    The budget of accuracy, which only measuring tells, is left to whoever measures.

    Args:
        graph: The network as loaded.
        plan: What is to be mended.
        tables: Of `estimation.gathering.tables_for_fit`, and the scores that the plan asks for.
        device: Whose storage and speed count.
        budgets: What the network may take.
        devices: Others that could be taken instead.
    """
    now = _Now(graph, plan, tables, device, msgspec.structs.replace(budgets, max_drop=None))
    before = now.remedy("fit")
    if before is None or not before.over:
        return
    missed = excess(before.figures, now.budgets)
    for found in _all(now, devices):
        if found is not None and (not found.over or excess(found.figures, found.budgets) < missed):
            yield found
        else:
            yield None


def _all(now: _Now, devices: Sequence[Device]) -> Iterator[Remedy | None]:
    yield _fitted(now)
    widths = sorted((bits for bits in now.device.weight_bits if bits <= _ACTIVATION_BITS), reverse=True)
    yield from _widest(now, widths)
    yield from _weakest(now, "filters", SHARES, _at_least_filters)
    if now.device.sparse_storage:
        yield from _weakest(now, "sparsity", SHARES, _at_least_zeros)
    yield _all_that_there_is(now)
    yield from _another_device(now, devices)


def _fitted(now: _Now) -> Remedy | None:
    start = preset("gentle", now.graph, device=now.device)
    try:
        plan = fit(now.graph, now.tables, now.device, now.budgets, start=start).plan
    except (KeyError, UserError):  # a table that is not here, a figure that the device has no source for
        return None
    return now.remedy("fit", plan=msgspec.structs.replace(plan, distillation=now.plan.distillation))


def _widest(now: _Now, widths: Sequence[int]) -> Iterator[Remedy | None]:
    """One after the other, since fewer bits take fewer bytes but may take more time; else the nearest."""
    tried = []
    for bits in widths:
        found = now.remedy("bits", value=bits, plan=_at_most_bits(now, bits))
        if found is not None and not found.over:
            yield found
            return
        tried += [] if found is None else [found]
        yield None
    yield min(tried, key=lambda one: excess(one.figures, one.budgets), default=None)


def _weakest(
    now: _Now, change: Change, values: Sequence[float], changed: Callable[[_Now, float], Plan]
) -> Iterator[Remedy | None]:
    """By halving, since a stronger change takes no more than a weaker one."""
    low, high, best = 0, len(values), None
    strongest = now.remedy(change, value=values[-1], plan=changed(now, values[-1])) if values else None
    if strongest is None or strongest.over:
        yield strongest
        return
    while low < high:
        middle = (low + high) // 2
        found = now.remedy(change, value=values[middle], plan=changed(now, values[middle]))
        if found is not None and not found.over:
            best, high = found, middle
        else:
            low = middle + 1
        yield None
    yield best


def _at_most_bits(now: _Now, bits: float) -> Plan:
    """Weights at this width where they were wider, activations at 8 bits."""
    plan = now.plan
    for layer in now.graph.compressible:
        own = plan.settings(layer.name)
        if not own.locked:
            width = min(own.weight_bits, int(bits))
            plan = _with(
                plan, layer.name, weight_bits=width, activation_bits=min(own.activation_bits, _ACTIVATION_BITS)
            )
    return plan


def _at_least_filters(now: _Now, share: float) -> Plan:
    plan = now.plan
    for name in dict.fromkeys(name for group in now.graph.groups for name in group.producers):
        own = plan.settings(name)
        if not own.locked and own.filter_threshold is None:
            plan = _with(plan, name, filters=max(own.filters, share))
    return plan


def _at_least_zeros(now: _Now, share: float) -> Plan:
    plan = now.plan
    for layer in now.graph.compressible:
        own = plan.settings(layer.name)
        if not own.locked and own.threshold is None:
            plan = _with(plan, layer.name, sparsity=max(own.sparsity, share))
    return plan


def _with(plan: Plan, layer: str, **changes: float) -> Plan:
    """The plan where one layer has these settings; one that has them already keeps its place in the file."""
    own = plan.settings(layer)
    if all(getattr(own, name) == value for name, value in changes.items()):
        return plan
    return plan.with_layer(layer, **changes)


def _all_that_there_is(now: _Now) -> Remedy | None:
    """Budgets that were set lower than what the device has."""
    changes = {}
    for name in _ROOMS:
        limit, room = getattr(now.budgets, name), getattr(now.device, name)
        if limit is not None and room is not None and room > limit:
            changes[name] = room
    return now.remedy("budget", budgets=msgspec.structs.replace(now.budgets, **changes)) if changes else None


def _another_device(now: _Now, devices: Sequence[Device]) -> Iterator[Remedy | None]:
    """The smallest that holds the plan as it is."""
    others = [one for one in devices if one.name != now.device.name and one.ram_bytes is not None]
    for other in sorted(others, key=lambda one: (one.kind != "microcontroller", one.ram_bytes, one.flash_bytes or 0)):
        # On a board with a file system a network shares a card with everything else: it has no room of its own.
        flash = other.flash_bytes if other.kind == "microcontroller" else None
        budgets = msgspec.structs.replace(now.budgets, flash_bytes=flash, ram_bytes=other.ram_bytes)
        found = now.remedy("device", device=other, budgets=budgets)
        if found is not None and not found.over:
            yield found
            return
        yield None
