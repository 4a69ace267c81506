"""The same quantities from others' code: torch-pruning's norms, torch's quantization, onnxruntime's quantize_static."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch_pruning
from numpy.typing import NDArray
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from torch import Tensor

from penjing.compression.folding import fold_batch_norm
from penjing.compression.quantizers import weight_quantizer
from penjing.distillation.fake_quant import learned_step, straight_through
from penjing.distillation.losses.soft_label import soft_label
from penjing.exporting.onnx_float import float_proto
from penjing.exporting.onnx_qdq import qdq_proto
from penjing.inspection.saliency import filter_scores
from penjing.model.model import Model, Quantizer
from penjing.model.operators.table import operator_of
from tests.support.calibration import quantized
from tests.support.networks import NETWORKS, plain, sample_input, signal

if TYPE_CHECKING:
    from collections.abc import Iterator

CALIBRATION = 48


@pytest.mark.parametrize("make", [plain, signal, NETWORKS["residual"]])
@pytest.mark.parametrize("criterion", ["l1", "l2", "geometric_median"])
def test_that_filter_norms_are_torch_prunings(make: Any, criterion: str) -> None:
    model: Model = make(2)
    if criterion == "geometric_median":  # torch-pruning measures distances between |w|, the paper between w
        for name, module, _ in model.layers():
            if operator_of(module).weight_kind(module) != "none":
                model.weight(name).abs_()
    theirs = model.copy().module
    for parameter in theirs.parameters():
        parameter.requires_grad_(True)
    graph = torch_pruning.DependencyGraph().build_dependency(theirs, sample_input(model, count=1))
    judge = {
        "l1": torch_pruning.importance.GroupMagnitudeImportance(p=1, group_reduction="first", normalizer=None),
        "l2": torch_pruning.importance.GroupMagnitudeImportance(p=2, group_reduction="first", normalizer=None),
        "geometric_median": torch_pruning.importance.FPGMImportance(p=1, group_reduction="first", normalizer=None),
    }[criterion]
    compared = 0
    for name, module, _ in model.layers():
        if operator_of(module).weight_kind(module) != "dense":
            continue
        own = theirs.get_submodule(name)
        cut = torch_pruning.prune_conv_out_channels if own.weight.dim() > 2 else torch_pruning.prune_linear_out_channels
        filters = list(range(len(own.weight)))
        importance = judge(graph.get_pruning_group(own, cut, idxs=filters))
        found = filter_scores(model, name, criterion)
        if criterion == "l2":
            found = found.square()  # torch-pruning leaves the root away
        torch.testing.assert_close(found, importance.detach().float(), rtol=1e-4, atol=1e-5)
        compared += 1
    assert compared >= 3


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")  # old, but nobody's but torch's
@pytest.mark.parametrize("granularity", ["per_tensor", "per_channel"])
@pytest.mark.parametrize("scheme", ["symmetric", "affine"])
def test_that_codes_of_eight_bits_are_torchs_own(scheme: str, granularity: str) -> None:
    weight = torch.randn(6, 5, 3, 3, generator=torch.Generator().manual_seed(1))
    ours = weight_quantizer(weight, bits=8, scheme=scheme, granularity=granularity)
    if granularity == "per_tensor":
        theirs = torch.quantize_per_tensor(weight, float(ours.scale), int(ours.zero_point), torch.qint8)
    else:
        scales, zeros = ours.scale.double(), ours.zero_point.long()
        theirs = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
    assert torch.equal(ours.encode(weight), theirs.int_repr().int())
    torch.testing.assert_close(ours.on_grid(weight), theirs.dequantize())


def test_that_the_straight_through_gradient_is_torchs() -> None:
    quantizer = Quantizer(
        bits=4, scale=torch.tensor(0.2), zero_point=torch.tensor(3, dtype=torch.int32), symmetric=False
    )
    values = torch.randn(500, generator=torch.Generator().manual_seed(0)) * 2
    ours, theirs = values.clone().requires_grad_(), values.clone().requires_grad_()
    weights = torch.arange(500.0)
    (straight_through(ours, quantizer) * weights).sum().backward()
    rounded = torch.fake_quantize_per_tensor_affine(theirs, 0.2, 3, quantizer.q_min, quantizer.q_max)
    (rounded * weights).sum().backward()
    assert ours.grad is not None and theirs.grad is not None
    assert torch.equal(ours.grad, theirs.grad)


@pytest.mark.parametrize("axis", [None, 0])
def test_that_a_learned_steps_gradient_is_torchs(axis: int | None) -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(4, 60, generator=generator)
    scale = torch.tensor(0.15) if axis is None else torch.tensor([0.1, 0.15, 0.2, 0.3])
    zero = torch.zeros_like(scale)
    quantizer = Quantizer(bits=4, scale=scale, zero_point=zero.int(), axis=axis)
    ours, theirs = scale.clone().requires_grad_(), scale.clone().reshape(-1).requires_grad_()
    weights = torch.randn(4, 60, generator=generator)
    (learned_step(values, quantizer, ours, samples=1) * weights).sum().backward()
    factor = 1 / (values.numel() / scale.numel() * quantizer.q_max) ** 0.5  # Esser's g
    low, high = quantizer.q_min, quantizer.q_max
    if axis is None:
        rounded = torch._fake_quantize_learnable_per_tensor_affine(values, theirs, zero.reshape(-1), low, high, factor)
    else:
        rounded = torch._fake_quantize_learnable_per_channel_affine(values, theirs, zero, 0, low, high, factor)
    (rounded * weights).sum().backward()
    assert ours.grad is not None and theirs.grad is not None
    torch.testing.assert_close(ours.grad.reshape(-1), theirs.grad, rtol=1e-4, atol=1e-6)


def test_that_the_soft_label_loss_is_torchs_divergence_times_the_squared_temperature() -> None:
    generator = torch.Generator().manual_seed(0)
    teacher, student = torch.randn(7, 5, generator=generator), torch.randn(7, 5, generator=generator)
    divergence = torch.nn.KLDivLoss(reduction="batchmean", log_target=True)
    expected = 9 * divergence((student / 3).log_softmax(1), (teacher / 3).log_softmax(1))
    torch.testing.assert_close(soft_label(student, teacher, 3.0), expected)


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, name: str, values: Tensor) -> None:
        self._batches: Iterator[dict[str, NDArray[Any]]] = iter([{name: values.numpy()}])

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        return next(self._batches, None)


def test_that_quantize_static_chooses_the_same_codes_and_computes_nearly_the_same(tmp_path: Path) -> None:
    model = fold_batch_norm(plain(0))
    onnx.save(float_proto(model), tmp_path / "float.onnx")
    calibration = sample_input(model, count=CALIBRATION, seed=2)  # what `quantized` looks at
    quantize_static(
        tmp_path / "float.onnx",
        tmp_path / "theirs.onnx",
        _Reader("x", calibration),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        weight_type=QuantType.QInt8,
        activation_type=QuantType.QInt8,
        extra_options={"WeightSymmetric": True, "ActivationSymmetric": False},
    )
    ours, theirs = qdq_proto(quantized(model, count=CALIBRATION)), onnx.load(tmp_path / "theirs.onnx")
    mine, other = (_arrays(proto) for proto in (ours, theirs))
    for name in ("conv1", "conv2", "fc1", "fc2"):
        scale = other[f"{name}.weight_scale"]
        np.testing.assert_allclose(mine[f"{name}.weight/scale"], scale, rtol=1e-6)
        codes = other[f"{name}.weight_quantized"]
        assert np.abs(mine[f"{name}.weight/q"].astype(int) - codes.astype(int)).max() <= 1  # theirs round in float64
        assert (mine[f"{name}.weight/q"] != codes).mean() < 0.01
    np.testing.assert_allclose(mine["x/scale"], other["x_scale"], rtol=1e-5)
    inputs = sample_input(model, count=100, seed=7)
    results = [_run(proto, inputs) for proto in (ours, theirs)]
    wanted = model(inputs)
    assert isinstance(wanted, Tensor)
    errors = [float(np.abs(one - wanted.numpy()).mean()) for one in results]
    assert errors[0] <= 1.1 * errors[1]  # no further from the float network than theirs
    assert (results[0].argmax(1) == results[1].argmax(1)).mean() >= 0.9


def _arrays(proto: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    return {entry.name: numpy_helper.to_array(entry) for entry in proto.graph.initializer}


def _run(proto: onnx.ModelProto, inputs: Tensor) -> NDArray[np.float32]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    (result,) = session.run(None, {session.get_inputs()[0].name: inputs.numpy()})
    return np.asarray(result)
