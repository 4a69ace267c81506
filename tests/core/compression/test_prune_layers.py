"""Removing whole layers where a residual sum allows it."""

import pytest
import torch
from torch import Tensor, nn

from penjing.compression.prune import prune
from penjing.errors import UserError
from penjing.inspection.graph import layer_graph
from penjing.inspection.removal import remaining, removable
from penjing.model.modules import Add, GlobalAveragePool, Multiply
from penjing.plan import Plan
from tests.support.networks import depthwise, network, plain, residual, sample_input


def test_that_removing_a_layer_of_a_branch_leaves_what_went_around_it() -> None:
    model = residual()
    pruned = prune(model, layer_graph(model), Plan().with_layer("a1", remove=True))
    assert [name for name, _, _ in pruned.model.layers()] == [
        *("stem", "bn0", "relu0", "relua2", "b1", "relub1", "b2", "project", "addb", "relub2", "gap", "fc")
    ]
    # The same as a branch that sends zeros.
    silent = model.copy()
    for tensor in ("weight", "bias"):
        getattr(silent.layer("bna2"), tensor).data.zero_()
    values = sample_input(model)
    ours, theirs = pruned.model(values), silent(values)
    assert isinstance(ours, Tensor) and isinstance(theirs, Tensor)
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_that_the_graph_of_values_loses_the_same_layers() -> None:
    model = residual()
    graph, plan = layer_graph(model), Plan().with_layer("a2", remove=True).with_defaults(filters=0.5)
    left, pruned = remaining(graph, plan), prune(model, graph, plan)
    assert [layer.name for layer in left.layers] == [layer.name for layer in pruned.graph.layers]
    assert [layer.inputs for layer in left.layers] == [layer.inputs for layer in pruned.graph.layers]
    assert ("stem",) in [group.producers for group in left.groups]
    assert pruned.model.weight("stem").shape[0] == 4
    gone = [graph.by_name["a1"].output_channels, graph.by_name["stem"].output_channels]
    assert not pruned.kept_channels[list(gone[0])].any() and pruned.kept_channels[list(gone[1])].sum() == 4


def test_that_only_branches_beside_an_identity_can_go() -> None:
    assert removable(layer_graph(residual())) == {"a1", "a2"}  # b1 and b2 run beside a projection
    assert removable(layer_graph(plain())) == frozenset()
    with pytest.raises(UserError) as caught:
        model = residual()
        prune(model, layer_graph(model), Plan().with_layer("b1", remove=True))
    assert caught.value.code == "prune.cannot_remove"
    assert caught.value.values == {"layer": "b1", "known": "a1, a2"}


def test_that_a_branch_with_a_gate_inside_goes_as_a_whole() -> None:
    nodes = [
        ("stem", nn.Conv2d(3, 4, 1), ""),
        ("conv", nn.Conv2d(4, 4, 3, padding=1), ""),
        ("squeeze", GlobalAveragePool(keepdim=True), ""),
        ("expand", nn.Conv2d(4, 4, 1), ""),
        ("gate", nn.Sigmoid(), ""),
        ("excite", Multiply(), "conv gate"),
        ("add", Add(), "stem excite"),
        ("head", nn.Conv2d(4, 2, 1), ""),
    ]
    model = network((3, 6, 6), nodes)
    assert removable(layer_graph(model)) == {"conv", "expand"}
    pruned = prune(model, layer_graph(model), Plan().with_layer("expand", remove=True))
    assert [name for name, _, _ in pruned.model.layers()] == ["stem", "head"]
    values = sample_input(model)
    assert torch.equal(pruned.model(values), model.layer("head")(model.layer("stem")(values)))  # type: ignore[arg-type]


def test_that_a_branch_that_somebody_else_reads_stays() -> None:
    nodes = [
        ("stem", nn.Conv2d(3, 4, 1), ""),
        ("conv", nn.Conv2d(4, 4, 1), ""),
        ("add", Add(), "conv stem"),
        ("again", Add(), "add conv"),
        ("head", nn.Conv2d(4, 2, 1), ""),
    ]
    assert "conv" not in removable(layer_graph(network((3, 6, 6), nodes)))
    assert removable(layer_graph(depthwise())) == frozenset()


def test_that_a_locked_layer_is_not_removed() -> None:
    model = residual()
    plan = Plan().with_layer("a1", remove=True, locked=True)
    assert prune(model, layer_graph(model), plan).model is model
    with pytest.raises(UserError) as caught:  # nor is its branch for another's sake
        prune(model, layer_graph(model), plan.with_layer("a2", remove=True))
    assert caught.value.code == "prune.cannot_remove"


def test_that_masks_of_the_layers_that_stay_are_kept() -> None:
    model = residual()
    sparse = prune(model, layer_graph(model), Plan().with_defaults(sparsity=0.5)).model
    shorter = prune(sparse, layer_graph(sparse), Plan().with_layer("a1", remove=True)).model
    assert set(shorter.masks) == {"stem", "b1", "b2", "project", "fc"}
