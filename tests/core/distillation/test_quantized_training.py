"""Quantization-aware training: what comes out lies on its grids and is what was evaluated."""

import dataclasses

import pytest
import torch

from penjing.compression.quantize import quantize
from penjing.compression.simulation import simulate
from penjing.distillation.network import Student
from penjing.distillation.train import train
from penjing.model.model import Model, Quantizer
from penjing.plan import Distillation, Plan
from tests.support.teaching import convolutional, quarters, same, with_mask

DATA = quarters()
UNJUDGED = quarters(val=0)
"""Without a validation split the last epoch is kept, whatever it is worth."""
OPTIONS = Distillation(epochs=3, batch_size=32, lr=0.01)


@pytest.fixture(scope="module")
def original() -> Model:
    options = Distillation(epochs=8, batch_size=32, lr=0.03)
    return train(convolutional(), DATA, options=options, teacher=None, kind="finetune").model


def quantized(original: Model, *, bits: int, activation_bits: int = 8, **settings: object) -> Model:
    plan = Plan().with_defaults(weight_bits=bits, activation_bits=activation_bits, **settings)
    return quantize(original, plan, DATA)


def accuracy(model: Model) -> float:
    predicted = simulate(model)(DATA.batch(DATA.val, slice(None)))
    assert isinstance(predicted, torch.Tensor)
    return float((predicted.argmax(1).numpy() == DATA.val.y).mean())


@pytest.mark.parametrize("method", ["ste", "lsq"])
@pytest.mark.parametrize("scheme", ["symmetric", "affine"])
def test_that_trained_weights_lie_on_their_grids_and_the_told_accuracy_is_the_integers(
    original: Model, method: str, scheme: str
) -> None:
    student = quantized(with_mask(original, "conv2"), bits=3, scheme=scheme)
    trained = train(student, DATA, options=OPTIONS, teacher=original, kind="qat", method=method)
    assert set(trained.model.weight_quantizers) == {"conv1", "conv2", "fc"}
    for layer, quantizer in trained.model.weight_quantizers.items():
        weight = trained.model.weight(layer)
        assert torch.equal(quantizer.on_grid(weight), weight)
        assert quantizer.bits == 3
    assert not same(trained.model, student)
    pruned = ~student.masks["conv2"]
    assert bool((trained.model.weight("conv2")[pruned] == 0).all())
    assert trained.history[trained.best_epoch].val_accuracy == accuracy(trained.model)


def test_that_ste_leaves_every_scale_and_lsq_moves_them(original: Model) -> None:
    student = quantized(original, bits=4)
    fixed = train(student, UNJUDGED, options=OPTIONS, teacher=None, kind="qat").model
    learnt = train(student, UNJUDGED, options=OPTIONS, teacher=None, kind="qat", method="lsq").model
    for kept, moved, before in (
        (fixed.weight_quantizers, learnt.weight_quantizers, student.weight_quantizers),
        (fixed.activation_quantizers, learnt.activation_quantizers, student.activation_quantizers),
    ):
        for name, quantizer in before.items():
            assert torch.equal(kept[name].scale, quantizer.scale)
            assert bool((moved[name].scale != quantizer.scale).any())
            assert bool((moved[name].scale > 0).all())
    pooled = learnt.activation_quantizers
    assert torch.equal(pooled["pool1"].scale, pooled["relu1"].scale)


def test_that_training_two_bits_repairs_what_rounding_broke(original: Model) -> None:
    student = quantized(original, bits=2)
    options = Distillation(epochs=6, batch_size=32, lr=0.01)
    trained = train(student, DATA, options=options, teacher=original, kind="qat", method="lsq", masters=original)
    assert accuracy(student) < 0.85
    assert accuracy(trained.model) > accuracy(student) + 0.1


def test_that_master_weights_start_where_the_grid_was_rounded_from() -> None:
    # At lr 0 nothing moves: rounding the masters gives the quantized weights back, and the masks hold.
    original = with_mask(convolutional(), "fc")
    student = quantized(original, bits=3)
    still = Distillation(epochs=1, lr=0.0)
    trained = train(student, DATA, options=still, teacher=None, kind="qat", masters=original).model
    assert same(trained, student)


def test_that_masters_of_another_scaling_are_not_taken(original: Model) -> None:
    student, foreign = quantized(original, bits=8), original.copy()
    foreign.weight("fc").mul_(4)
    still = Distillation(epochs=1, lr=0.0)
    assert same(train(student, DATA, options=still, teacher=None, kind="qat", masters=foreign).model, student)


def test_that_the_forward_of_training_equals_the_integers(original: Model) -> None:
    student = quantized(original, bits=4)
    network = Student(student)
    network.module.eval()
    inputs = DATA.batch(DATA.val, slice(None))
    simulated = simulate(student)(inputs)
    assert isinstance(simulated, torch.Tensor)
    step = float(student.activation_quantizers["fc"].scale)
    # Biases are integers only there, so that some values fall into the neighbouring code.
    assert float((network.watch(inputs)[0] - simulated).abs().max()) <= 1.01 * step
    assert float((network.watch(inputs)[0] - simulated).abs().mean()) <= 0.2 * step


def test_that_fine_tuning_after_quantization_is_quantization_aware(original: Model) -> None:
    student = quantized(original, bits=3)
    aware = train(student, UNJUDGED, options=OPTIONS, teacher=None, kind="finetune").model
    named = train(student, UNJUDGED, options=OPTIONS, teacher=None, kind="qat").model
    assert same(aware, named)
    assert not same(aware, student)


def test_that_half_precision_weights_stay_in_half_precision(original: Model) -> None:
    student = quantized(original, bits=16, activation_bits=32, scheme="float16")
    trained = train(student, UNJUDGED, options=OPTIONS, teacher=original, kind="distill", method="lsq").model
    weight = trained.weight("conv2")
    assert torch.equal(weight.half().float(), weight)
    assert not torch.equal(weight, student.weight("conv2"))


def test_that_quantization_aware_training_of_a_float_network_does_nothing(original: Model) -> None:
    trained = train(original, DATA, options=OPTIONS, teacher=None, kind="qat")
    assert same(trained.model, original)
    assert trained.best_epoch == 0


def test_that_equal_scales_of_a_residual_sum_are_learnt_together_but_weights_are_not() -> None:
    shared = Quantizer(bits=8, scale=torch.tensor(0.5), zero_point=torch.tensor(0, dtype=torch.int32))
    model = convolutional(batch_norm=False)
    student = dataclasses.replace(
        model,
        weight_quantizers={"conv1": shared, "conv2": shared},
        activation_quantizers={"relu1": shared, "pool1": shared},
    )
    names = {name for name in Student(student, method="lsq").parameters() if "scale" in name}
    assert names == {"weight_scale.conv1", "weight_scale.conv2", "activation_scale.relu1"}
