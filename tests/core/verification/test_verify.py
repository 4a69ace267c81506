"""The ladder: right files pass, wrong ones fail at the layer that is wrong, drops in accuracy are told, not failed."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from penjing.compression.quantize import quantize
from penjing.compression.simulation import simulate
from penjing.errors import Cancelled
from penjing.estimation.measured import classes_of
from penjing.exporting.export import export_model
from penjing.loading.dataset import Dataset, Split
from penjing.model.model import Model
from penjing.plan import Plan
from penjing.results import ExportedFile, Progress, Rung, Verdict
from penjing.verification import trial
from penjing.verification.verify import verify_files
from tests.core.exporting.networks import NETWORKS, batch, residual

FORMATS = ("onnx", "onnx-int8", "penjingnet", "pt2")


def int8(model: Model, weight_bits: int = 8) -> Model:
    return quantize(model, Plan().with_defaults(weight_bits=weight_bits, activation_bits=8), None)


def labelled(model: Model, count: int = 300, *, noise: float = 0.0) -> Dataset:
    """Data whose labels are what `model` says, some of them wrong."""
    values = batch(model, count, seed=5)
    labels = classes_of(model(values))
    wrong = np.random.default_rng(0).random(count) < noise
    split = Split(x=values.numpy(), y=np.where(wrong, (labels + 1) % 4, labels))
    return Dataset(train=split, val=split, test=split, classes=("a", "b", "c", "d"))


def exported(model: Model, folder: Path, *formats: str) -> tuple[ExportedFile, ...]:
    return tuple(file for name in formats or FORMATS for file in export_model(model, folder, format=name))


def rung(verdict: Verdict, name: str) -> Rung:
    return next(entry for entry in verdict.rungs if entry.name == name)


@pytest.mark.parametrize("name", NETWORKS)
def test_that_every_format_of_every_structure_computes_what_was_on_screen(name: str, tmp_path: Path) -> None:
    model = int8(NETWORKS[name](), 4)
    verdict = verify_files(model, exported(model, tmp_path), tmp_path, None)
    assert verdict.passed, verdict.rungs
    assert verdict.agreement == 1.0
    assert verdict.accuracy is None
    assert {entry.name for entry in verdict.rungs if "parity" in entry.name} == {
        "onnx: parity without optimisation",
        "onnx: parity with optimisation",
        "onnx-int8: parity without optimisation",
        "onnx-int8: parity with optimisation",
        "penjingnet: parity",
        "pt2: parity",
    }


def test_that_the_accuracy_is_the_one_of_the_simulation_with_its_interval(tmp_path: Path) -> None:
    model = residual()
    small = int8(model, 3)
    data = labelled(model, noise=0.2)
    verdict = verify_files(small, exported(small, tmp_path, "onnx-int8"), tmp_path, data, baseline=model)
    wanted = (classes_of(simulate(small)(torch.from_numpy(data.test.x))) == data.test.y).mean()
    assert verdict.passed and verdict.accuracy is not None
    assert verdict.accuracy.value == pytest.approx(wanted)
    assert verdict.accuracy.low < wanted < verdict.accuracy.high
    assert (verdict.accuracy.n, verdict.accuracy.split, verdict.accuracy.metric) == (300, "test", "top1")
    assert "McNemar" in rung(verdict, "onnx-int8: accuracy").detail


def test_that_a_real_drop_is_called_real_and_does_not_fail(tmp_path: Path) -> None:
    model = residual()
    broken = model.copy()
    broken.layer("fc").weight.data.neg_()
    data = labelled(model)
    verdict = verify_files(broken, exported(broken, tmp_path, "onnx"), tmp_path, data, baseline=model)
    assert verdict.passed
    assert verdict.accuracy is not None and verdict.accuracy.value < 0.5
    assert "is real" in rung(verdict, "onnx: accuracy").detail


def test_that_data_without_labels_gives_agreement_with_the_original(tmp_path: Path) -> None:
    model = residual()
    split = Split(x=batch(model, 50).numpy())
    data = Dataset(train=split, val=split, test=split, metric="agreement")
    verdict = verify_files(model, exported(model, tmp_path, "onnx"), tmp_path, data, baseline=model)
    assert verdict.accuracy is not None
    assert (verdict.accuracy.value, verdict.accuracy.metric) == (1.0, "agreement")


def change(path: Path, tensor: str, factor: float) -> None:
    proto = onnx.load(path)
    for index, entry in enumerate(proto.graph.initializer):
        if entry.name == tensor:
            values = numpy_helper.to_array(entry)
            proto.graph.initializer[index].CopyFrom(
                numpy_helper.from_array((values * factor).astype(values.dtype), tensor)
            )
    onnx.save(proto, path)


@pytest.mark.parametrize(("format", "tensor"), [("onnx", "conv1.weight"), ("onnx-int8", "conv1.weight/scale")])
def test_that_a_wrong_layer_is_found_and_shown_with_both_tensors(format: str, tensor: str, tmp_path: Path) -> None:
    model = int8(residual())
    files = exported(model, tmp_path, format)
    change(tmp_path / files[0].path, tensor, 1.3)
    verdict = verify_files(model, files, tmp_path, labelled(model))
    assert not verdict.passed
    # In the integer network the sum is the first tensor: batch norm and ReLU are part of the layers before it.
    assert verdict.first_divergent_layer == "conv1"
    detail = rung(verdict, f"{format}: parity without optimisation").detail
    assert "conv1" in detail and "mean" in detail


def test_that_only_the_runtime_is_blamed_where_only_its_optimisation_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = int8(residual())
    files = exported(model, tmp_path, "onnx-int8")
    monkeypatch.setattr(trial.Trial, "passed", property(lambda self: not self.runtime.optimised))
    for saturates, passed in ((True, True), (False, False)):
        monkeypatch.setattr(trial, "saturating_kernels", lambda saturates=saturates: saturates)
        verdict = verify_files(model, files, tmp_path, None)
        optimised = rung(verdict, "onnx-int8: parity with optimisation")
        assert verdict.passed is passed
        assert optimised.passed is (None if saturates else False)
        assert ("this machine" in optimised.detail) is saturates


@pytest.mark.parametrize(("predicted", "passed"), [(1.0, True), (1.015, True), (1.03, False), (0.97, False)])
def test_that_bytes_must_be_within_two_percent_of_the_estimate(predicted: float, passed: bool, tmp_path: Path) -> None:
    model = residual()
    files = exported(model, tmp_path, "onnx")
    said = round(files[0].bytes * predicted)
    verdict = verify_files(model, files, tmp_path, None, predicted={"onnx": said})
    assert verdict.passed is passed
    assert rung(verdict, "onnx: bytes").passed is passed
    assert verdict.size_error == pytest.approx(files[0].bytes / said - 1)


def test_that_a_file_which_cannot_be_opened_fails_with_the_reason(tmp_path: Path) -> None:
    model = residual()
    files = exported(model, tmp_path, "onnx", "penjingnet")
    (tmp_path / "model.onnx").write_bytes(b"not a network")
    verdict = verify_files(model, files, tmp_path, None)
    assert not verdict.passed
    assert rung(verdict, "onnx: opens").passed is False
    assert rung(verdict, "penjingnet: parity").passed


def test_that_cancelling_stops_it(tmp_path: Path) -> None:
    model = residual()
    files = exported(model, tmp_path, "onnx")

    def stop(progress: Progress) -> None:
        if progress.done > 0:
            raise Cancelled

    with pytest.raises(Cancelled):
        verify_files(model, files, tmp_path, None, on_progress=stop)


def test_that_details_come_in_the_language_asked_for(tmp_path: Path) -> None:
    model = residual()
    files = exported(model, tmp_path, "onnx")
    verdict = verify_files(model, files, tmp_path, None, language="zh_CN")
    assert "样本" in rung(verdict, "onnx: parity with optimisation").detail
