"""The decision what to cut, from values alone."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penjing.inspection.graph import layer_graph
from penjing.inspection.selection import decisions, filter_criteria, selected_channels, zeros, zeros_together
from penjing.layer_graph import LayerGraph
from penjing.plan import Plan, Settings
from tests.support.networks import NETWORKS, plain, residual

GRAPHS = {name: layer_graph(make(0)) for name, make in NETWORKS.items()}


def kept_filters(graph: LayerGraph, layer: str, keep: np.ndarray) -> list[int]:
    return np.flatnonzero(keep[list(graph.by_name[layer].output_channels)]).tolist()


@pytest.mark.parametrize(
    ("sparsity", "weights", "expected"), [(0.5, 5, 2), (0.5, 7, 4), (0.5, 1, 0), (1, 9, 9), (0, 9, 0), (0.3, 10, 3)]
)
def test_that_zeros_are_rounded_half_to_even(sparsity: float, weights: int, expected: int) -> None:
    assert zeros(sparsity, weights) == expected


def test_that_one_share_for_all_layers_is_a_share_of_their_sum() -> None:
    assert zeros_together([(0.1, 3), (0.1, 4), (0.1, 8)]) == round(0.1 * 15)
    assert zeros_together([(0.5, 1), (0.5, 2)]) == 2  # 1.5, not 0 + 1


def test_that_of_equal_scores_the_first_filter_goes() -> None:
    graph = GRAPHS["plain"]
    scores = {"conv1": np.array([3, 1, 1, 2, 1, 3, 3, 3], np.float32)}
    keep = selected_channels(graph, Plan().with_layer("conv1", filters=0.25), scores)
    assert kept_filters(graph, "conv1", keep) == [0, 3, 4, 5, 6, 7]


def test_that_the_filter_threshold_is_strict_and_compared_in_float32() -> None:
    graph = GRAPHS["plain"]
    # float32(0.7) < 0.7 in float64: compared there, the filter that sets the threshold would go.
    scores = {"conv1": np.array([0.7, 0.6, 0.8, 0.7, 0.1, 0.9, 0.7, 0.7], np.float32)}
    keep = selected_channels(graph, Plan().with_layer("conv1", filter_threshold=0.7), scores)
    assert kept_filters(graph, "conv1", keep) == [0, 2, 3, 5, 6, 7]


def test_that_a_threshold_above_all_leaves_the_best_filter() -> None:
    graph = GRAPHS["plain"]
    scores = {"conv1": np.array([1, 5, 9, 2, 3, 4, 6, 7], np.float32)}
    keep = selected_channels(graph, Plan().with_layer("conv1", filter_threshold=100.0), scores)
    assert kept_filters(graph, "conv1", keep) == [2]


def test_that_a_protected_filter_survives_a_threshold_and_a_brush_that_takes_all() -> None:
    graph = GRAPHS["plain"]
    scores = {"conv1": np.arange(8, dtype=np.float32)}
    plan = Plan().with_layer("conv1", filter_threshold=5.0, keep=(0,), cut=(7, 0))
    assert kept_filters(graph, "conv1", selected_channels(graph, plan, scores)) == [0, 5, 6]
    everything = Plan().with_layer("conv1", cut=tuple(range(8)))
    assert len(kept_filters(graph, "conv1", selected_channels(graph, everything, {}))) == 1


def test_that_scores_are_asked_under_the_deciding_layers_criterion_for_every_layer_that_makes_the_channels() -> None:
    graph = GRAPHS["depthwise"]
    plan = Plan(defaults=Settings(filters=0.25)).with_layer("expand", filters=0.5, filter_criterion="l2")
    assert filter_criteria(graph, plan) == {"conv": "l2", "dw": "l2", "expand": "l2", "reduce": "l1", "pw": "l1"}
    assert filter_criteria(graph, Plan().with_layer("conv", cut=(1,))) == {}


def test_that_a_depthwise_layer_may_ask_for_the_cut_too() -> None:
    graph = GRAPHS["1-D"]
    scores = {"conv1": np.arange(8, dtype=np.float32), "dw": np.zeros(8, np.float32)}
    keep = selected_channels(graph, Plan().with_layer("dw", filters=0.5), scores)
    assert kept_filters(graph, "conv1", keep) == [4, 5, 6, 7]


def test_that_any_locked_layer_that_holds_the_channels_keeps_the_group() -> None:
    graph = layer_graph(residual())
    plan = Plan(defaults=Settings(filters=0.5))
    assert len(decisions(graph, plan)) == 4
    whole = {decision.layer for decision in decisions(graph, plan.with_layer("b1", locked=True))}
    assert whole == {"a1", "b2"}  # not stem and a2, whose channels b1 reads, nor b1 itself


def test_that_a_global_share_takes_the_relatively_lowest_of_all_layers() -> None:
    graph = layer_graph(plain())
    scores = {
        "conv1": np.array([1, 2, 3, 4, 5, 6, 7, 100], np.float32) / 16,  # relative: .06, .12, … 6.25
        "conv2": np.full(12, 1000, np.float32),
        "fc1": np.array([1, *[2] * 9], np.float32),
    }
    keep = selected_channels(graph, Plan(defaults=Settings(filters=0.2, scope="global")), scores)
    # floor(.2 · 30) = 6: of conv1 those far below its mean.
    assert kept_filters(graph, "conv1", keep) == [6, 7]
    assert len(kept_filters(graph, "conv2", keep)) == 12 and len(kept_filters(graph, "fc1", keep)) == 10


@given(st.sampled_from(sorted(GRAPHS)), st.floats(0, 1), st.sampled_from(["layer", "global"]), st.integers(0, 99))
def test_that_every_layer_keeps_a_channel_and_nobody_loses_more_than_asked(
    name: str, fraction: float, scope: str, seed: int
) -> None:
    graph, plan = GRAPHS[name], Plan().with_defaults(filters=fraction, scope=scope)
    random = np.random.default_rng(seed)
    scores = {
        layer: random.random(graph.by_name[layer].weight_shape[0], np.float32) for layer in filter_criteria(graph, plan)
    }  # type: ignore[index]
    keep = selected_channels(graph, plan, scores)
    for layer in graph.layers:
        if layer.weight_kind != "none":
            assert any(id_ < 0 or keep[id_] for id_ in layer.output_channels), layer.name
    if scope == "layer":
        for group in graph.groups:
            assert np.count_nonzero(~keep[list(group.channels)]) <= int(fraction * len(group.channels))
    assert np.count_nonzero(~keep) <= int(fraction * graph.channel_count)


def test_that_the_decision_needs_no_tensor_library() -> None:
    code = "import sys, penjing.inspection.selection, penjing.inspection.distribution; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
