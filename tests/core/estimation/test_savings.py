"""What each part of a plan saves on a device, against differences counted by hand, and why it does not."""

import msgspec
import pytest

from penjing.devices.profiles import Device, device
from penjing.estimation.comparison import compare, variants
from penjing.estimation.finished import state_of
from penjing.estimation.gathering import tables_for
from penjing.estimation.savings import Saving, finished_parts, savings
from penjing.estimation.tables import Tables
from penjing.inspection.graph import layer_graph
from penjing.pipeline.run import run_plan
from penjing.plan import Plan
from tests.support.networks import NETWORKS

MODEL = NETWORKS["plain"](0)
GRAPH = layer_graph(MODEL)
L4R5, PI = device("stm32l4r5"), device("raspberry-pi-4")


def saved(plan: Plan, on: str | Device = "stm32l4r5", layers: tuple[str, ...] | None = None) -> dict[str, Saving]:
    tables, where = tables_for(MODEL, GRAPH, plan), device(on) if isinstance(on, str) else on
    return {one.part: one for one in savings(GRAPH, plan, tables, where, layers=layers)}


def codes(saving: Saving) -> list[str]:
    return [note.code for note in saving.notes]


def test_that_an_empty_plan_saves_nothing_at_all() -> None:
    assert saved(Plan()) == {}


def test_that_zeros_save_nothing_where_they_are_stored_and_their_bytes_where_they_are_not() -> None:
    plan = Plan().with_defaults(sparsity=0.75, weight_bits=8, activation_bits=8)
    dense = msgspec.structs.replace(L4R5, sparse_storage=(), kernel_bytes=0)
    found = saved(plan, dense)["zeros"]
    assert (found.flash_bytes, found.ram_bytes, found.latency_ms) == (0, 0, 0)
    assert codes(found) == ["saving.zeros_stored"]
    sparse = msgspec.structs.replace(dense, sparse_storage=("bitmask",))
    (zeros,) = [one for one in savings(GRAPH, plan, Tables(), sparse) if one.part == "zeros"]
    # A bit for every weight and a byte for each that is kept, where that is less than a byte for every weight.
    expected = 0
    for layer in GRAPH.compressible:
        kept = layer.weights - round(0.75 * layer.weights)
        expected += max(0, layer.weights - (-(-layer.weights // 8) + kept))
    assert zeros.flash_bytes == expected > 0
    assert zeros.latency_ms == 0 and codes(zeros) == ["saving.zeros_no_time"]


def test_that_half_of_the_bits_save_half_of_the_bytes_and_no_time() -> None:
    on = msgspec.structs.replace(L4R5, kernel_bytes=0)
    eight = saved(Plan().with_defaults(weight_bits=8, activation_bits=8), on)["weight_bits"]
    four = saved(Plan().with_defaults(weight_bits=4, activation_bits=8), on)["weight_bits"]
    halves = sum(layer.weights - -(-layer.weights // 2) for layer in GRAPH.compressible)
    assert four.flash_bytes - eight.flash_bytes == halves
    # In float a microcontroller's time has no source.
    assert eight.latency_ms is None and "saving.float_time_unknown" in codes(eight)
    assert "saving.bits_unpacked" in codes(four) and "saving.bits_unpacked" not in codes(eight)


def test_that_a_width_that_cannot_be_stored_says_what_it_takes() -> None:
    found = saved(Plan().with_defaults(weight_bits=3, activation_bits=8))["weight_bits"]
    assert found.flash_bytes == saved(Plan().with_defaults(weight_bits=4, activation_bits=8))["weight_bits"].flash_bytes
    (wider,) = [note for note in found.notes if note.code == "saving.bits_wider"]
    assert wider.values == {"device": L4R5.title, "bits": 3, "stored": 4}


def test_that_activations_save_three_of_four_bytes_of_ram_and_nothing_more_below_8_bits() -> None:
    eight = saved(Plan().with_defaults(weight_bits=8, activation_bits=8))["activation_bits"]
    four = saved(Plan().with_defaults(weight_bits=8, activation_bits=4))["activation_bits"]
    assert eight.ram_bytes == four.ram_bytes > 0
    assert codes(four)[0] == "saving.activation_bytes" and "saving.activation_bytes" not in codes(eight)


def test_that_integers_save_time_where_both_speeds_are_known() -> None:
    found = saved(Plan().with_defaults(weight_bits=8, activation_bits=8), "raspberry-pi-4")
    macs = sum(layer.macs for layer in GRAPH.layers)
    # One figure for all classes: 6,700 MMAC/s in integers, 4,600 in float.
    assert found["weight_bits"].latency_ms == pytest.approx(macs / 4600e3 - macs / 6700e3)


def test_that_weights_alone_save_bytes_and_no_time() -> None:
    found = saved(Plan().with_defaults(weight_bits=8), "raspberry-pi-4")["weight_bits"]
    assert found.flash_bytes > 0 and found.latency_ms == 0
    assert codes(found) == ["saving.weights_alone"]


def test_that_filters_save_bytes_ram_and_time() -> None:
    plan = Plan().with_defaults(filters=0.5, weight_bits=8, activation_bits=8)
    found = saved(plan)["filters"]
    assert found.flash_bytes > 0 and found.ram_bytes > 0
    assert found.latency_ms is not None and found.latency_ms > 0
    assert found.notes == ()


def test_that_only_the_layers_asked_for_are_told_of() -> None:
    first = GRAPH.compressible[0].name
    plan = Plan().with_defaults(weight_bits=8, activation_bits=8)
    one, every = saved(plan, layers=(first,))["weight_bits"], saved(plan)["weight_bits"]
    assert 0 < one.flash_bytes < every.flash_bytes


def test_that_a_plan_is_compared_on_every_device_and_library() -> None:
    plan = Plan().with_defaults(weight_bits=8, activation_bits=8)
    small = msgspec.structs.replace(L4R5, ram_bytes=100)
    found = compare(GRAPH, plan, tables_for(MODEL, GRAPH, plan), (*variants(L4R5), small, PI, device("rp2040")))
    assert [one.library for one in found[:4]] == ["cmsis-nn", "hale", "tflm", "x-cube-ai"]
    times = [one.figures.latency_ms for one in found[:4]]
    assert None not in times and len(set(times)) == 4
    assert [one.fits for one in found] == [True, True, True, True, False, None, None]
    assert found[4].ram_free == 100 - (found[4].figures.ram_bytes or 0)


@pytest.mark.parametrize("name", ["plain", "residual", "depthwise"])
def test_that_a_finished_network_tells_the_savings_that_its_plan_foretold(name: str) -> None:
    model = NETWORKS[name](0)
    graph = layer_graph(model)
    plan = Plan().with_defaults(filters=0.25, sparsity=0.5, weight_bits=4, activation_bits=8)
    finished = run_plan(model, plan, None, graph=graph, training=False, measuring=False)
    state = state_of(finished.model, finished.graph)
    told = finished_parts(graph, finished.graph, state, plan).on(PI)
    foretold = savings(graph, plan, tables_for(model, graph, plan), PI)
    assert [(one.part, one.flash_bytes, one.ram_bytes) for one in told] == [
        (one.part, one.flash_bytes, one.ram_bytes) for one in foretold
    ]
    for one, other in zip(told, foretold, strict=True):
        assert one.latency_ms == pytest.approx(other.latency_ms) and one.notes == other.notes
