"""Verifying an export again: intact, changed, incomplete, moved, hostile."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from penjing.compression.quantize import quantize
from penjing.errors import UserError
from penjing.estimation.measured import classes_of
from penjing.exporting.export import export_model
from penjing.exporting.samples import random_inputs, write_samples
from penjing.loading.data import open_data
from penjing.plan import Plan
from penjing.results import Verdict
from penjing.verification.folder import verify_folder
from penjing.verification.record import read_record, write_record
from penjing.verification.truth import choices_without_labels
from penjing.verification.verify import verify_files
from tests.core.exporting.networks import batch, residual


def export(folder: Path, *formats: str) -> Verdict:
    """An export of a small network, its test data beside it."""
    original = residual()
    values = batch(original, 90)
    labels = classes_of(original(values))
    parts = {
        f"{axis}_{name}": (values.numpy() if axis == "x" else labels)
        for name in ("train", "val", "test")
        for axis in "xy"
    }
    np.savez(folder.parent / "data.npz", **parts)
    model = quantize(original, Plan().with_defaults(weight_bits=4, activation_bits=8), None)
    folder.mkdir()
    files = tuple(file for name in formats for file in export_model(model, folder, format=name))
    write_samples(folder, model, random_inputs(model, 20))
    data = open_data(folder.parent / "data.npz", model=model)
    verdict = verify_files(model, files, folder, data)
    (folder / "plan.json").write_text("{}")
    source = str(folder.parent / "data.npz")
    write_record(folder, verdict, files, predicted={file.format: file.bytes for file in files}, data_source=source)
    return verdict


def test_that_an_untouched_export_passes_again_with_the_same_accuracy(tmp_path: Path) -> None:
    before = export(tmp_path / "out", "onnx", "onnx-int8", "pt2", "penjingnet")
    verdict, changed = verify_folder(tmp_path / "out")
    assert verdict.passed, verdict.rungs
    assert changed == ()
    assert verdict.accuracy == before.accuracy and before.accuracy is not None


def test_that_the_record_holds_the_verdict_and_no_place_of_this_machine(tmp_path: Path) -> None:
    verdict = export(tmp_path / "out", "onnx", "penjingnet")
    content = (tmp_path / "out" / "verdict.json").read_text()
    told = json.loads(content)
    assert told["passed"] is True and told["agreement"] == verdict.agreement
    assert set(told["manifest"]) == {"model.onnx", "model.penjingnet", "samples.npz", "plan.json"}
    assert told["data"] == "../data.npz"
    assert str(tmp_path) not in content


def test_that_an_export_may_move_with_its_data(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    export(tmp_path / "here" / "out", "onnx", "penjingnet")
    (tmp_path / "here").rename(tmp_path / "there")
    verdict, _ = verify_folder(tmp_path / "there" / "out")
    assert verdict.passed and verdict.accuracy is not None


def test_that_missing_data_leaves_the_accuracy_unknown(tmp_path: Path) -> None:
    export(tmp_path / "out", "onnx", "penjingnet")
    (tmp_path / "data.npz").unlink()
    verdict, changed = verify_folder(tmp_path / "out")
    assert verdict.passed and verdict.accuracy is None and changed == ()


@pytest.mark.parametrize("path", ["model.onnx", "plan.json", "samples.npz", "model.penjingnet"])
def test_that_a_changed_file_is_named_and_fails(tmp_path: Path, path: str) -> None:
    export(tmp_path / "out", "onnx", "penjingnet")
    place = tmp_path / "out" / path
    content = bytearray(place.read_bytes())
    content[-1] ^= 1
    place.write_bytes(content)
    verdict, changed = verify_folder(tmp_path / "out")
    assert not verdict.passed and changed == (path,)


def test_that_a_missing_file_is_named_and_fails(tmp_path: Path) -> None:
    export(tmp_path / "out", "onnx", "penjingnet")
    (tmp_path / "out" / "model.onnx").unlink()
    verdict, changed = verify_folder(tmp_path / "out")
    assert not verdict.passed and changed == ("model.onnx",)


def test_that_the_recorded_samples_stand_in_for_the_network(tmp_path: Path) -> None:
    export(tmp_path / "out", "onnx", "onnx-int8")
    verdict, changed = verify_folder(tmp_path / "out")
    assert verdict.passed, verdict.rungs
    assert changed == () and verdict.accuracy is None and verdict.agreement == 1.0


def test_that_a_changed_archive_never_reaches_the_loader_that_runs_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(tmp_path / "out", "pt2", "penjingnet")
    with zipfile.ZipFile(tmp_path / "out" / "model.pt2", "a") as archive:
        archive.writestr("model/data/evil.pkl", b"cos\nsystem\n(S'false'\ntR.")
    monkeypatch.setattr("torch.export.load", lambda *_: pytest.fail("loaded an archive that is not ours"))
    verdict, changed = verify_folder(tmp_path / "out")
    assert not verdict.passed and changed == ("model.pt2",)


def test_that_a_folder_which_is_no_export_is_a_message(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        verify_folder(tmp_path)
    assert caught.value.code == "verify.not_an_export"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"passed": 1}', "[" * 100_000])
def test_that_a_damaged_record_is_a_message(tmp_path: Path, content: str) -> None:
    (tmp_path / "verdict.json").write_text(content)
    with pytest.raises(UserError) as caught:
        verify_folder(tmp_path)
    assert caught.value.code == "verify.damaged_record"


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../b", "a\\..\\b"])
def test_that_a_record_cannot_point_outside_its_folder(tmp_path: Path, path: str) -> None:
    export(tmp_path / "out", "onnx")
    place = tmp_path / "out" / "verdict.json"
    told = json.loads(place.read_text())
    told["manifest"][path] = "0" * 64
    place.write_text(json.dumps(told))
    with pytest.raises(UserError) as caught:
        read_record(tmp_path / "out")
    assert caught.value.code == "verify.damaged_record"


def test_that_agreement_with_the_original_is_known_again_without_labels_and_without_the_original(
    tmp_path: Path,
) -> None:
    original, folder = residual(), tmp_path / "out"
    np.savez(tmp_path / "data.npz", x=batch(original, 120, seed=3).numpy())
    model = quantize(original, Plan().with_defaults(weight_bits=2, activation_bits=8), None)
    folder.mkdir()
    files = export_model(model, folder, format="penjingnet")
    data = open_data(tmp_path / "data.npz", model=model)
    before = verify_files(model, files, folder, data, baseline=original)
    assert before.accuracy is not None and before.accuracy.metric == "agreement" and before.accuracy.value < 1
    write_record(
        folder,
        before,
        files,
        predicted={},
        data_source=str(tmp_path / "data.npz"),
        original=choices_without_labels(original, data),
    )
    verdict, _ = verify_folder(folder)
    assert verdict.accuracy == before.accuracy
    record = json.loads((folder / "verdict.json").read_text())
    (folder / "verdict.json").write_text(json.dumps({**record, "original": record["original"][:-16]}))
    assert verify_folder(folder)[0].accuracy is None  # three choices too few tell of another split
