"""The arena: lifetimes, sharing, placement against exhaustive search, and published peaks."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from penjing.estimation.arena import Buffer, arena, buffers, plan_arena, tensor_bytes
from penjing.estimation.state import NetworkState
from penjing.inspection.graph import layer_graph
from penjing.layer_graph import LayerGraph
from penjing.model.model import Model
from penjing.model.modules import Add
from tests.support import tiny_networks
from tests.support.networks import network


def int8(graph: LayerGraph) -> NetworkState:
    names = [*(entry.name for entry in graph.inputs), *(layer.name for layer in graph.layers)]
    return NetworkState(tensor_bits=dict.fromkeys(names, 8))


# EXPORT §4: seen with TFLM's planner and a prototype.
@pytest.mark.parametrize(
    ("made", "expected"),
    [(tiny_networks.resnet8, 49_152), (tiny_networks.dscnn, 16_000), (tiny_networks.mobilenet, 55_296)],
    ids=["resnet8", "dscnn", "mobilenet"],
)
def test_that_int8_arenas_are_the_published_ones(made, expected: int) -> None:  # type: ignore[no-untyped-def]
    graph = layer_graph(made())
    found = arena(graph, int8(graph))
    assert found.size == found.bound == expected
    assert arena(graph, NetworkState()).size == 4 * expected


def chain(*extra: tuple[str, nn.Module, str]) -> Model:
    nodes = [("conv1", nn.Conv2d(1, 4, 3, padding=1), ""), ("relu1", nn.ReLU(), ""), *extra]
    return network((1, 8, 8), nodes)


def test_that_a_relu_is_fused_into_its_layer_and_a_flatten_shares_its_memory() -> None:
    graph = layer_graph(chain(("flat", nn.Flatten(), ""), ("fc", nn.Linear(256, 10), "")))
    # x 8·8·4 = 256 B; conv1, relu1 and flat together 1024 B; fc 40 B.
    assert buffers(graph, NetworkState()) == (
        Buffer("x", 256, 0, 0),
        Buffer("conv1", 1024, 0, 3),
        Buffer("fc", 40, 3, 3),
    )
    found = arena(graph, NetworkState())
    assert found.size == found.bound == 256 + 1024
    assert found.alive == ("conv1", "x")


def test_that_a_relu_whose_input_is_needed_elsewhere_has_memory_of_its_own() -> None:
    graph = layer_graph(chain(("add", Add(), "conv1 relu1")))
    assert [buffer.name for buffer in buffers(graph, NetworkState())] == ["x", "conv1", "relu1", "add"]
    # At the sum: conv1, relu1 and the result, 1024 B each.
    assert arena(graph, NetworkState()).size == 3 * 1024


def test_that_outputs_live_to_the_end_and_are_not_overwritten() -> None:
    model = network(
        (4, 8, 8),
        [("first", nn.Conv2d(4, 4, 1), ""), ("relu", nn.ReLU(), ""), ("last", nn.Conv2d(4, 4, 1), "")],
        outputs="first last",
    )
    found = {buffer.name: buffer for buffer in buffers(layer_graph(model), NetworkState())}
    assert "relu" in found and found["first"].last == 2


def test_that_an_input_that_is_read_late_lives_until_then() -> None:
    model = network((4, 8, 8), [("conv", nn.Conv2d(4, 4, 1), ""), ("relu", nn.ReLU(), ""), ("add", Add(), "relu x")])
    found = {buffer.name: buffer for buffer in buffers(layer_graph(model), NetworkState())}
    assert (found["x"].first, found["x"].last) == (0, 2)


@pytest.mark.parametrize(("bits", "expected"), [(4, 10), (8, 10), (16, 20), (32, 40)])
def test_that_activations_take_whole_bytes(bits: int, expected: int) -> None:
    assert tensor_bytes(10, bits) == expected


def test_that_only_the_last_of_fused_layers_says_how_wide_the_memory_is() -> None:
    graph = layer_graph(chain())
    assert buffers(graph, NetworkState(tensor_bits={"relu1": 8}))[1].size == 256


def test_that_sizes_are_rounded_up_to_sixteen_bytes() -> None:
    assert plan_arena((Buffer("a", 1, 0, 1), Buffer("b", 17, 0, 1))).size == 16 + 32


def test_that_buffers_of_different_times_lie_at_the_same_place() -> None:
    found = plan_arena((Buffer("a", 160, 0, 1), Buffer("b", 160, 2, 3)))
    assert found.size == 160 and found.offsets == {"a": 0, "b": 0}


def test_that_no_buffers_need_no_memory() -> None:
    assert plan_arena(()).size == 0


BUFFERS = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=6).map(
    lambda drawn: [Buffer(str(i), 16 * size, first, first + more) for i, (size, first, more) in enumerate(drawn)]
)


def overlap(one: Buffer, other: Buffer) -> bool:
    return one.first <= other.last and other.first <= one.last


def optimum(wanted: list[Buffer]) -> int:
    """Tries every order: first fit in some order reaches every optimum."""
    best = 10**9
    for order in itertools.permutations(wanted):
        placed: list[tuple[int, Buffer]] = []
        for buffer in order:
            offset = 0
            for start, other in sorted(
                ((start, other) for start, other in placed if overlap(buffer, other)), key=lambda pair: pair[0]
            ):
                if start - offset >= buffer.size:
                    break
                offset = max(offset, start + other.size)
            placed.append((offset, buffer))
        best = min(best, max(offset + buffer.size for offset, buffer in placed))
    return best


@settings(max_examples=60, deadline=None)
@given(BUFFERS)
def test_that_placements_are_valid_and_near_the_optimum(wanted: list[Buffer]) -> None:
    found = plan_arena(wanted)
    for one, other in itertools.combinations(wanted, 2):
        if overlap(one, other):
            apart = found.offsets[one.name] + one.size <= found.offsets[other.name]
            assert apart or found.offsets[other.name] + other.size <= found.offsets[one.name]
    assert found.size == max(found.offsets[buffer.name] + buffer.size for buffer in wanted)
    steps = range(max(buffer.last for buffer in wanted) + 1)
    live = [sum(one.size for one in wanted if one.first <= step <= one.last) for step in steps]
    assert found.bound == max(live)
    assert found.bound <= optimum(wanted) <= found.size <= 1.25 * optimum(wanted)


def test_that_a_network_has_the_same_arena_every_time() -> None:
    wanted = [Buffer(str(i), 16 * (i * 7 % 11 + 1), i % 5, i % 5 + i % 3) for i in range(30)]
    assert plan_arena(wanted) == plan_arena(wanted)
