"""What of a network no plan changes is told with the reason, before anything is planned."""

import time
from typing import Any

import pytest
import torch
from torch import nn

from penjing.cli.main import main
from penjing.exporting.onnx_float import float_proto
from penjing.inspection.graph import layer_graph
from penjing.model.modules import Add, AddConstant, Divide, MultiplyConstant
from penjing.planning.kept import kept
from tests.support.networks import cumulative_sum, network

NODES: list[Any] = [
    ("conv", nn.Conv2d(3, 4, 3), ""),
    ("same", nn.Conv2d(4, 4, 1), ""),
    ("sums", cumulative_sum((4, 4, 4)), ""),
    ("both", Add(), "same sums"),
    ("shift", AddConstant(torch.ones(1, 4, 4, 4)), ""),
    ("over", Divide(), "shift both"),
    ("flat", nn.Flatten(), ""),
    ("fc", nn.Linear(64, 2), ""),
]


def test_that_layers_are_told_apart_by_what_keeps_them() -> None:
    found = kept(layer_graph(network((3, 6, 6), NODES)))
    assert found.whole == {"layer.opaque": ("sums",), "layer.other_weights": ("shift",)}
    assert found.filters == {"same": "both", "fc": None}  # an operator that nobody knows, and the outputs
    assert found.floats == ("sums", "over")


def test_that_values_of_channels_go_with_their_channels_and_do_not_stay() -> None:
    """A batch norm that stands as a factor and a sum, as Keras' converter writes it."""
    parts: list[Any] = [
        ("conv", nn.Conv2d(3, 4, 3), ""),
        ("factor", MultiplyConstant(torch.full((1, 4, 1, 1), 2.0)), ""),
        ("sum", AddConstant(torch.ones(1, 4, 1, 1)), ""),
        ("flat", nn.Flatten(), ""),
        ("fc", nn.Linear(64, 2), ""),
    ]
    graph = layer_graph(network((3, 6, 6), parts))
    assert kept(graph).whole == {}
    assert {graph.by_name[name].reason for name in ("factor", "sum")} == {"layer.per_channel"}
    assert {"factor", "sum"} <= set(graph.groups[0].members)
    # Of an input that nothing makes, nothing is cut.
    first = layer_graph(network((3, 6, 6), [("scale", MultiplyConstant(torch.ones(1, 3, 1, 1) * 2), ""), *parts]))
    assert kept(first).whole == {"layer.other_weights": ("scale",)}


def test_that_a_single_number_is_not_listed() -> None:
    """A hard swish that stands as x · relu6(x + 3) · 1/6, as Keras' converter writes it."""
    parts: list[Any] = [("a", nn.Linear(3, 4), ""), ("sixth", MultiplyConstant(torch.tensor(1 / 6)), "")]
    assert kept(layer_graph(network((3,), [*parts, ("b", nn.Linear(4, 2), "")]))).whole == {}


def test_that_a_network_without_any_says_nothing() -> None:
    found = kept(layer_graph(network((3,), [("a", nn.Linear(3, 4), ""), ("b", nn.Linear(4, 2), "")])))
    assert (found.whole, found.floats) == ({}, ()) and found.filters == {"b": None}


def test_that_a_thousand_layers_in_a_row_are_looked_through_in_a_moment() -> None:
    nodes: list[Any] = [("stem", nn.Linear(4, 4), "")]
    for place in range(250):
        before = nodes[-1][0]
        nodes += [
            (f"norm{place}", nn.LayerNorm(4), before),
            (f"up{place}", nn.Linear(4, 8), f"norm{place}"),
            (f"down{place}", nn.Linear(8, 4), f"up{place}"),
            (f"sum{place}", Add(), f"{before} down{place}"),
        ]
    graph = layer_graph(network((4,), nodes))
    started = time.process_time()
    found = kept(graph)
    assert time.process_time() - started < 0.6  # each step once; with each against each it took seconds
    assert len(graph.layers) == 1001 and found.filters["down7"] is None


@pytest.mark.parametrize(("language", "word"), [("en", "Kept as they are: sums."), ("zh_CN", "保持原样：sums。")])
def test_that_inspect_lists_them(tmp_path: Any, capsys: pytest.CaptureFixture[str], language: str, word: str) -> None:
    path = tmp_path / "network.onnx"
    path.write_bytes(float_proto(network((3, 6, 6), NODES)).SerializeToString())
    assert main(["inspect", str(path), "--language", language]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert word in said.replace("。 ", "。") and "fc" in said
