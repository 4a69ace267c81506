"""Repair after pruning, against closed forms in float64 and against the networks themselves."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from penjing.compression.channels import cut_channels
from penjing.compression.least_squares import meeting, refit
from penjing.compression.prune import prune, with_masks
from penjing.compression.repair import DAMPING, Unpruned, repair
from penjing.inspection.few_samples import few_samples
from penjing.inspection.graph import layer_graph
from penjing.inspection.mixed_samples import mixed
from penjing.model.model import Model
from penjing.plan import Plan
from tests.support.few_data import few_data
from tests.support.networks import NETWORKS, network


def _unpruned(model: Model) -> Unpruned:
    graph = layer_graph(model)
    return Unpruned(model, graph, np.ones(graph.channel_count, dtype=np.bool_))


def _apart(one: Model, other: Model, values: Tensor) -> float:
    left, right = one(values), other(values)
    assert isinstance(left, Tensor)
    assert isinstance(right, Tensor)
    return float((left - right).square().mean())


def test_that_masked_rows_solve_the_normal_equations() -> None:
    generator = torch.Generator().manual_seed(0)
    before = torch.randn(1, 200, 7, generator=generator, dtype=torch.float64)
    after = before[:, :, 1:6] + 0.1 * torch.randn(1, 200, 5, generator=generator, dtype=torch.float64)
    wanted = torch.randn(1, 3, 7, generator=generator, dtype=torch.float64)
    start = torch.randn(1, 3, 5, generator=generator, dtype=torch.float64)
    free = torch.tensor([[[1, 1, 1, 1, 1], [1, 0, 1, 0, 1], [0, 0, 0, 0, 0]]], dtype=torch.float64)
    moments = meeting([(before[:, :90], after[:, :90]), (before[:, 90:], after[:, 90:])], centred=True)
    rows = refit(wanted, start, free, moments, damping=0.1)

    x, y = after[0] - after[0].mean(dim=0), (before[0] - before[0].mean(dim=0)) @ wanted[0].T
    own = 0.1 * float((x.T @ x / 200).diagonal().mean())
    for row in range(3):
        left = free[0, row].bool()
        part = x[:, left]
        second = part.T @ part / 200 + own * torch.eye(int(left.sum()), dtype=torch.float64)
        solved = torch.linalg.solve(second, part.T @ y[:, row] / 200 + own * start[0, row, left])
        torch.testing.assert_close(rows[0, row, left], solved, rtol=1e-6, atol=1e-8)
        assert bool((rows[0, row, ~left] == 0).all())


@pytest.mark.parametrize("mixing", [False, True])
def test_that_one_weight_gone_moves_the_others_as_the_optimal_brain_surgeon_does(mixing: bool) -> None:
    # δw = -w_q / [H⁻¹]_qq · H⁻¹e_q (METHODS.md §1), H the damped second moment of what the layer reads.
    model = network((6,), [("fc", nn.Linear(6, 3, bias=False), "")])
    data = few_data((6,), 100)
    mask = torch.ones(3, 6, dtype=torch.bool)
    mask[1, 4] = False
    found = repair(with_masks(model, {"fc": mask}), _unpruned(model), data, mixing=mixing).weight("fc").double()
    inputs = few_samples(data, 256).inputs
    x = (mixed(inputs) if mixing else inputs)[0].double()
    second = x.T @ x / len(x)
    inverse = torch.linalg.inv(second + DAMPING * second.diagonal().mean() * torch.eye(6, dtype=torch.float64))
    weight = model.weight("fc").double()
    expected = weight.clone()
    expected[1] -= weight[1, 4] / inverse[4, 4] * inverse[:, 4]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert float(found[1, 4]) == 0


def test_that_the_criterion_obs_moves_what_is_left_and_others_do_not() -> None:
    model = network((6,), [("fc", nn.Linear(6, 8), ""), ("relu", nn.ReLU(), ""), ("out", nn.Linear(8, 3), "")])
    data, graph = few_data((6,), 100), layer_graph(model)
    plan = Plan().with_layer("fc", sparsity=0.5, criterion="obs").with_layer("out", sparsity=0.5)
    found = prune(model, graph, plan, data=data).model
    moved = found.weight("fc") != model.weight("fc")
    assert int((found.weight("fc") == 0).sum()) == 24
    assert bool(moved[found.masks["fc"]].all())
    kept = found.masks["out"]
    assert torch.equal(found.weight("out")[kept], model.weight("out")[kept])


@pytest.mark.parametrize("name", NETWORKS)
def test_that_a_repaired_network_is_nearer_to_what_it_was(name: str) -> None:
    model = NETWORKS[name](0)
    graph, data = layer_graph(model), few_data(model.inputs[0].shape[1:], 128)
    plan = Plan().with_defaults(sparsity=0.4, filters=0.25, filter_criterion="l2")
    pruned = prune(model, graph, plan, data=data)
    found = repair(pruned.model, Unpruned(model, graph, pruned.kept_channels), data)
    values = few_samples(data, 128).values
    assert _apart(found, model, values) < 0.8 * _apart(pruned.model, model, values)
    for layer, mask in pruned.model.masks.items():
        assert bool((found.weight(layer)[~mask] == 0).all())
        assert found.weight(layer).shape == pruned.model.weight(layer).shape


def test_that_a_channel_that_others_tell_exactly_costs_next_to_nothing() -> None:
    # The second filter is twice the first, before a ReLU: what read it can read the first instead.
    nodes = [("one", nn.Linear(4, 5), ""), ("relu", nn.ReLU(), ""), ("two", nn.Linear(5, 3), "")]
    model = network((4,), nodes)
    weight, bias = model.weight("one"), model.layer("one").get_parameter("bias")
    weight[1], bias.data[1] = 2 * weight[0], 2 * bias.data[0]
    graph, data = layer_graph(model), few_data((4,), 200)
    keep = np.array([True, False, True, True, True])
    found = repair(cut_channels(model, graph, keep), Unpruned(model, graph, keep), data)
    values = few_samples(data, 200).values
    assert _apart(found, model, values) < 1e-2 * _apart(cut_channels(model, graph, keep), model, values)


def test_that_layers_that_may_not_change_and_those_before_the_cut_stay() -> None:
    model = NETWORKS["plain"](0)
    graph, data = layer_graph(model), few_data((3, 8, 8), 64)
    pruned = prune(model, graph, Plan().with_layer("conv2", sparsity=0.5), data=data)
    free = {layer.name for layer in graph.layers} - {"fc1"}
    found = repair(pruned.model, Unpruned(model, graph, pruned.kept_channels), data, layers=free)
    for layer in ("conv1", "fc1"):
        assert torch.equal(found.weight(layer), model.weight(layer))
    assert not torch.equal(found.weight("fc2"), model.weight("fc2"))
    assert torch.equal(found.layer("bn1").get_buffer("running_mean"), model.layer("bn1").get_buffer("running_mean"))


def test_that_a_network_without_a_residual_branch_is_repaired() -> None:
    model = NETWORKS["residual"](0)
    graph, data = layer_graph(model), few_data((3, 8, 8), 64)
    pruned = prune(model, graph, Plan().with_layer("a2", remove=True), data=data)
    found = repair(pruned.model, Unpruned(model, graph, pruned.kept_channels), data)
    values = few_samples(data, 64).values
    assert _apart(found, model, values) < _apart(pruned.model, model, values)


def test_that_a_network_that_lost_nothing_stays_what_it_is() -> None:
    model = NETWORKS["plain"](0)
    found = repair(dataclasses.replace(model), _unpruned(model), few_data((3, 8, 8), 16))
    state = model.module.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in found.module.state_dict().items())
