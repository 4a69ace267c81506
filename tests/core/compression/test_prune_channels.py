"""Cutting filters with everything that shares their channels: shapes, outputs, choices."""

import numpy as np
import pytest
import torch
from torch import Tensor

from penjing.compression.channels import cut_channels, mask_channels
from penjing.compression.prune import prune
from penjing.errors import UserError
from penjing.inspection.graph import layer_graph
from penjing.layer_graph import FIXED
from penjing.model.model import Model, Quantizer
from penjing.model.operators.table import operator_of
from penjing.plan import Plan, Settings
from tests.support.networks import NETWORKS, grouped, network, plain, residual, sample_input


def assert_same(actual: Tensor, expected: Tensor) -> None:
    """Parity of DESIGN §4: max|a - b| ≤ 1e-4 · max|b| + 1e-6."""
    assert actual.shape == expected.shape
    assert float((actual - expected).abs().max()) <= 1e-4 * float(expected.abs().max()) + 1e-6


def outputs(model: Model, values: Tensor) -> Tensor:
    result = model(values)
    assert isinstance(result, Tensor)
    return result


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("fraction", [0.25, 0.5, 1.0])
def test_that_the_pruned_network_equals_the_masked_one(name: str, fraction: float) -> None:
    model = NETWORKS[name](3)
    graph = layer_graph(model)
    pruned = prune(model, graph, Plan(defaults=Settings(filters=fraction)))
    masked = mask_channels(model, graph, pruned.kept_channels)
    values = sample_input(model)
    assert_same(outputs(pruned.model, values), outputs(masked, values))
    for layer in graph.layers:
        kept = [id_ == FIXED or pruned.kept_channels[id_] for id_ in layer.output_channels]
        assert pruned.graph.by_name[layer.name].output_shape[layer.channel_axis] == sum(kept)
    for group in graph.groups:
        left = int(pruned.kept_channels[list(group.channels)].sum())
        branches = 2 if group.producers[0] == "left" else 1  # each branch of a concat keeps one
        assert left == max(branches, len(group.channels) - int(fraction * len(group.channels)))


@pytest.mark.parametrize("name", NETWORKS)
def test_that_every_layer_keeps_its_values_on_the_kept_channels(name: str) -> None:
    model = NETWORKS[name](4)
    graph = layer_graph(model)
    pruned = prune(model, graph, Plan(defaults=Settings(filters=0.4, filter_criterion="l2")))
    masked = mask_channels(model, graph, pruned.kept_channels)
    values = sample_input(model)
    small, whole = _results(pruned.model, values), _results(masked, values)
    for layer in graph.layers:
        kept = [i for i, id_ in enumerate(layer.output_channels) if id_ == FIXED or pruned.kept_channels[id_]]
        assert_same(small[layer.name], whole[layer.name].index_select(layer.channel_axis, torch.tensor(kept)))


@pytest.mark.parametrize("name", NETWORKS)
def test_that_pruning_leaves_the_callers_model_alone(name: str) -> None:
    model, twin = NETWORKS[name](5), NETWORKS[name](5)
    prune(model, layer_graph(model), Plan(defaults=Settings(filters=0.5, sparsity=0.5)))
    for key, value in twin.module.state_dict().items():
        assert torch.equal(model.module.state_dict()[key], value), key


def test_that_the_lowest_filters_go_with_their_batch_norm_and_the_columns_that_read_them() -> None:
    model = plain()
    pruned = prune(model, layer_graph(model), Plan().with_layer("conv2", filters=0.5)).model
    norms = model.weight("conv2").abs().sum(dim=(1, 2, 3))
    kept = torch.sort(torch.argsort(norms)[6:]).values
    assert torch.equal(pruned.weight("conv2"), model.weight("conv2")[kept])
    for tensor in ("weight", "bias", "running_mean", "running_var"):
        assert torch.equal(getattr(pruned.layer("bn2"), tensor), getattr(model.layer("bn2"), tensor)[kept])
    columns = model.weight("fc1").reshape(10, 12, 16)[:, kept].flatten(1)
    assert torch.equal(pruned.weight("fc1"), columns)
    assert torch.equal(pruned.weight("conv1"), model.weight("conv1"))


def test_that_the_number_of_filters_removed_is_rounded_down_and_one_always_stays() -> None:
    model = plain()
    graph = layer_graph(model)
    for fraction, left in [(0.24, 10), (0.25, 9), (0.99, 1), (1.0, 1)]:
        assert prune(model, graph, Plan().with_layer("conv2", filters=fraction)).model.weight("conv2").shape[0] == left


def test_that_a_residual_sum_is_cut_by_the_sum_of_its_filters_scores() -> None:
    model = residual()
    graph = layer_graph(model)
    pruned = prune(model, graph, Plan().with_layer("stem", filters=0.5)).model
    both = sum(model.weight(name).to(torch.float64).abs().sum(dim=(1, 2, 3)) for name in ("stem", "a2"))
    assert isinstance(both, Tensor)
    kept = torch.sort(torch.argsort(both)[4:]).values
    assert torch.equal(pruned.weight("stem"), model.weight("stem")[kept])
    assert torch.equal(pruned.weight("a2"), model.weight("a2")[kept])
    assert torch.equal(pruned.weight("b1"), model.weight("b1")[:, kept])


def test_that_the_coupled_layer_that_asks_for_the_most_decides() -> None:
    model = residual()
    graph = layer_graph(model)
    plan = Plan().with_layer("stem", filters=0.25).with_layer("a2", filters=0.5, filter_criterion="geometric_median")
    pruned = prune(model, graph, plan).model
    rows = {name: model.weight(name).to(torch.float64).flatten(1).numpy() for name in ("stem", "a2")}
    far = sum(np.linalg.norm(row[:, None] - row[None], axis=2).sum(axis=1) for row in rows.values())
    kept = np.sort(np.argsort(far)[4:])
    assert torch.equal(pruned.weight("stem"), model.weight("stem")[kept])


def test_that_a_locked_layer_stays_exactly_as_it_is() -> None:
    model = residual()
    plan = Plan(defaults=Settings(filters=0.5, sparsity=0.5)).with_layer("a2", locked=True)
    pruned = prune(model, layer_graph(model), plan)
    assert torch.equal(pruned.model.weight("a2"), model.weight("a2"))
    assert "a2" not in pruned.model.masks
    assert pruned.model.weight("stem").shape[0] == 8  # coupled with a2
    assert pruned.model.weight("b1").shape == (5, 8, 3, 3)


def test_that_a_grouped_convolution_keeps_equal_groups() -> None:
    model = grouped()
    pruned = prune(
        model, layer_graph(model), Plan().with_layer("grouped", filters=0.5).with_layer("conv1", filters=0.34)
    )
    weight = pruned.model.weight("grouped")
    assert weight.shape == (8, 2, 3, 3)
    assert pruned.model.weight("conv1").shape[0] == 8
    places = model.weight("grouped").to(torch.float64).abs().sum(dim=(1, 2, 3)).reshape(4, 4).sum(dim=0)
    kept = torch.sort(torch.argsort(places)[2:]).values
    rows = torch.cat([kept + 4 * group for group in range(4)])
    assert torch.equal(pruned.model.layer("grouped").bias, model.layer("grouped").bias[rows])


def test_that_the_brush_protects_and_removes_filters() -> None:
    model = plain()
    graph = layer_graph(model)
    norms = model.weight("conv1").abs().sum(dim=(1, 2, 3))
    weakest, strongest = int(norms.argmin()), int(norms.argmax())
    plan = Plan().with_layer("conv1", filters=0.25, keep=(weakest,), cut=(strongest,))
    kept = prune(model, graph, plan).kept_channels[list(graph.by_name["conv1"].output_channels)]
    assert kept[weakest] and not kept[strongest]
    assert kept.sum() == 6
    only_brush = prune(model, graph, Plan().with_layer("conv1", cut=(0, 5))).kept_channels
    assert np.flatnonzero(~only_brush[list(graph.by_name["conv1"].output_channels)]).tolist() == [0, 5]


def test_that_a_brushed_filter_that_is_not_there_is_named() -> None:
    model = plain()
    with pytest.raises(UserError) as caught:
        prune(model, layer_graph(model), Plan().with_layer("conv1", cut=(8,)))
    assert caught.value.code == "prune.no_such_filter"
    assert caught.value.values == {"layer": "conv1", "filter": 8, "last": 7}


def test_that_a_global_share_is_ranked_across_layers_after_each_is_divided_by_its_mean() -> None:
    model = plain()
    graph = layer_graph(model)
    # The same network, its layers scaled: what is relative must not change.
    scaled = model.copy()
    scaled.layer("conv1").weight.data.mul_(1e-3)  # type: ignore[union-attr,operator]
    plan = Plan(defaults=Settings(filters=0.4, scope="global"))
    kept = prune(model, graph, plan).kept_channels
    assert np.array_equal(kept, prune(scaled, graph, plan).kept_channels)
    assert np.count_nonzero(~kept) == 12  # floor(0.4 · 30)
    relative = []
    for name in ("conv1", "conv2", "fc1"):
        norms = model.weight(name).to(torch.float64).flatten(1).abs().sum(dim=1).numpy()
        relative.append(norms / norms.mean())
    order = np.argsort(np.concatenate(relative), kind="stable")
    channels = np.concatenate([graph.by_name[name].output_channels for name in ("conv1", "conv2", "fc1")])
    assert np.array_equal(np.sort(channels[order[:12]]), np.flatnonzero(~kept))


def test_that_masks_and_scales_follow_the_cut() -> None:
    model = plain()
    graph = layer_graph(model)
    half = prune(model, graph, Plan().with_layer("conv2", sparsity=0.5)).model
    scales = Quantizer(bits=8, scale=torch.arange(12.0), zero_point=torch.zeros(12, dtype=torch.int32), axis=0)
    half = Model(**{**vars(half), "weight_quantizers": {"conv2": scales}})
    keep = np.ones(graph.channel_count, dtype=np.bool_)
    keep[[graph.by_name["conv1"].output_channels[2], graph.by_name["conv2"].output_channels[5]]] = False
    small = cut_channels(half, graph, keep)
    assert small.masks["conv2"].shape == (11, 7, 3, 3)
    assert torch.equal(small.masks["conv2"], small.weight("conv2") != 0)
    assert small.weight_quantizers["conv2"].scale.tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]


def test_that_a_layer_with_one_filter_cannot_lose_it() -> None:
    model = network((1, 4, 4), [("conv", torch.nn.Conv2d(1, 1, 3), ""), ("out", torch.nn.Conv2d(1, 2, 1), "")])
    with pytest.raises(UserError) as caught:
        prune(model, layer_graph(model), Plan(defaults=Settings(filters=1.0)))
    assert caught.value.code == "prune.nothing_removed"


def test_that_channels_of_the_output_are_never_cut() -> None:
    model = plain()
    pruned = prune(model, layer_graph(model), Plan(defaults=Settings(filters=0.9))).model
    assert pruned.weight("fc2").shape[0] == 4
    assert pruned.layer("fc2").bias.shape == (4,)  # type: ignore[union-attr]


def _results(model: Model, values: Tensor) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {"x": values}
    with torch.no_grad():
        for name, module, feeds in model.layers():
            found[name] = module(*(found[feed] for feed in feeds))
    assert all(operator_of(module) for _, module, _ in model.layers())
    return found
