"""Fake quantization: the values of the product's one rounding, the gradients of the papers."""

import math

import pytest
import torch

from penjing.distillation.fake_quant import learned_step, straight_through
from penjing.model.model import Quantizer

PER_TENSOR = Quantizer(bits=3, scale=torch.tensor(0.25), zero_point=torch.tensor(0, dtype=torch.int32))
PER_CHANNEL = Quantizer(
    bits=4, scale=torch.tensor([0.1, 0.3, 0.07]), zero_point=torch.zeros(3, dtype=torch.int32), axis=0
)
AFFINE = Quantizer(bits=8, scale=torch.tensor(0.013), zero_point=torch.tensor(-90, dtype=torch.int32), symmetric=False)
HALF = Quantizer(bits=16, scale=torch.tensor(1.0), zero_point=torch.tensor(0, dtype=torch.int32), float16=True)


@pytest.mark.parametrize("quantizer", [PER_TENSOR, PER_CHANNEL, AFFINE, HALF])
def test_that_values_are_bitwise_those_of_the_quantizer(quantizer: Quantizer) -> None:
    values = torch.randn(3, 400, generator=torch.Generator().manual_seed(0))
    expected = quantizer.on_grid(values)
    assert torch.equal(straight_through(values, quantizer), expected)
    assert not torch.equal(expected, values)


def test_that_the_gradient_passes_inside_the_range_and_stops_outside() -> None:
    values = torch.tensor([-5.0, -0.75, -0.1, 0.0, 0.6, 0.75, 0.9], requires_grad=True)  # the range is ± 3 · 0.25
    straight_through(values, PER_TENSOR).backward(torch.arange(1.0, 8.0))
    assert values.grad is not None
    assert values.grad.tolist() == [0, 2, 3, 4, 5, 6, 0]


def test_that_a_learned_step_has_the_gradient_of_the_paper() -> None:
    # Esser 2020, eq. 3: ∂x̂/∂S = round(x/S) - x/S inside, -Q_N or Q_P outside; times 1 / √(N · Q_P).
    values = torch.tensor([-2.0, 0.30, 0.20, 5.0], dtype=torch.float64)
    scale = torch.tensor(0.25, dtype=torch.float64, requires_grad=True)
    learned_step(values, PER_TENSOR, scale, samples=1).sum().backward()
    expected = (-3 + (1 - 1.2) + (1 - 0.8) + 3) / math.sqrt(4 * 3)
    assert scale.grad is not None
    assert scale.grad.item() == pytest.approx(expected, abs=1e-12)
    upper = torch.tensor(0.25, dtype=torch.float64, requires_grad=True)
    learned_step(values[1:], PER_TENSOR, upper, samples=1).sum().backward()
    assert upper.grad is not None
    assert upper.grad.item() == pytest.approx((-0.2 + 0.2 + 3) / math.sqrt(3 * 3), abs=1e-12)


def test_that_each_channel_has_a_step_of_its_own_and_an_activation_counts_one_sample() -> None:
    values = torch.full((3, 2), 10.0)
    scale = PER_CHANNEL.scale.clone().requires_grad_()
    learned_step(values, PER_CHANNEL, scale, samples=1).sum().backward()
    assert scale.grad is not None
    assert scale.grad.tolist() == pytest.approx([2 * 7 / math.sqrt(2 * 7)] * 3)
    single = torch.tensor(0.25, requires_grad=True)
    learned_step(torch.full((5, 8), 10.0), PER_TENSOR, single, samples=5).sum().backward()
    assert single.grad is not None
    assert single.grad.item() == pytest.approx(5 * 8 * 3 / math.sqrt(8 * 3))


def test_that_an_affine_range_is_measured_from_its_zero_point() -> None:
    low, high = -38 * 0.013, 217 * 0.013
    values = torch.tensor([low - 0.1, low, 0.0, high, high + 0.1], requires_grad=True)
    result = straight_through(values, AFFINE)
    result.sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [0, 1, 1, 1, 0]
    assert result.tolist() == pytest.approx([low, low, 0.0, high, high], abs=1e-6)
