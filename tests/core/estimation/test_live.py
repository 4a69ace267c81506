"""Figures while a slider moves: the same as from scratch."""

import msgspec
import numpy as np
import pytest

from penjing.devices.profiles import device
from penjing.estimation.exact import figures
from penjing.estimation.gathering import tables_for
from penjing.estimation.live import prepare
from penjing.estimation.tables import Tables
from penjing.inspection.graph import layer_graph
from penjing.plan import Plan
from tests.support.networks import NETWORKS

SPARSE = msgspec.structs.replace(device("stm32l4r5"), sparse_storage=("bitmask", "index8"))
START = {
    "as loaded": Plan(),
    "8 bits": Plan().with_defaults(weight_bits=8, activation_bits=8, sparsity=0.3),
    "cut": Plan().with_defaults(filters=0.4, weight_bits=8, activation_bits=8, threshold=0.05),
}
MOVES: tuple[dict[str, object], ...] = (
    {"sparsity": 0.71},
    {"sparsity": 0.0},
    {"threshold": 0.2},
    {"weight_bits": 4},
    {"weight_bits": 32},
    {"weight_bits": 8, "granularity": "per_tensor", "sparsity": 0.9},
    {"nm": (2, 4)},
)


@pytest.mark.parametrize("name", ["residual", "1-D"])
@pytest.mark.parametrize("plan", START.values(), ids=START)
@pytest.mark.parametrize("on", [None, SPARSE], ids=["no device", "device"])
def test_that_a_move_tells_what_an_estimate_from_scratch_tells(name: str, plan: Plan, on) -> None:  # type: ignore[no-untyped-def]
    model = NETWORKS[name](0)
    graph = layer_graph(model)
    everything = Plan().with_defaults(threshold=0.1, filters=0.1)
    tables = tables_for(model, graph, everything)
    prepared = prepare(graph, plan, tables, device=on)
    told = 0
    for layer in graph.compressible:
        for change in MOVES:
            moved = plan.with_layer(layer.name, **change)
            found = prepared.moved(layer.name, moved.settings(layer.name))
            if found is None:
                continue
            told += 1
            expected = msgspec.structs.replace(
                figures(graph, moved, tables=tables, device=on, format=""), file_bytes=None
            )
            assert (found.latency_ms is None) == (expected.latency_ms is None)
            if expected.latency_ms is not None and expected.energy_mj is not None:
                assert found.latency_ms == pytest.approx(expected.latency_ms, rel=1e-12)
                assert found.energy_mj == pytest.approx(expected.energy_mj, rel=1e-12)
            same = {"latency_ms": None, "energy_mj": None}
            assert msgspec.structs.replace(found, **same) == msgspec.structs.replace(expected, **same)
    assert told >= 3 * len(graph.compressible)


def test_that_a_move_of_channels_activations_or_shared_thresholds_is_left_to_the_estimate() -> None:
    graph = layer_graph(NETWORKS["plain"](0))
    plan = Plan().with_defaults(sparsity=0.5, scope="global")
    model = NETWORKS["plain"](0)
    prepared = prepare(graph, plan, tables_for(model, graph, plan))
    for change in ({"filters": 0.5}, {"locked": True}, {"activation_bits": 8}, {"sparsity": 0.2}, {"cut": (1,)}):
        assert prepared.moved("conv2", plan.with_layer("conv2", **change).settings("conv2")) is None
    assert prepared.moved("conv2", plan.with_layer("conv2", weight_bits=4).settings("conv2")) is None


@pytest.mark.parametrize("name", ["residual", "1-D"])
def test_that_what_is_remembered_of_the_last_plan_changes_no_figure(name: str) -> None:
    model, random = NETWORKS[name](0), np.random.default_rng(3)
    graph = layer_graph(model)
    both = [tables_for(model, graph, Plan().with_defaults(filters=0.1, filter_criterion=how)) for how in ("l1", "l2")]
    tables = Tables(filter_scores={**both[0].filter_scores, **both[1].filter_scores})
    plan, seen = Plan().with_defaults(weight_bits=8, activation_bits=8), set()
    for _ in range(60):
        layer = graph.compressible[random.integers(len(graph.compressible))].name
        moves: tuple[dict[str, object], ...] = (
            {"filters": float(random.uniform(0, 0.7))},
            {"filter_criterion": str(random.choice(["l1", "l2"]))},
            {"cut": (0,)},
            {"keep": (1,), "cut": ()},
            {"activation_bits": int(random.choice([4, 8, 16]))},
            {"scope": str(random.choice(["layer", "global"]))},
        )
        plan = plan.with_layer(layer, **moves[random.integers(len(moves))])
        fresh = msgspec.structs.replace(graph)  # without anything that is kept with it
        found = figures(graph, plan, tables=tables, format="")
        assert found == figures(fresh, plan, tables=tables, format="")
        seen.add((found.params, found.ram_bytes))
    assert len(seen) > 5
