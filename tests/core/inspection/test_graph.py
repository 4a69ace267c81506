"""The network as values: shapes, costs, channel ids, coupled groups."""

import numpy as np
import pytest
import torch
import torch_pruning
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from penjing.compression.channels import cut_channels
from penjing.inspection.graph import layer_graph
from penjing.layer_graph import FIXED
from penjing.model.modules import AddConstant, Concat, GlobalAveragePool
from tests.support.networks import NETWORKS, depthwise, grouped, network, plain, residual, sample_input, signal


@pytest.mark.parametrize("name", NETWORKS)
def test_that_shapes_are_those_of_a_run_and_every_channel_has_an_id(name: str) -> None:
    model = NETWORKS[name](0)
    graph = layer_graph(model)
    found = {"x": torch.zeros(model.inputs[0].shape)}
    for layer, module, feeds in model.layers():
        found[layer] = module(*(found[feed] for feed in feeds))
        entry = graph.by_name[layer]
        assert entry.output_shape == tuple(found[layer].shape)
        assert len(entry.output_channels) == entry.output_shape[entry.channel_axis]
        assert entry.inputs == feeds
    used = {id_ for layer in graph.layers for id_ in layer.output_channels} - {FIXED}
    assert used == set(range(graph.channel_count))


@pytest.mark.parametrize("name", NETWORKS)
def test_that_macs_agree_with_torchs_own_counter(name: str) -> None:
    model = NETWORKS[name](0)
    counter = FlopCounterMode(display=False)
    with counter:
        model(torch.zeros(model.inputs[0].shape))
    assert sum(layer.macs for layer in layer_graph(model).layers) == counter.get_total_flops() // 2


@pytest.mark.parametrize("name", NETWORKS)
def test_that_parameters_are_counted_as_loaded(name: str) -> None:
    model = NETWORKS[name](0)
    graph = layer_graph(model)
    assert sum(layer.params for layer in graph.layers) == sum(value.numel() for value in model.module.parameters())


def test_that_batch_norm_counts_two_parameters_a_channel() -> None:
    layer = layer_graph(plain()).by_name["bn2"]
    assert (layer.params, layer.bias, layer.weight_shape, layer.macs) == (24, 12, (12,), 0)


def test_that_only_layers_with_filters_are_compressible_and_others_say_why() -> None:
    graph = layer_graph(plain())
    assert [layer.name for layer in graph.compressible] == ["conv1", "conv2", "fc1", "fc2"]
    assert {layer.reason for layer in graph.compressible} == {None}
    assert graph.by_name["bn1"].reason == "layer.per_channel"
    assert graph.by_name["relu1"].reason == "layer.no_weights"


def test_that_channels_of_inputs_and_outputs_are_fixed() -> None:
    graph = layer_graph(plain())
    assert set(graph.by_name["conv1"].input_channels) == {FIXED}
    assert set(graph.by_name["fc2"].output_channels) == {FIXED}
    assert graph.group_of("fc2") is None


def test_that_a_layer_whose_result_is_also_an_output_cannot_be_cut() -> None:
    nodes = [("a", nn.Conv2d(3, 4, 1), ""), ("relu", nn.ReLU(), ""), ("b", nn.Conv2d(4, 2, 1), "")]
    assert layer_graph(network((3, 4, 4), nodes, outputs="relu b")).groups == ()
    assert len(layer_graph(network((3, 4, 4), nodes)).groups) == 1


def test_that_a_residual_sum_couples_the_layers_that_feed_it() -> None:
    graph = layer_graph(residual())
    groups = {group.producers: group for group in graph.groups}
    assert set(groups) == {("stem", "a2"), ("a1",), ("b1",), ("b2", "project")}
    stem = groups["stem", "a2"]
    assert stem.channels == graph.by_name["stem"].output_channels == graph.by_name["a2"].output_channels
    assert stem.members == ("stem", "bn0", "relu0", "a1", "a2", "bna2", "adda", "relua2", "b1", "project")


def test_that_depthwise_layers_are_members_and_a_gate_couples_its_two_sides() -> None:
    graph = layer_graph(depthwise())
    group = graph.group_of("conv")
    assert group is not None and group.producers == ("conv", "expand")
    assert "dw" in group.members
    assert graph.by_name["dw"].type == "DepthwiseConv2d"
    assert graph.by_name["dw"].macs == 8 * 9 * 64


def test_that_a_flattened_channel_is_a_block_of_features() -> None:
    graph = layer_graph(plain())
    assert graph.by_name["fc1"].input_channels == tuple(np.repeat(graph.by_name["conv2"].output_channels, 16).tolist())


def test_that_groups_of_a_grouped_convolution_share_channels() -> None:
    graph = layer_graph(grouped())
    assert graph.by_name["grouped"].output_channels == graph.by_name["grouped"].output_channels[:4] * 4
    assert graph.by_name["conv1"].output_channels == graph.by_name["conv1"].output_channels[:3] * 4
    assert graph.by_name["grouped"].input_channels == graph.by_name["conv1"].output_channels[:3]
    assert graph.by_name["grouped"].macs == 16 * 3 * 9 * 64


def test_that_a_softmax_over_the_channels_fixes_them() -> None:
    nodes = [("a", nn.Conv2d(3, 4, 1), ""), ("soft", nn.Softmax(dim=1), ""), ("b", nn.Conv2d(4, 2, 1), "")]
    assert layer_graph(network((3, 4, 4), nodes)).groups == ()
    over_positions = [("a", nn.Conv2d(3, 4, 1), ""), ("soft", nn.Softmax(dim=3), ""), ("b", nn.Conv2d(4, 2, 1), "")]
    assert len(layer_graph(network((3, 4, 4), over_positions)).groups) == 1


@pytest.mark.parametrize(("shape", "cuttable"), [((8, 1, 1), True), ((), True), ((8,), False), ((1, 1, 8), False)])
def test_that_a_constant_passes_channels_on_unless_it_differs_by_position(
    shape: tuple[int, ...], cuttable: bool
) -> None:
    nodes = [("a", nn.Conv2d(3, 8, 1), ""), ("c", AddConstant(torch.ones(shape)), ""), ("b", nn.Conv2d(8, 2, 1), "")]
    assert bool(layer_graph(network((3, 8, 8), nodes)).groups) is cuttable


def test_that_features_along_another_axis_do_not_pass_for_channels() -> None:
    # The linear layer makes features along the last axis; convolution and batch norm read axis 1.
    nodes = [("fc", nn.Linear(6, 6), ""), ("bn", nn.BatchNorm1d(6), ""), ("conv", nn.Conv1d(6, 4, 1), "")]
    graph = layer_graph(network((6, 6), nodes))
    assert graph.groups == ()
    assert set(graph.by_name["conv"].input_channels) == {FIXED}


def test_that_branches_joined_along_positions_are_the_same_channels() -> None:
    nodes = [
        ("a", nn.Conv1d(2, 4, 1), ""),
        ("b", nn.Conv1d(2, 4, 1), "x"),
        ("join", Concat(2), "a b"),
        ("gap", GlobalAveragePool(keepdim=False), ""),
        ("fc", nn.Linear(4, 2), ""),
    ]
    assert [group.producers for group in layer_graph(network((2, 8), nodes)).groups] == [("a", "b")]


@pytest.mark.parametrize("make", [plain, residual, depthwise, signal, NETWORKS["concat"]])
def test_that_coupling_and_cutting_agree_with_torch_pruning(make: object) -> None:
    model = make(1)  # type: ignore[operator]
    graph = layer_graph(model)
    for group in graph.groups:
        producer = graph.by_name[group.producers[0]]
        filters = [1, 2]
        keep = np.ones(graph.channel_count, dtype=np.bool_)
        keep[[producer.output_channels[index] for index in filters]] = False
        ours = cut_channels(model, graph, keep).module.state_dict()

        theirs = model.copy().module
        for parameter in theirs.parameters():
            parameter.requires_grad_(True)
        dependencies = torch_pruning.DependencyGraph().build_dependency(theirs, sample_input(model, count=1))
        module = theirs.get_submodule(producer.name)
        cut = (
            torch_pruning.prune_conv_out_channels
            if producer.kind == "conv"
            else torch_pruning.prune_linear_out_channels
        )
        dependencies.get_pruning_group(module, cut, idxs=filters).prune()
        for key, value in theirs.state_dict().items():
            assert torch.equal(ours[key], value), (group.producers, key)
