"""Remedies for a plan that is over: what they promise is what the plan gives, and nothing weaker would do."""

import math
from collections.abc import Iterator

import msgspec
import pytest

from penjing.devices.profiles import Device, device, devices
from penjing.estimation.exact import figures
from penjing.estimation.gathering import tables_for, tables_for_fit
from penjing.estimation.tables import Tables
from penjing.inspection.graph import layer_graph
from penjing.plan import Plan
from penjing.planning.fit import Budgets
from penjing.planning.remedies import SHARES, Remedy, remedies
from penjing.results import Figures
from tests.support import tiny_networks

L4R5, NRF = device("stm32l4r5"), device("nrf52840")
RESNET = tiny_networks.resnet8()
GRAPH = layer_graph(RESNET)
PLAN = Plan().with_defaults(weight_bits=8, activation_bits=8)
FIT_TABLES = tables_for_fit(RESNET, GRAPH)
OWN = tables_for(RESNET, GRAPH, PLAN.with_defaults(filters=0.5))
TABLES = Tables(
    filter_scores={**FIT_TABLES.filter_scores, **OWN.filter_scores},
    weight_scores=OWN.weight_scores,
    bit_errors=FIT_TABLES.bit_errors,
)
NO_BUDGET = Budgets()
NOW = figures(GRAPH, PLAN, tables=TABLES, device=L4R5)


def found(
    plan: Plan = PLAN, budgets: Budgets = NO_BUDGET, *, on: Device = L4R5, others: tuple[Device, ...] = ()
) -> dict[str, Remedy]:
    return {one.change: one for one in _said(remedies(GRAPH, plan, TABLES, on, budgets, devices=others))}


def _said(all_: Iterator[Remedy | None]) -> list[Remedy]:
    return [one for one in all_ if one is not None]


def flash_of(plan: Plan, on: Device = L4R5) -> int:
    value = figures(GRAPH, plan, tables=TABLES, device=on).flash_bytes
    assert value is not None
    return value


def floor_of_filters(share: float) -> Plan:
    """By hand: every group's layers cut at least so much."""
    plan = PLAN
    for group in GRAPH.groups:
        for name in group.producers:
            plan = plan.with_layer(name, filters=share)
    return plan


def test_that_every_figure_is_what_the_plan_gives_on_the_device() -> None:
    assert NOW.flash_bytes is not None and NOW.ram_bytes is not None
    budgets = Budgets(flash_bytes=NOW.flash_bytes * 7 // 10, ram_bytes=NOW.ram_bytes * 7 // 10)
    said = found(budgets=budgets, others=devices())
    assert {"fit", "bits", "filters", "budget"} <= set(said)
    for one in said.values():
        assert one.figures == figures(GRAPH, one.plan, tables=TABLES, device=one.device)
        limits = {"flash_bytes": one.budgets.flash_bytes, "ram_bytes": one.budgets.ram_bytes}
        for name, limit in limits.items():
            value = getattr(one.figures, name)
            assert one.over.get(name, 0) == max(value - limit, 0), (one.change, name)
    assert said["fit"].over == {} and said["filters"].over == {}


def test_that_bits_and_filters_are_lowered_no_further_than_needed() -> None:
    four = flash_of(PLAN.with_defaults(weight_bits=4))
    assert found(budgets=Budgets(flash_bytes=four))["bits"].value == 4
    two = found(budgets=Budgets(flash_bytes=four - 1))["bits"]
    assert (two.value, two.over) == (2, {})
    enough = next(share for share in SHARES if flash_of(floor_of_filters(share)) <= four)
    cut = found(budgets=Budgets(flash_bytes=four))["filters"]
    assert cut.value == enough
    assert flash_of(cut.plan) == flash_of(floor_of_filters(enough)) == cut.figures.flash_bytes


def test_that_locked_layers_and_what_goes_further_already_stay() -> None:
    first, second = (layer.name for layer in GRAPH.compressible[:2])
    plan = PLAN.with_layer(first, locked=True).with_layer(second, weight_bits=2, activation_bits=4)
    said = found(plan, Budgets(flash_bytes=flash_of(plan) - 1))["bits"]
    assert said.value == 4
    assert said.plan.settings(first) == plan.settings(first)
    assert said.plan.layers[second] == plan.layers[second]
    assert said.plan.settings(GRAPH.compressible[2].name).weight_bits == 4


def test_that_float_activations_become_integers_where_memory_is_what_lacks() -> None:
    plan = Plan()
    now = figures(GRAPH, plan, tables=TABLES, device=L4R5)
    assert now.ram_bytes is not None
    said = found(plan, Budgets(ram_bytes=now.ram_bytes - 1))["bits"]
    assert said.value == 8
    assert {said.plan.settings(layer.name).activation_bits for layer in GRAPH.compressible} == {8}
    assert said.figures.ram_bytes is not None and said.figures.ram_bytes < now.ram_bytes / 3


def test_that_the_nearest_is_told_where_nothing_suffices_and_nothing_where_nothing_lacks() -> None:
    said = found(budgets=Budgets(flash_bytes=100))
    assert said["filters"].value == SHARES[-1] and said["bits"].value == min(L4R5.weight_bits)
    for one in (said["fit"], said["filters"], said["bits"]):
        assert one.figures.flash_bytes is not None and NOW.flash_bytes is not None
        assert 0 < one.over["flash_bytes"] == one.figures.flash_bytes - 100 < NOW.flash_bytes - 100
    assert found(budgets=Budgets(flash_bytes=NOW.flash_bytes, ram_bytes=NOW.ram_bytes)) == {}
    assert found(budgets=NO_BUDGET) == {}


def test_that_a_time_that_is_not_known_yet_asks_for_a_plan_that_has_one() -> None:
    """In float32 no source tells a time of these kernels."""
    floats = figures(GRAPH, Plan(), tables=TABLES, device=L4R5)
    assert floats.latency_ms is None and NOW.latency_ms is not None
    said = found(Plan(), Budgets(latency_ms=2 * NOW.latency_ms))
    assert said["bits"].over == {} and said["bits"].figures.latency_ms == NOW.latency_ms


def test_that_zeros_help_only_where_they_are_stored_away() -> None:
    budgets = Budgets(flash_bytes=flash_of(PLAN) * 8 // 10)
    dense = msgspec.structs.replace(L4R5, name="dense", sparse_storage=(), kernel_bytes=2_253)
    assert "sparsity" not in found(budgets=budgets, on=dense)
    sparse = msgspec.structs.replace(dense, name="sparse", sparse_storage=("bitmask",))
    said = found(budgets=budgets, on=sparse)["sparsity"]
    weaker = PLAN.with_defaults(sparsity=SHARES[SHARES.index(said.value) - 1])
    assert said.over == {} and flash_of(weaker, sparse) > budgets.flash_bytes  # type: ignore[operator]


def test_that_the_smallest_device_that_holds_the_plan_is_named_and_a_tight_budget_opened() -> None:
    tiny = msgspec.structs.replace(L4R5, name="tiny", flash_bytes=1000, ram_bytes=1000)
    roomy = msgspec.structs.replace(L4R5, name="roomy", flash_bytes=1 << 30, ram_bytes=1 << 30)
    said = found(budgets=Budgets(flash_bytes=1000, ram_bytes=1000), on=tiny, others=(roomy, tiny, NRF, L4R5))
    chosen = said["device"]
    fitting = [
        one
        for one in (NRF, L4R5, roomy)
        if flash_of(PLAN, one) <= (one.flash_bytes or 0) and (NOW.ram_bytes or math.inf) <= (one.ram_bytes or 0)
    ]
    assert chosen.device.name == min(fitting, key=lambda one: one.ram_bytes or 0).name
    assert chosen.plan == PLAN and chosen.budgets.flash_bytes == chosen.device.flash_bytes
    assert "budget" not in said  # the device has no more than that
    opened = found(budgets=Budgets(flash_bytes=1000, latency_ms=1e6))["budget"]
    assert opened.budgets == Budgets(flash_bytes=L4R5.flash_bytes, latency_ms=1e6) and opened.over == {}


@pytest.mark.parametrize("missing", ["filter_scores", "bit_errors"])
def test_that_what_cannot_be_counted_yet_is_left_out(missing: str) -> None:
    tables = {"filter_scores": TABLES.filter_scores, "bit_errors": TABLES.bit_errors, missing: {}}
    assert NOW.flash_bytes is not None
    budgets = Budgets(flash_bytes=NOW.flash_bytes * 7 // 10)
    said = {one.change for one in _said(remedies(GRAPH, PLAN, Tables(**tables), L4R5, budgets))}  # type: ignore[arg-type]
    assert "bits" in said and "fit" not in said
    assert ("filters" in said) == (missing == "bit_errors")


def test_that_figures_do_not_name_a_budget_twice() -> None:
    assert set(Budgets.__struct_fields__) - {"max_drop"} <= set(Figures.__struct_fields__)
