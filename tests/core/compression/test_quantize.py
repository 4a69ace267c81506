"""Weights on their grids, quantizers where the integer kernels need them."""

import dataclasses
from typing import Any

import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from penjing.catalogue.methods import methods
from penjing.compression.calibration import CALIBRATORS
from penjing.compression.quantize import ROUNDINGS, quantize
from penjing.compression.quantizers import weight_quantizer
from penjing.errors import Cancelled, UserError
from penjing.loading.dataset import Split
from penjing.model.model import Model
from penjing.model.modules import Add, Concat
from penjing.plan import Plan
from penjing.results import Progress
from tests.support.calibration import dataset_of, quantized
from tests.support.networks import NETWORKS, network, sample_input


def step(model: Model, name: str) -> tuple[float, int]:
    quantizer = model.activation_quantizers[name]
    return float(quantizer.scale), int(quantizer.zero_point)


def test_that_the_roundings_are_those_of_the_catalogue() -> None:
    assert set(ROUNDINGS) == set(methods("rounding"))


def test_that_a_plan_that_sets_nothing_gives_the_model_back() -> None:
    model = NETWORKS["plain"](0)
    assert quantize(model, Plan(), None) is model


@pytest.mark.parametrize("bits", [2, 4, 8, 16])
def test_that_weights_take_at_most_two_to_the_bits_values_a_channel(bits: int) -> None:
    result = quantized(NETWORKS["plain"](0), weight_bits=bits, activation_bits=32)
    for name in ("conv1", "conv2", "fc1", "fc2"):
        weight, quantizer = result.weight(name), result.weight_quantizers[name]
        assert torch.equal(quantizer.decode(quantizer.encode(weight)), weight)
        assert int(quantizer.encode(weight).abs().max()) == 2 ** (bits - 1) - 1
    assert result.activation_quantizers == {}


def test_that_weights_are_quantized_after_batch_norm_is_folded() -> None:
    model = NETWORKS["plain"](0)
    conv, norm = model.layer("conv2"), model.layer("bn2")
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_var is not None
    factor = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
    folded = conv.weight.detach() * factor[:, None, None, None]  # type: ignore[operator, union-attr]
    wanted = weight_quantizer(folded, bits=4, scheme="symmetric", granularity="per_channel").on_grid(folded)
    result = quantized(model, weight_bits=4, activation_bits=32)
    torch.testing.assert_close(result.weight("conv2"), wanted)
    assert "bn2" not in dict((name, module) for name, module, _ in result.layers())


def test_that_layers_follow_their_own_settings() -> None:
    plan = Plan().with_defaults(weight_bits=4).with_layer("fc1", weight_bits=32)
    plan = plan.with_layer("conv1", scheme="affine", granularity="per_tensor", weight_bits=3)
    result = quantize(NETWORKS["plain"](0), plan, None)
    assert {name: quantizer.bits for name, quantizer in result.weight_quantizers.items()} == {
        "conv1": 3,
        "conv2": 4,
        "fc2": 4,
    }
    first = result.weight_quantizers["conv1"]
    assert (first.axis, first.symmetric) == (None, False)
    assert len(result.weight("conv1").unique()) <= 8


@pytest.mark.parametrize("scheme", ["symmetric", "affine"])
def test_that_masked_weights_stay_exactly_zero(scheme: str) -> None:
    model = NETWORKS["1-D"](0)
    mask = torch.rand(model.weight("conv1").shape, generator=torch.Generator().manual_seed(0)) > 0.7
    module = model.copy().layer("conv1")
    module.weight.data *= mask  # type: ignore[operator]
    masked = dataclasses.replace(model.replace_layers({"conv1": module}), masks={"conv1": mask})
    result = quantized(masked, weight_bits=3, scheme=scheme)
    assert torch.equal(result.masks["conv1"], mask)
    assert not bool(result.weight("conv1")[~mask].any())
    assert bool(result.weight("conv1")[mask].any())


def test_that_float16_weights_are_half_precision_and_need_16_bits() -> None:
    result = quantized(NETWORKS["plain"](0), weight_bits=16, activation_bits=32, scheme="float16")
    weight = result.weight("conv2")
    assert torch.equal(weight.half().float(), weight)
    with pytest.raises(UserError) as error:
        quantized(NETWORKS["plain"](0), weight_bits=8, scheme="float16")
    assert error.value.code == "quantize.float16_bits"


def test_that_every_tensor_between_quantized_layers_has_a_quantizer_but_not_what_is_fused_away() -> None:
    result = quantized(NETWORKS["residual"](0))
    names = {name for name, _, _ in result.layers()} | {"x"}
    # A ReLU that alone follows a convolution or a sum is fused: its input makes no tensor.
    fused_away = {"stem", "a1", "adda", "b1", "addb"}
    assert set(result.activation_quantizers) == names - fused_away


def test_that_pooling_and_flattening_keep_the_scale_of_what_feeds_them() -> None:
    result = quantized(NETWORKS["plain"](0))
    assert result.activation_quantizers["pool1"] is result.activation_quantizers["relu1"]
    assert result.activation_quantizers["flat"] is result.activation_quantizers["relu2"]


def test_that_no_code_is_spent_below_zero_before_a_pooled_relu() -> None:
    model = network(
        (1, 4, 4), [("conv", nn.Conv2d(1, 2, 1), ""), ("pool", nn.MaxPool2d(2), ""), ("relu", nn.ReLU(), "")]
    )
    result = quantized(model)
    assert step(result, "conv")[1] == -128
    inputs = sample_input(model, count=48, seed=2)
    largest = float(model.layer("conv")(inputs).max())
    assert step(result, "conv")[0] == pytest.approx(largest / 255, rel=0.01)


def test_that_minmax_ranges_are_those_of_the_calibration_data() -> None:
    model = NETWORKS["plain"](0)
    inputs = sample_input(model, count=40, seed=7) * 3
    plan = Plan().with_defaults(activation_bits=8)
    result = quantize(model, plan, dataset_of(inputs))
    low, high = float(inputs.min()), float(inputs.max())
    assert step(result, "x") == (pytest.approx((high - low) / 255), round(-128 - low / ((high - low) / 255)))
    logits = model(inputs)
    assert isinstance(logits, torch.Tensor)
    assert step(result, "fc2")[0] == pytest.approx(float(logits.max() - logits.min()) / 255, rel=1e-5)


def test_that_at_most_256_samples_from_all_over_the_training_set_are_looked_at() -> None:
    model = network((1,), [("fc", nn.Linear(1, 1), "")])
    inputs = torch.arange(1000.0).reshape(-1, 1)
    looked_at: list[torch.Tensor] = []
    data = dataset_of(inputs)
    batch = data.batch

    def watched(split: Split, indices: slice | NDArray[Any]) -> torch.Tensor:
        looked_at.append(batch(split, indices))
        return looked_at[-1]

    object.__setattr__(data, "batch", watched)
    quantize(model, Plan().with_defaults(activation_bits=8), data)
    seen = torch.cat(looked_at)
    assert len(seen) == 256
    assert (float(seen.min()), float(seen.max())) == (0.0, 999.0)


def test_that_without_data_random_inputs_are_used_and_the_result_says_so() -> None:
    model = NETWORKS["plain"](0)
    plan = Plan().with_defaults(activation_bits=8)
    first, second = quantize(model, plan, None), quantize(model, plan, None)
    assert step(first, "fc2") == step(second, "fc2")
    assert any("random inputs" in warning.text() for warning in first.warnings)
    assert model.warnings == ()


def test_that_a_float_layer_leaves_what_it_makes_and_reads_float() -> None:
    plan = Plan().with_defaults(weight_bits=8, activation_bits=8)
    plan = plan.with_layer("b1", activation_bits=32).with_layer("stem", activation_bits=32)
    result = quantize(NETWORKS["residual"](0), plan, None)
    unquantized = {"x", "stem", "relu0", "adda", "relua2", "b1", "relub1"}
    assert unquantized.isdisjoint(result.activation_quantizers)
    assert {"relua1", "a2", "b2", "project", "relub2", "gap", "fc"} <= set(result.activation_quantizers)


def test_that_a_bias_far_larger_than_its_weights_still_fits_int32() -> None:
    model = network((1, 1, 1), [("conv", nn.Conv2d(1, 1, 1), "")])
    conv = model.layer("conv")
    conv.weight.data.fill_(1e-12)  # type: ignore[operator, union-attr]
    conv.bias.data.fill_(1.0)  # type: ignore[operator, union-attr]
    result = quantized(model)
    unit = float(result.activation_quantizers["x"].scale * result.weight_quantizers["conv"].scale)
    assert 1.0 / unit <= 2**30 * 1.0001


@pytest.mark.parametrize("calibrator", CALIBRATORS)
def test_that_sixteen_bits_come_256_times_nearer_than_eight_whatever_sets_the_range(calibrator: str) -> None:
    model = NETWORKS["plain"](0)
    wide, narrow = (quantized(model, activation_bits=bits, calibrator=calibrator) for bits in (16, 8))
    assert wide.activation_quantizers.keys() == narrow.activation_quantizers.keys()
    for name, quantizer in wide.activation_quantizers.items():
        assert quantizer.bits == 16 and quantizer.q_max - quantizer.q_min == 65535
        ratio = float(narrow.activation_quantizers[name].scale / quantizer.scale)
        assert ratio >= 0.5 * 65535 / 255  # a range may be wider where codes are many, never narrower by half


def test_that_progress_is_told_and_cancelling_stops() -> None:
    model, told = NETWORKS["plain"](0), list[Progress]()
    data = dataset_of(sample_input(model, count=100))
    quantize(model, Plan().with_defaults(activation_bits=8), data, on_progress=told.append)
    assert [progress.done for progress in told] == [1, 2, 3, 4]
    assert {progress.total for progress in told} == {4}

    def stop(progress: Progress) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        quantize(model, Plan().with_defaults(activation_bits=8), data, on_progress=stop)


def test_that_the_callers_model_is_untouched() -> None:
    model = NETWORKS["residual"](0)
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    quantized(model, weight_bits=2)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.module.state_dict().items())
    assert model.weight_quantizers == {} and model.activation_quantizers == {}


def test_that_a_tensor_read_twice_is_not_fused_away() -> None:
    model = network(
        (2, 4, 4),
        [
            ("conv", nn.Conv2d(2, 2, 1), ""),
            ("relu", nn.ReLU(), ""),
            ("add", Add(), "conv relu"),
            ("join", Concat(1), "add conv"),
        ],
    )
    result = quantized(model)
    assert set(result.activation_quantizers) == {"x", "conv", "relu", "add", "join"}
    assert step(result, "relu") == step(result, "conv")


@pytest.mark.parametrize("rounding", ["nearest", "gptq"])
def test_that_a_network_that_computes_infinity_is_refused(rounding: str) -> None:
    model = NETWORKS["plain"](0)
    model.layer("conv1").get_parameter("weight").data.fill_(3e38)
    with pytest.raises(UserError) as error:
        quantize(model, Plan().with_defaults(weight_bits=8, activation_bits=8, rounding=rounding), None)
    assert error.value.code == "quantize.not_finite"


@pytest.mark.parametrize("most", [1, 5, 20])
def test_that_a_batch_that_does_not_fit_into_memory_is_split_and_gives_the_same(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, plan = NETWORKS["plain"](0), Plan().with_defaults(weight_bits=8, activation_bits=8)
    data = dataset_of(sample_input(model, count=48, seed=2))
    whole = quantize(model, plan, data)
    forward, seen = nn.Conv2d.forward, []

    def poor(module: nn.Conv2d, values: torch.Tensor) -> torch.Tensor:
        if len(values) > most and module.in_channels > 1:  # when some tensors have been seen already
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate")
        seen.append(len(values))
        return forward(module, values)

    monkeypatch.setattr(nn.Conv2d, "forward", poor)
    split = quantize(model, plan, data)
    assert max(seen) >= most // 2 and whole.activation_quantizers.keys() == split.activation_quantizers.keys()
    for name in whole.activation_quantizers:
        scale, zero = step(whole, name)
        assert step(split, name) == (pytest.approx(scale, rel=1e-5), zero)

    def hopeless(module: nn.Conv2d, values: torch.Tensor) -> torch.Tensor:
        raise MemoryError

    monkeypatch.setattr(nn.Conv2d, "forward", hopeless)
    with pytest.raises(MemoryError):
        quantize(model, plan, data)
