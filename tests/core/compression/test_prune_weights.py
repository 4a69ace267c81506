"""Setting single weights to zero: threshold, sparsity, scope, N of M."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from penjing.compression.masks import largest_of_each, scheduled
from penjing.compression.prune import mask_weights, prune
from penjing.errors import UserError
from penjing.inspection.graph import layer_graph
from penjing.model.model import Model
from penjing.plan import Plan, Settings
from tests.support.networks import NETWORKS, network, plain, residual

GOLDEN = [[0.2, -0.1, 0.5], [0.3, 0.7, -0.2], [-0.4, 0.1, 0.6]]
"""The weight of METHODS §5."""


def golden() -> Model:
    model = network((3,), [("fc", nn.Linear(3, 3), "")])
    model.layer("fc").weight.data = torch.tensor(GOLDEN)  # type: ignore[union-attr]
    return model


def pruned(model: Model, **settings: object) -> Model:
    return prune(model, layer_graph(model), Plan().with_defaults(**settings)).model


def test_that_a_threshold_zeroes_what_lies_strictly_below_it() -> None:
    weight = pruned(golden(), threshold=0.3).weight("fc")
    assert torch.equal(weight, torch.tensor([[0, 0, 0.5], [0.3, 0.7, 0], [-0.4, 0, 0.6]]))


def test_that_a_threshold_is_compared_in_the_weights_own_type() -> None:
    # float32(0.7) < 0.7 in float64, which would delete the weight that defines the threshold.
    weight = pruned(golden(), threshold=0.7).weight("fc")
    assert torch.count_nonzero(weight) == 1
    assert weight[1, 1] == torch.tensor(0.7)


def test_that_a_threshold_wins_over_a_sparsity() -> None:
    assert torch.count_nonzero(pruned(golden(), threshold=0.3, sparsity=0.9).weight("fc")) == 5


@pytest.mark.parametrize(("sparsity", "zeros"), [(0.5, 4), (0.25, 2), (0.5 / 9, 0), (1.5 / 9, 2), (1.0, 9)])
def test_that_zeros_are_rounded_half_to_even(sparsity: float, zeros: int) -> None:
    if zeros == 0:
        with pytest.raises(UserError, match="removed nothing"):
            pruned(golden(), sparsity=sparsity)
    else:
        result = pruned(golden(), sparsity=sparsity)
        assert torch.count_nonzero(result.weight("fc") == 0) == zeros
        assert torch.equal(result.masks["fc"], result.weight("fc") != 0)


def test_that_of_equal_weights_the_first_go() -> None:
    # |w| in order: .1 .1 .2 .2 ...: three zeros take both .1 and the first .2.
    weight = pruned(golden(), sparsity=3 / 9).weight("fc")
    assert torch.equal(weight == 0, torch.tensor([[1, 1, 0], [0, 0, 0], [0, 1, 0]], dtype=torch.bool))


def test_that_sparsity_counts_the_weights_that_the_filter_cut_leaves() -> None:
    model = plain()
    result = pruned(model, filters=0.5, sparsity=0.5)
    for name, mask in result.masks.items():
        assert int((~mask).sum()) == round(0.5 * result.weight(name).numel()), name


def test_that_a_global_sparsity_does_not_empty_a_layer_of_small_weights() -> None:
    model = plain()
    model.layer("conv1").weight.data.mul_(1e-3)  # type: ignore[union-attr,operator]
    result = pruned(model, sparsity=0.3, scope="global")
    total = sum(model.weight(name).numel() for name in result.masks)
    assert sum(int((~mask).sum()) for mask in result.masks.values()) == round(0.3 * total)
    assert 0.2 < float((~result.masks["conv1"]).float().mean()) < 0.4
    relative = {name: model.weight(name).abs().double() for name in result.masks}
    relative = {name: values / values.mean() for name, values in relative.items()}
    highest_zeroed = max(float(relative[name][~mask].max()) for name, mask in result.masks.items())
    lowest_kept = min(float(relative[name][mask].min()) for name, mask in result.masks.items())
    assert highest_zeroed <= lowest_kept


def test_that_layers_of_scope_layer_do_not_take_part_in_the_global_ranking() -> None:
    model = plain()
    plan = Plan().with_defaults(sparsity=0.5, scope="global").with_layer("fc1", scope="layer", sparsity=0.25)
    masks = prune(model, layer_graph(model), plan).model.masks
    assert int((~masks["fc1"]).sum()) == round(0.25 * masks["fc1"].numel())
    others = [mask for name, mask in masks.items() if name != "fc1"]
    assert sum(int((~mask).sum()) for mask in others) == round(0.5 * sum(mask.numel() for mask in others))


def test_that_two_of_four_keeps_the_two_largest_along_the_input_axis() -> None:
    weight = torch.tensor([[0.1, -0.4, 0.3, 0.2, 0.9, 0.1], [1.0, 1.0, 1.0, 1.0, 0.5, 0.0]])
    kept = largest_of_each(weight.abs(), 2, 4)
    # Of equals the first go; the last group of two keeps both, as hardware pads it with zeros.
    assert kept.tolist() == [[False, True, True, False, True, True], [False, False, True, True, True, True]]


def test_that_n_of_m_of_a_convolution_runs_over_its_input_channels() -> None:
    model = plain()
    result = pruned(model, nm=(2, 4))
    kept = result.masks["conv2"].reshape(12, 2, 4, 3, 3)
    assert torch.equal(kept.sum(dim=2), torch.full((12, 2, 3, 3), 2))
    groups = model.weight("conv2").abs().reshape(12, 2, 4, 3, 3)
    best = groups.topk(2, dim=2).values.sum(dim=2)
    assert torch.allclose((groups * kept).sum(dim=2), best)


def test_that_pruning_again_keeps_what_was_pruned() -> None:
    model = plain()
    once = pruned(model, sparsity=0.3, criterion="random")
    graph = layer_graph(once)
    twice = mask_weights(once, graph, Plan().with_defaults(sparsity=0.5))
    for name, mask in twice.masks.items():
        assert not bool((mask & ~once.masks[name]).any())
        assert int((~mask).sum()) == round(0.5 * mask.numel())


def test_that_the_gradual_schedule_is_cubic() -> None:
    points = [scheduled(0.9, t) for t in (0, 0.25, 0.5, 0.75, 1)]
    assert points == pytest.approx([0, 0.520313, 0.7875, 0.885938, 0.9], abs=1e-6)


def test_that_a_cubic_schedule_prunes_gradually_and_once_prunes_at_once() -> None:
    model = golden()
    graph = layer_graph(model)
    plan = Plan().with_defaults(sparsity=0.9, schedule="cubic")
    for progress, zeros in [(0.25, round(9 * 0.5203125)), (0.5, round(9 * 0.7875)), (1.0, 8)]:
        assert int((~mask_weights(model, graph, plan, progress=progress).masks["fc"]).sum()) == zeros
    at_once = mask_weights(model, graph, plan.with_defaults(schedule="once"), progress=0.25)
    assert int((~at_once.masks["fc"]).sum()) == 8


def test_that_a_plan_that_sets_nothing_changes_nothing() -> None:
    model = plain()
    result = prune(model, layer_graph(model), Plan())
    assert result.model is model
    assert result.kept_channels.all()


@pytest.mark.parametrize("settings", [{"threshold": 1e-9}, {"filters": 0.01}, {"filter_threshold": 1e-9}])
def test_that_a_cut_that_removes_nothing_is_said(settings: dict[str, float]) -> None:
    with pytest.raises(UserError) as caught:
        pruned(plain(), **settings)
    assert caught.value.code == "prune.nothing_removed"


def test_that_a_gradual_cut_that_will_remove_nothing_is_said_at_its_start() -> None:
    model = plain()
    graph, cubic = layer_graph(model), {"schedule": "cubic", "sparsity": 0.0001}
    for settings in (
        cubic,
        {**cubic, "sparsity": 1e-9, "scope": "global"},
        {**cubic, "sparsity": 0.0, "filters": 0.01},
    ):
        with pytest.raises(UserError) as caught:
            prune(model, graph, Plan().with_defaults(**settings), progress=0.0)
        assert caught.value.code == "prune.nothing_removed"
    for scope in ("layer", "global"):
        plan = Plan().with_defaults(sparsity=0.5, schedule="cubic", scope=scope)
        assert all(bool(mask.all()) for mask in prune(model, graph, plan, progress=0.0).model.masks.values())


def test_that_everything_locked_is_not_a_cut_that_was_asked_for() -> None:
    model = plain()
    assert prune(model, layer_graph(model), Plan().with_defaults(sparsity=0.5, locked=True)).model is model


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_that_weights_that_are_not_numbers_are_said(value: float) -> None:
    model = plain()
    model.layer("conv2").weight.data[0, 0, 0, 0] = value  # type: ignore[union-attr,index]
    for settings in ({"sparsity": 0.5}, {"filters": 0.5}):
        with pytest.raises(UserError) as caught:
            pruned(model, **settings)
        assert caught.value.code == "saliency.not_finite"
        assert caught.value.values == {"layer": "conv2"}


@pytest.mark.parametrize("name", NETWORKS)
def test_that_a_network_without_any_weight_left_still_runs(name: str) -> None:
    model = NETWORKS[name](0)
    result = pruned(model, sparsity=1.0)
    assert all(not mask.any() for mask in result.masks.values())
    out = result(torch.randn(2, *model.inputs[0].shape[1:]))
    assert isinstance(out, torch.Tensor) and bool(torch.isfinite(out).all())


@pytest.mark.parametrize("criterion", ["random", "lamp", "l1", "geometric_median"])
def test_that_the_same_seed_prunes_the_same_weights(criterion: str) -> None:
    first, second = (pruned(residual(), sparsity=0.5, criterion=criterion) for _ in range(2))
    for name, mask in first.masks.items():
        assert torch.equal(mask, second.masks[name])


def test_that_another_seed_draws_other_weights() -> None:
    model = plain()
    graph, plan = layer_graph(model), Plan(defaults=Settings(sparsity=0.5, criterion="random"))
    masks = [prune(model, graph, plan, seed=seed).model.masks["conv2"].numpy() for seed in (0, 1)]
    assert not np.array_equal(*masks)
