"""Scales, zero points and codes against METHODS.md §5 and formulas by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from penjing.catalogue.methods import methods
from penjing.compression.quantizers import GRANULARITIES, SCHEMES, activation_quantizer, weight_quantizer

GOLDEN = torch.tensor([[0.2, -0.1, 0.5], [0.3, 0.7, -0.2], [-0.4, 0.1, 0.6]])


def sqnr(weight: torch.Tensor, rounded: torch.Tensor) -> float:
    return 10 * math.log10(float(weight.double().square().sum() / (weight - rounded).double().square().sum()))


def test_that_the_schemes_and_granularities_are_those_of_the_catalogue() -> None:
    assert set(SCHEMES) == set(methods("scheme"))
    assert set(GRANULARITIES) == set(methods("granularity"))


def test_that_symmetric_int8_gives_the_golden_codes() -> None:
    quantizer = weight_quantizer(GOLDEN, bits=8, scheme="symmetric", granularity="per_tensor")
    assert float(quantizer.scale) == pytest.approx(0.0055118, abs=5e-8)
    assert quantizer.encode(GOLDEN).tolist() == [[36, -18, 91], [54, 127, -36], [-73, 18, 109]]
    rounded = quantizer.on_grid(GOLDEN)
    assert float((GOLDEN - rounded).abs().max()) == pytest.approx(0.0023622, abs=5e-8)
    assert sqnr(GOLDEN, rounded) == pytest.approx(48.50, abs=0.005)


def test_that_symmetric_int4_is_exact_on_the_golden_weight_and_int2_is_not() -> None:
    four = weight_quantizer(GOLDEN, bits=4, scheme="symmetric", granularity="per_tensor")
    assert float(four.scale) == pytest.approx(0.1, rel=1e-6)
    torch.testing.assert_close(four.on_grid(GOLDEN), GOLDEN, atol=1e-7, rtol=0)
    two = weight_quantizer(GOLDEN, bits=2, scheme="symmetric", granularity="per_tensor")
    assert float(two.scale) == pytest.approx(0.7)
    assert sqnr(GOLDEN, two.on_grid(GOLDEN)) == pytest.approx(6.43, abs=0.005)


def test_that_affine_int8_gives_the_golden_unsigned_codes_less_128() -> None:
    quantizer = weight_quantizer(GOLDEN, bits=8, scheme="affine", granularity="per_tensor")
    assert float(quantizer.scale) == pytest.approx(0.0043137, abs=5e-8)
    assert int(quantizer.zero_point) + 128 == 93
    assert (quantizer.encode(GOLDEN) + 128).tolist() == [[139, 70, 209], [163, 255, 47], [0, 116, 232]]


def test_that_every_channel_gets_the_scale_of_its_own_largest_weight() -> None:
    quantizer = weight_quantizer(GOLDEN, bits=8, scheme="symmetric", granularity="per_channel")
    torch.testing.assert_close(quantizer.scale, torch.tensor([0.5, 0.7, 0.6]) / 127)
    assert quantizer.axis == 0
    assert quantizer.encode(GOLDEN).abs().amax(dim=1).tolist() == [127, 127, 127]


def test_that_a_channel_of_zeros_takes_the_widest_channels_scale_and_stays_zero() -> None:
    weight = GOLDEN.clone()
    weight[1] = 0
    for scheme in ("symmetric", "affine"):
        quantizer = weight_quantizer(weight, bits=4, scheme=scheme, granularity="per_channel")
        assert bool(torch.isfinite(quantizer.scale).all())
        assert quantizer.on_grid(weight)[1].tolist() == [0, 0, 0]
    symmetric = weight_quantizer(weight, bits=4, scheme="symmetric", granularity="per_channel")
    torch.testing.assert_close(symmetric.scale, torch.tensor([0.5, 0.6, 0.6]) / 7)
    nothing = weight_quantizer(torch.zeros(2, 3), bits=8, scheme="symmetric", granularity="per_channel")
    torch.testing.assert_close(nothing.scale, torch.full((2,), 1 / 127))


def test_that_float16_stores_ieee_half_precision() -> None:
    quantizer = weight_quantizer(GOLDEN, bits=16, scheme="float16", granularity="per_channel")
    # 0.1 in half precision is 0x2e66 = 1638 · 2^-14.
    assert float(quantizer.on_grid(GOLDEN)[2, 1]) == 1638 / 16384
    assert quantizer.float16


@given(
    bits=st.sampled_from([2, 3, 4, 5, 6, 7, 8, 16]),
    scheme=st.sampled_from(["symmetric", "affine"]),
    granularity=st.sampled_from(["per_tensor", "per_channel"]),
    seed=st.integers(0, 10_000),
    size=st.sampled_from([1e-30, 1e-3, 1.0, 1e6]),
)
def test_that_no_weight_moves_by_more_than_half_a_step_and_zero_stays_zero(
    bits: int, scheme: str, granularity: str, seed: int, size: float
) -> None:
    weight = torch.randn(4, 3, 3, generator=torch.Generator().manual_seed(seed)) * size
    weight[0, 0] = 0
    quantizer = weight_quantizer(weight, bits=bits, scheme=scheme, granularity=granularity)
    rounded = quantizer.on_grid(weight)
    step = (quantizer.scale if quantizer.axis is None else quantizer.scale.reshape(-1, 1, 1)).double()
    # An affine range may lose up to another half step where its zero point is rounded.
    slack = 0.5 if scheme == "symmetric" else 1.0
    assert bool(((weight - rounded).double().abs() <= step * (slack + 1e-2)).all())
    assert rounded[0, 0].tolist() == [0, 0, 0]
    assert torch.equal(quantizer.on_grid(rounded), rounded)


def test_that_activation_ranges_are_widened_to_contain_zero() -> None:
    after_relu = activation_quantizer(0.5, 2.55, bits=8)
    assert int(after_relu.zero_point) == -128
    assert float(after_relu.scale) == pytest.approx(0.01)
    negative = activation_quantizer(-2.55, -1.0, bits=8)
    assert int(negative.zero_point) == 127
    both = activation_quantizer(-1.0, 3.0, bits=8)
    # S = 4/255, Z = round(-128 + 1/S) = round(-128 + 63.75) = -64
    assert (float(both.scale), int(both.zero_point)) == (pytest.approx(4 / 255), -64)
    assert float(both.decode(both.encode(torch.tensor(0.0)))) == 0.0
    empty = activation_quantizer(0.0, 0.0, bits=8)
    assert float(empty.scale) == pytest.approx(1 / 255)
