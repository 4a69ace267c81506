"""k-means against brute force, and what sharing makes of a network."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from penjing.compression.codebook import nearest, rate, shared_values
from penjing.compression.lowering import lower
from penjing.compression.prune import prune
from penjing.compression.quantize import quantize
from penjing.compression.sharing import coarse_bias, halved
from penjing.errors import UserError
from penjing.inspection.graph import layer_graph
from penjing.loading.dataset import Dataset, Split
from penjing.model.model import Model
from penjing.plan import Plan
from tests.support.networks import NETWORKS


def error(weights: np.ndarray, importance: np.ndarray, values: np.ndarray) -> float:
    return float((importance * np.abs(weights[:, None] - values[None]).min(axis=1) ** 2).sum())


def brute_force(weights: np.ndarray, importance: np.ndarray, size: int) -> float:
    """The least error of all ways to cut the sorted weights into `size` intervals, each at its weighted mean."""
    order = np.argsort(weights)
    w, h = weights[order], importance[order]
    found = np.inf
    for cuts in itertools.combinations(range(1, len(w)), size - 1):
        edges = [0, *cuts, len(w)]
        parts = [slice(a, b) for a, b in itertools.pairwise(edges)]
        means = [np.average(w[part], weights=h[part]) for part in parts]
        found = min(found, sum(float((h[p] * (w[p] - m) ** 2).sum()) for p, m in zip(parts, means, strict=True)))
    return found


def data_of(model: Model) -> Dataset:
    x = np.random.default_rng(0).normal(size=(16, *model.inputs[0].shape[1:])).astype(np.float32)
    return Dataset(train=Split(x=x), val=Split(x=x), test=Split(x=x), metric="agreement")


def kept_weights(model: Model, name: str) -> Tensor:
    return model.weight(name)[model.masks.get(name, torch.ones_like(model.weight(name), dtype=torch.bool))]


def test_that_the_rate_is_that_of_deep_compression() -> None:
    assert rate(16, 4, bits=32) == pytest.approx(3.2)  # METHODS §5


@pytest.mark.parametrize("size", [2, 3, 4])
@pytest.mark.parametrize("seed", range(5))
def test_that_no_codebook_of_few_weights_is_better(size: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    weights, importance = random.normal(size=12), random.random(12)
    for h in (np.ones(12), importance):
        assert error(weights, h, shared_values(weights, size, h)) == pytest.approx(brute_force(weights, h, size))


def test_that_lloyd_ends_at_means_and_beats_the_linear_start() -> None:
    weights = np.random.default_rng(3).laplace(size=20_000)
    values = shared_values(weights, 16)
    places = nearest(weights, values)
    means = np.array([weights[places == place].mean() for place in range(16)])
    assert np.allclose(values, means, atol=0.02)
    ones = np.ones(len(weights))
    assert error(weights, ones, values) < 0.25 * error(weights, ones, np.linspace(weights.min(), weights.max(), 16))
    assert np.array_equal(values, shared_values(weights, 16))


@pytest.mark.parametrize("data", [False, True])
@pytest.mark.parametrize("name", ["plain", "residual", "1-D"])
def test_that_kept_weights_share_k_values_and_masked_ones_stay_zero(name: str, data: bool) -> None:
    model, plan = NETWORKS[name](0), Plan().with_defaults(codebook=4, sparsity=0.6)
    pruned = prune(model, layer_graph(model), plan).model
    result = quantize(pruned, plan, data_of(model) if data else None)
    assert result.codebooks.keys() == pruned.masks.keys()
    assert not result.weight_quantizers
    for layer, codebook in result.codebooks.items():
        assert codebook.dtype == torch.float32
        assert torch.equal(torch.unique(kept_weights(result, layer)), codebook)
        assert len(codebook) <= 4
        assert not bool(result.weight(layer)[~result.masks[layer]].any())
        assert torch.equal(result.masks[layer], pruned.masks[layer])
    again = quantize(pruned, plan, data_of(model) if data else None)
    assert all(torch.equal(one, again.codebooks[layer]) for layer, one in result.codebooks.items())


def test_that_weight_bits_put_the_values_on_one_grid_and_the_layer_runs_in_integers() -> None:
    model, plan = NETWORKS["plain"](0), Plan().with_defaults(codebook=8, weight_bits=5, activation_bits=8)
    result = quantize(model, plan, data_of(model))
    for name, codebook in result.codebooks.items():
        quantizer = result.weight_quantizers[name]
        assert quantizer.axis is None
        assert torch.equal(quantizer.on_grid(codebook), codebook)
        assert set(kept_weights(result, name).tolist()) <= set(codebook.tolist())
    integers = {layer for node in lower(result).nodes if hasattr(node, "bound") for layer in node.layers}
    assert set(result.codebooks) <= integers


def test_that_a_layer_without_kept_weights_and_one_with_few_have_a_codebook() -> None:
    model = NETWORKS["plain"](0)
    graph = layer_graph(model)
    first, second = (layer.name for layer in graph.compressible[:2])
    plan = Plan().with_layer(first, sparsity=1.0, codebook=16).with_layer(second, codebook=256)
    result = quantize(prune(model, graph, plan).model, plan, None)
    assert result.codebooks[first].tolist() == [0.0]
    assert 200 < len(result.codebooks[second]) <= 256


def test_that_sharing_again_changes_nothing_and_another_rounding_ends_it() -> None:
    model = NETWORKS["plain"](0)
    once = quantize(model, Plan().with_defaults(codebook=4), None)
    twice = quantize(once, Plan().with_defaults(codebook=4), None)
    assert all(torch.equal(once.weight(name), twice.weight(name)) for name in once.codebooks)
    assert not quantize(once, Plan().with_defaults(weight_bits=8), None).codebooks
    assert quantize(once, Plan().with_defaults(activation_bits=8), None).codebooks.keys() == once.codebooks.keys()


def test_that_what_is_not_finite_is_refused() -> None:
    model = NETWORKS["plain"](0)
    layer = layer_graph(model).compressible[0].name
    model.weight(layer).flatten()[0] = float("nan")
    with pytest.raises(UserError) as refused:
        quantize(model, Plan().with_defaults(codebook=4), None)
    assert refused.value.code == "quantize.not_finite"


def test_that_a_bias_beside_shared_weights_is_whole_multiples_of_a_power_of_two() -> None:
    bias = torch.tensor([0.7, -0.7 / 3, 0.001, 0.0])
    # The largest is 0.7 in 1/2..1: units of 2⁻⁷; 0.7 · 128 = 89.6, 0.7 / 3 · 128 = 29.9, 0.001 · 128 = 0.1.
    assert coarse_bias(bias).tolist() == [90 / 128, -30 / 128, 0.0, 0.0]
    assert coarse_bias(torch.tensor([0.999, 0.5])).tolist() == [127 / 128, 0.5]  # 128 would be a ninth bit
    assert coarse_bias(torch.zeros(3)).tolist() == [0.0, 0.0, 0.0]
    large = torch.tensor([3.1e20, -1e19])
    assert (coarse_bias(large) - large).abs().max() <= large.max() / 128
    given = torch.randn(100, generator=torch.Generator().manual_seed(0))
    assert torch.equal(coarse_bias(coarse_bias(given)), coarse_bias(given))


def test_that_shared_values_are_halves_unless_those_would_be_far_off() -> None:
    values = torch.tensor([-0.1, 0.3, 7.7])
    assert halved(values).tolist() == np.array([-0.1, 0.3, 7.7]).astype(np.float16).tolist()
    for far in (values * 1e-8, values * 1e5):  # below the normal halves, above the largest
        assert torch.equal(halved(far), far)
