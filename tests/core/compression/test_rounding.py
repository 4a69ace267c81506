"""Roundings that look at the data, against exhaustive search, hand formulas and least squares in float64."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from penjing.compression.adaround import adaround
from penjing.compression.gptq import column_by_column, gptq
from penjing.compression.grids import Grid
from penjing.compression.layerwise import change_layers
from penjing.compression.moments import DAMPING, Moments, moments_of
from penjing.compression.quantize import ROUNDINGS, quantize
from penjing.compression.rounding import NEAREST, Task
from penjing.compression.simulation import simulate
from penjing.plan import Plan, Settings
from tests.support.calibration import dataset_of
from tests.support.networks import NETWORKS, network, sample_input


def correlated(count: int, columns: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(columns, columns, generator=generator) / columns**0.5 + torch.ones(columns, columns) * 0.5
    return torch.randn(count, columns, generator=generator) @ mixing


def task(weight: Tensor, inputs: Tensor, *, mask: Tensor | None = None, **settings: object) -> Task:
    module = nn.Linear(weight.shape[1], weight.shape[0])
    module.weight = nn.Parameter(weight, requires_grad=False)
    chosen = Settings(**{"weight_bits": 3, **settings})  # type: ignore[arg-type]
    return Task(weight=weight, settings=chosen, mask=mask, moments=moments_of(module, inputs, inputs))


def output_error(weight: Tensor, rounded: Tensor, inputs: Tensor) -> float:
    return float(((weight - rounded).double() @ inputs.double().T).square().sum(dim=0).mean())


def test_that_moments_give_the_error_of_the_layers_output() -> None:
    module = nn.Conv2d(4, 6, 3, padding=1, groups=2)
    original = torch.randn(20, 4, 5, 5, generator=torch.Generator().manual_seed(0))
    compressed = original + 0.1 * torch.randn(20, 4, 5, 5, generator=torch.Generator().manual_seed(1))
    moments = moments_of(module, original, compressed)
    eye = torch.eye(18, dtype=torch.float64)
    damping = moments.compressed.diagonal(dim1=1, dim2=2).mean(dim=1) * DAMPING / (1 + DAMPING)
    plain = Moments(
        compressed=moments.compressed - damping[:, None, None] * eye,
        crossed=moments.crossed - damping[:, None, None] * eye,
    )
    weights = [torch.randn(6, 2, 3, 3, generator=torch.Generator().manual_seed(seed)) for seed in (2, 3, 4)]
    known = weights[0].double().reshape(2, 3, 18)

    def direct(weight: Tensor) -> Tensor:
        def run(values: Tensor, by: Tensor) -> Tensor:
            return nn.functional.conv2d(values.double(), by.double(), padding=1, groups=2)

        return (run(original, weights[0]) - run(compressed, weight)).square().mean(dim=(0, 2, 3))

    found = [plain.loss(known, weight.double().reshape(2, 3, 18)).reshape(-1) for weight in weights[1:]]
    wanted = [direct(weight) for weight in weights[1:]]
    torch.testing.assert_close(found[0] - found[1], wanted[0] - wanted[1], rtol=1e-5, atol=1e-6)


def test_that_the_target_is_the_damped_least_squares_solution() -> None:
    original, compressed = correlated(50, 4, seed=1).double(), correlated(50, 4, seed=2).double()
    second, crossed = compressed.T @ compressed / 50, original.T @ compressed / 50
    size = DAMPING * float(second.diagonal().mean())
    module = nn.Linear(4, 3)
    found = moments_of(module, original.float(), compressed.float()).target(module.weight.detach().double()[None])
    # Rows √(50 λ) I appended to x̂ and w times them to the wanted outputs: ordinary least squares.
    weight = module.weight.detach().double().numpy()
    rows = np.concatenate([compressed.numpy(), np.sqrt(50 * size) * np.eye(4)])
    wanted = np.concatenate([original.numpy() @ weight.T, np.sqrt(50 * size) * weight.T])
    solution = np.linalg.lstsq(rows, wanted, rcond=None)[0].T
    np.testing.assert_allclose(found[0].numpy(), solution, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(crossed, crossed)


def test_that_the_error_of_a_column_moves_to_the_next_as_optimal_brain_surgeon_says() -> None:
    # H = [[1.001, .5], [.5, 1]]: δ₂ = (w₁ - ŵ₁) H₁₂ / H₂₂ = .4 · .5, so .35 becomes .55 and rounds up.
    second = torch.tensor([[[1.001, 0.5], [0.5, 1.0]]], dtype=torch.float64)
    moments = Moments(compressed=second, crossed=second)
    rows = torch.tensor([[[0.4, 0.35], [0.4, 0.25]]], dtype=torch.float64)
    one = torch.ones(1, 2, dtype=torch.float64)
    grid = Grid(scale=one, zero_point=0 * one, q_min=-7, q_max=7)
    found = column_by_column(rows, moments, grid, torch.ones_like(rows))
    assert found.tolist() == [[[0.0, 1.0], [0.0, 0.0]]]


def test_that_the_most_active_column_is_rounded_first() -> None:
    second = torch.tensor([[[1.0, 0.9], [0.9, 4.0]]], dtype=torch.float64)
    moments = Moments(compressed=second, crossed=second)
    rows = torch.tensor([[[0.45, 0.4]]], dtype=torch.float64)
    one = torch.ones(1, 1, dtype=torch.float64)
    grid = Grid(scale=one, zero_point=0 * one, q_min=-7, q_max=7)
    # Column 1 first: .4 → 0, then column 0 becomes .45 + .4 · .9 / 1 = .81 → 1.
    assert column_by_column(rows, moments, grid, torch.ones_like(rows)).tolist() == [[[1.0, 0.0]]]


def test_that_spreading_errors_block_by_block_is_spreading_them_one_by_one() -> None:
    inputs = correlated(400, 150).double()
    second = (inputs.T @ inputs / 400 + 0.1 * torch.eye(150))[None]
    rows = torch.randn(1, 3, 150, generator=torch.Generator().manual_seed(5), dtype=torch.float64) * 3
    one = torch.ones(1, 3, dtype=torch.float64)
    grid = Grid(scale=one, zero_point=0 * one, q_min=-7, q_max=7)
    found = column_by_column(rows, Moments(compressed=second, crossed=second), grid, torch.ones_like(rows))
    # Optimal brain surgeon, literally: after each column the inverse of what is left of H.
    order = second[0].diagonal().argsort(descending=True).tolist()
    left = rows[0].clone()
    for place, column in enumerate(order):
        rest = order[place:]
        inverse = torch.linalg.inv(second[0][rest][:, rest])
        rounded = torch.round(left[:, column]).clamp(-7, 7)
        left[:, rest] -= ((left[:, column] - rounded) / inverse[0, 0])[:, None] * inverse[0]
        left[:, column] = rounded
    torch.testing.assert_close(found[0], left)


@pytest.mark.parametrize("seed", range(5))
def test_that_gptq_comes_near_the_best_of_all_codes(seed: int) -> None:
    inputs = correlated(200, 5, seed=seed)
    weight = torch.randn(1, 5, generator=torch.Generator().manual_seed(seed + 50))
    problem = task(weight, inputs, weight_bits=3)
    assert problem.moments is not None
    rounded, quantizer = gptq(problem)
    known = weight.double()[None]
    moments = problem.moments
    floor = float((known @ moments.compressed * known).sum())

    def loss(candidate: Tensor) -> float:
        return float(moments.loss(known, candidate.double()[None])) + floor

    best = min(
        loss(quantizer.scale.reshape(1, 1) * torch.tensor([codes], dtype=torch.float32))
        for codes in itertools.product(range(-3, 4), repeat=5)
    )
    assert loss(rounded) <= 2.0 * best
    assert loss(rounded) <= loss(NEAREST.round(problem)[0])


def test_that_adaround_is_often_the_best_way_to_round_up_or_down_and_never_worse_than_the_nearest() -> None:
    ratios = []
    for seed in range(7):
        inputs = correlated(200, 8, seed=seed)
        weight = torch.randn(1, 8, generator=torch.Generator().manual_seed(seed + 20))
        rounded, quantizer = adaround(task(weight, inputs, weight_bits=3))
        below = torch.floor(weight / quantizer.scale)
        choices = torch.tensor(list(itertools.product((0.0, 1.0), repeat=8)))
        every = quantizer.scale * (below + choices).clamp(quantizer.q_min, quantizer.q_max)
        best = min(output_error(weight, row[None], inputs) for row in every)
        found = output_error(weight, rounded, inputs)
        assert found <= output_error(weight, quantizer.on_grid(weight), inputs) * 1.001
        ratios.append(found / best)
    assert float(np.median(ratios)) <= 1.25


@pytest.mark.parametrize("name", ["gptq", "adaround"])
@pytest.mark.parametrize("scheme", ["symmetric", "affine"])
@pytest.mark.parametrize("granularity", ["per_channel", "per_tensor"])
def test_that_the_result_lies_on_its_grid_and_errs_less_than_the_nearest(
    name: str, scheme: str, granularity: str
) -> None:
    inputs = correlated(300, 24)
    weight = torch.randn(6, 24, generator=torch.Generator().manual_seed(1))
    mask = torch.rand(6, 24, generator=torch.Generator().manual_seed(2)) > 0.5
    problem = task(weight * mask, inputs, mask=mask, scheme=scheme, granularity=granularity)
    rounded, quantizer = ROUNDINGS[name].round(problem)
    assert torch.equal(quantizer.on_grid(rounded), rounded)
    assert not bool(rounded[~mask].any())
    nearest, _ = NEAREST.round(problem)
    assert output_error(weight * mask, rounded, inputs) < 0.7 * output_error(weight * mask, nearest, inputs)


@pytest.mark.parametrize(
    ("name", "rounding"),
    [("plain", "gptq"), ("depthwise", "gptq"), ("grouped", "gptq"), ("1-D", "gptq"), ("residual", "adaround")],
)
def test_that_a_whole_network_errs_less_at_three_bits(name: str, rounding: str) -> None:
    model = NETWORKS[name](0)
    data, unseen = dataset_of(sample_input(model, count=96, seed=3)), sample_input(model, count=64, seed=4)
    wanted = model(unseen)
    assert isinstance(wanted, Tensor)

    def error(**settings: object) -> float:
        found = simulate(quantize(model, Plan().with_defaults(weight_bits=3, **settings), data))(unseen)
        assert isinstance(found, Tensor)
        return float((found - wanted).square().mean())

    assert error(rounding=rounding) < 0.6 * error()


def test_that_bias_correction_takes_the_mean_error_of_each_channel_away() -> None:
    model = network((3, 6, 6), [("conv", nn.Conv2d(3, 5, 3, bias=False), "")])
    inputs = sample_input(model, count=64) + 1
    plan = Plan().with_defaults(weight_bits=2, bias_correction=True)
    corrected, plain = (
        quantize(model, changed, dataset_of(inputs)) for changed in (plan, Plan().with_defaults(weight_bits=2))
    )
    wanted = model(inputs)
    assert isinstance(wanted, Tensor)
    errors = []
    for result in (corrected, plain):
        found = result(inputs)
        assert isinstance(found, Tensor)
        errors.append((found - wanted).mean(dim=(0, 2, 3)).abs())
    assert float(errors[0].max()) < 1e-5
    assert float(errors[1].max()) > 0.01
    assert torch.equal(corrected.weight("conv"), plain.weight("conv"))


def test_that_layers_are_changed_in_order_and_see_what_was_changed_before() -> None:
    model = network((2,), [("a", nn.Linear(2, 2), ""), ("relu", nn.ReLU(), ""), ("b", nn.Linear(2, 2), "")])
    inputs, seen = sample_input(model), {}

    def change(name: str, module: nn.Module, original: Tensor, compressed: Tensor) -> nn.Module | None:
        seen[name] = (original, compressed)
        if name != "a":
            return None
        result = nn.Linear(2, 2)
        result.weight, result.bias = nn.Parameter(torch.eye(2) * 2), nn.Parameter(torch.ones(2))
        return result

    found = change_layers(model, (inputs,), change)
    assert list(seen) == ["a", "relu", "b"]
    torch.testing.assert_close(seen["b"][0], torch.relu(model.layer("a")(inputs)))
    torch.testing.assert_close(seen["b"][1], torch.relu(2 * inputs + 1))
    torch.testing.assert_close(found(inputs), model.layer("b")(torch.relu(2 * inputs + 1)))
