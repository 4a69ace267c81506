"""Finds the plan that meets a budget at the least predicted loss, or says what stands in the way and by how much.

The loss is predicted as relative error energy: what share of its weight's energy a layer loses by cut filters and by
rounding (the output error under white inputs). Several readings of it give several plans; measuring decides.
"""

import math
from collections.abc import Callable, Iterator

import msgspec

from penjing.devices.profiles import Device
from penjing.errors import UserError
from penjing.estimation.exact import figures
from penjing.estimation.tables import Tables
from penjing.layer_graph import LayerGraph
from penjing.plan import Plan
from penjing.planning.search import Search
from penjing.results import Accuracy, Figures, OnProgress, Progress, unheard

CUT_PRICES = (0.25, 1.0, 4.0, 16.0)
"""How dear a lost share of filters is beside the same share of rounding error: each price is a candidate."""
MOST_MEASUREMENTS = 6
MOST_CORRECTIONS = 8
"""How often the target is tightened because a real arena is larger than its lower bound."""


UNTOUCHED = Plan()


class Budgets(msgspec.Struct, frozen=True, kw_only=True):
    """The most that a network may take; None: as much as it likes."""

    flash_bytes: int | None = None
    ram_bytes: int | None = None
    latency_ms: float | None = None
    energy_mj: float | None = None
    max_drop: float | None = None
    """Percentage points of accuracy; of a metric that is an error the percent by which it may grow."""


class Blocking(msgspec.Struct, frozen=True, kw_only=True):
    """A budget that the best plan does not meet."""

    budget: str
    limit: float
    best: float
    over: float
    """best - limit."""


class FitResult(msgspec.Struct, frozen=True, kw_only=True):
    """The plan found; with `blocking` empty it meets every budget."""

    feasible: bool
    plan: Plan
    baseline: Figures
    compressed: Figures
    """Predicted; with the accuracy that was measured, if it was."""
    blocking: tuple[Blocking, ...] = ()


Measure = Callable[[Plan], Accuracy]
"""The accuracy that a plan really gives, on validation data."""


def fit(
    graph: LayerGraph,
    tables: Tables,
    device: Device,
    budgets: Budgets,
    *,
    start: Plan = UNTOUCHED,
    measure: Measure | None = None,
    on_progress: OnProgress = unheard,
) -> FitResult:
    """The plan within `budgets` that loses least; measured where `measure` is given, at most six times.

    Args:
        graph: The network as loaded.
        tables: Of `estimation.gathering.tables_for_fit`.
        device: Whose storage and speed count.
        budgets: What it may take.
        start: The least that is done; a runtime of integers needs 8 bits even where float32 would fit.
        measure: Tells candidates apart, and whether `max_drop` holds.
        on_progress: Hears about candidates measured.

    Raises:
        UserError: `fit.unknown_figure` where the device has no source for a budgeted figure,
            `fit.max_drop_needs_data` where an accuracy budget cannot be measured.
    """
    if budgets.max_drop is not None and measure is None:
        raise UserError("fit.max_drop_needs_data", max_drop=budgets.max_drop)
    baseline = figures(graph, device=device, format="onnx")
    least = figures(graph, start, tables=tables, device=device)
    if not over(least, budgets, unknown_is_over=True):
        return _result(start, least, baseline, budgets, measure)
    known: list[tuple[Plan, Figures]] = []
    for plan in _candidates(graph, tables, device, budgets, rounding="nearest" if measure is None else "gptq"):
        if all(plan != other for other, _ in known):
            known.append((plan, figures(graph, plan, tables=tables, device=device)))
            _require_known(known[0][1], budgets, device)
        if measure is None:
            break  # nothing could tell the candidates apart
    nearest = min(excess(found, budgets) for _, found in known)
    known = [(plan, found) for plan, found in known if excess(found, budgets) <= nearest]
    if measure is None or (len(known) == 1 and budgets.max_drop is None):
        plan, found = known[0]
        return _result(plan, found, baseline, budgets, measure)
    return _best_measured(known, baseline, budgets, measure, on_progress)


def _best_measured(
    known: list[tuple[Plan, Figures]],
    baseline: Figures,
    budgets: Budgets,
    measure: Measure,
    on_progress: OnProgress,
) -> FitResult:
    known = known[: MOST_MEASUREMENTS - 1]
    total = len(known) + 1
    on_progress(Progress(stage="fit", done=0, total=total))
    baseline = msgspec.structs.replace(baseline, accuracy=measure(UNTOUCHED))
    measured = []
    for index, (plan, found) in enumerate(known):
        on_progress(Progress(stage="fit", done=index + 1, total=total))
        measured.append((plan, msgspec.structs.replace(found, accuracy=measure(plan))))
    on_progress(Progress(stage="fit", done=total, total=total))
    plan, found = max(measured, key=lambda pair: _value(pair[1]))  # the first of equals
    return _result(plan, found, baseline, budgets, None)


def _require_known(found: Figures, budgets: Budgets, device: Device) -> None:
    for budget in _given(budgets):
        if getattr(found, budget) is None:
            raise UserError("fit.unknown_figure", device=device.name, budget=budget)


def _candidates(
    graph: LayerGraph, tables: Tables, device: Device, budgets: Budgets, *, rounding: str
) -> Iterator[Plan]:
    """One plan for each reading of the loss, the neutral one first; `rounding` is that of low bits."""
    for price in sorted(CUT_PRICES, key=lambda price: abs(math.log(price))):
        for low_bits in (True, False):
            search = Search(graph, tables, device, cut_price=price, low_bits=low_bits, low_bit_rounding=rounding)
            yield _corrected(search, graph, tables, device, budgets)


def _corrected(search: Search, graph: LayerGraph, tables: Tables, device: Device, budgets: Budgets) -> Plan:
    """The search's plan; where the exact figures are over the budget, of a search with a target that much lower."""
    target = budgets
    plan = search.plan(flash=target.flash_bytes, ram=target.ram_bytes, latency=_time_limit(target, device))
    for _ in range(MOST_CORRECTIONS):
        found = figures(graph, plan, tables=tables, device=device)
        missed = {key: value - limit for key, (limit, value) in over(found, budgets).items() if key in _EXACT}
        lower = {key: getattr(target, key) - by for key, by in missed.items()}
        if not missed or any(value <= 0 for value in lower.values()):
            break
        target = msgspec.structs.replace(target, **lower)
        tighter = search.plan(flash=target.flash_bytes, ram=target.ram_bytes, latency=_time_limit(target, device))
        if tighter == plan:
            break
        plan = tighter
    return plan


_EXACT = ("flash_bytes", "ram_bytes")


def _time_limit(budgets: Budgets, device: Device) -> float | None:
    """Milliseconds that latency and energy together leave: energy is power · time."""
    limits = [] if budgets.latency_ms is None else [budgets.latency_ms]
    if budgets.energy_mj is not None and device.power_mw is not None:
        limits.append(budgets.energy_mj * 1e3 / device.power_mw)
    return min(limits, default=None)


def _given(budgets: Budgets) -> dict[str, float]:
    names = ("flash_bytes", "ram_bytes", "latency_ms", "energy_mj")
    return {name: limit for name in names if (limit := getattr(budgets, name)) is not None}


def over(found: Figures, budgets: Budgets, *, unknown_is_over: bool = False) -> dict[str, tuple[float, float]]:
    """(limit, value) of every budget that is not met; with `unknown_is_over` infinity for what is unknown."""
    values = {name: (limit, getattr(found, name)) for name, limit in _given(budgets).items()}
    return {
        name: (limit, math.inf if value is None else value)
        for name, (limit, value) in values.items()
        if (unknown_is_over if value is None else value > limit)
    }


def excess(found: Figures, budgets: Budgets) -> float:
    """How far over all budgets together, relative to them; what is unknown counts as within."""
    return sum(value / limit - 1 for limit, value in over(found, budgets).values())


def _value(found: Figures) -> float:
    return -math.inf if found.accuracy is None else found.accuracy.goodness


def _result(plan: Plan, found: Figures, baseline: Figures, budgets: Budgets, measure: Measure | None) -> FitResult:
    if measure is not None and found.accuracy is None:
        before = measure(UNTOUCHED)
        after = before if plan == UNTOUCHED else measure(plan)
        baseline = msgspec.structs.replace(baseline, accuracy=before)
        found = msgspec.structs.replace(found, accuracy=after)
    blocking = [
        Blocking(budget=name, limit=limit, best=value, over=value - limit)
        for name, (limit, value) in over(found, budgets).items()
    ]
    if budgets.max_drop is not None and baseline.accuracy is not None and found.accuracy is not None:
        drop = found.accuracy.drop_from(baseline.accuracy)
        if drop > budgets.max_drop:
            by = drop - budgets.max_drop
            blocking.append(Blocking(budget="max_drop", limit=budgets.max_drop, best=drop, over=by))
    return FitResult(feasible=not blocking, plan=plan, baseline=baseline, compressed=found, blocking=tuple(blocking))
