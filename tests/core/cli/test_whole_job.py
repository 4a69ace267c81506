"""The whole job from the command line on a sample: figures, files, verdict, exit codes, what is left behind."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from penjing.assets import resources
from penjing.cli.main import main

Capture = pytest.CaptureFixture[str]

FIGURES = {
    "params", "nonzero", "macs", "size_bytes", "file_bytes", "flash_bytes", "ram_bytes", "latency_ms", "energy_mj",
    "accuracy",
}  # fmt: skip


def run(capsys: Capture, *arguments: object) -> tuple[int, Any]:
    code = main([*(str(argument) for argument in arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


def plan_file(folder: Path, **content: Any) -> Path:
    path = folder / "plan-in.json"
    path.write_text(json.dumps({"schema_version": 1, **content}))
    return path


DRIVER = """#include "model.h"
#include <stdio.h>
static int8_t in[MODEL_INPUT_SIZE], out[MODEL_OUTPUT_SIZE];
int main(void)
{
    while (fread(in, 1, sizeof in, stdin) == sizeof in) {
        model_run(in, out);
        fwrite(out, 1, sizeof out, stdout);
    }
    return 0;
}
"""


def compiled_answers(folder: Path, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The codes that an exported network answers with, [n, outputs]."""
    said = dict(re.findall(r"#define MODEL_(\w+) \(?\s*([^)\s]+)", (folder / "model.h").read_text()))
    scale, zero = np.float32(said["INPUT_SCALE"].rstrip("f")), int(said["INPUT_ZERO_POINT"])
    codes = np.clip(np.rint(rows.astype(np.float32) / scale) + zero, -128, 127).astype(np.int8)
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "driver.c").write_text(DRIVER)
        program = Path(name) / "network"
        command = ["gcc", "-std=c99", "-O2", f"-I{folder}", Path(name) / "driver.c", folder / "model.c", "-o", program]
        subprocess.run(command, check=True)
        done = subprocess.run([program], input=codes.tobytes(), capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.int8).reshape(len(rows), int(said["OUTPUT_SIZE"]))


def test_that_inspect_counts_lenet_as_by_hand(capsys: Capture) -> None:
    code, shown = run(capsys, "inspect", "sample:digits", "--saliency", "l1")
    assert code == 0
    layers = {layer["name"]: layer for layer in shown["layers"]}
    # LeNet-5 (LeCun 1998) with padding 2: 28×28×6 positions of 25, 10×10×16 of 150, then 400·120, 120·84, 84·10.
    macs = {"conv1": 28 * 28 * 6 * 25, "conv2": 10 * 10 * 16 * 150, "fc1": 48_000, "fc2": 10_080, "fc3": 840}
    assert {name: layers[name]["macs"] for name in macs} == macs
    params = {"conv1": 156, "conv2": 2_416, "fc1": 48_120, "fc2": 10_164, "fc3": 850}
    assert {name: layers[name]["params"] for name in params} == params
    assert layers["conv2"]["weight_shape"] == [16, 6, 5, 5]
    assert layers["conv1"]["activation_bytes"] == 4 * 6 * 28 * 28
    assert [len(scores) for scores in shown["saliency"]["layers"].values()] == [6, 16, 120, 84, 10]
    keys = {
        "name",
        "source_name",
        "type",
        "weight_shape",
        "params",
        "macs",
        "activation_bytes",
        "compressible",
        "reason",
    }
    assert keys <= set(shown["layers"][0])
    assert shown["inputs"][0]["shape"] == [1, 1, 28, 28]


def test_that_an_estimate_of_an_empty_plan_changes_nothing(capsys: Capture, tmp_path: Path) -> None:
    code, shown = run(capsys, "estimate", "sample:digits", "--plan", plan_file(tmp_path))
    assert code == 0
    assert set(shown) == {"baseline", "compressed"}
    assert set(shown["baseline"]) >= FIGURES
    assert shown["baseline"] == shown["compressed"]
    assert shown["baseline"]["params"] == 61_706
    assert shown["baseline"]["size_bytes"] == 4 * 61_706
    assert shown["baseline"]["latency_ms"] is None
    accuracy = shown["baseline"]["accuracy"]
    assert accuracy["split"] == "val"
    assert accuracy["kind"] == "measured"
    assert accuracy["low"] < accuracy["value"] < accuracy["high"]


def test_that_compress_writes_files_that_an_independent_runtime_confirms(capsys: Capture, tmp_path: Path) -> None:
    plan = plan_file(
        tmp_path,
        defaults={"weight_bits": 8, "activation_bits": 8},
        layers={"conv2": {"filters": 0.25}, "fc1": {"filters": 0.5, "sparsity": 0.3}},
        distillation={"epochs": 1},
    )
    folder = tmp_path / "out"
    arguments = ("compress", "sample:digits", "--plan", plan, "--device", "stm32l4r5", "-o", folder)
    code, shown = run(capsys, *arguments)
    assert code == 0
    assert shown["verdict"]["passed"] is True
    # 16 filters · 0.25 = 4 go; flatten gives 25 features a channel; fc1 keeps 60 of 120 rows of (12 · 25) columns.
    params = 156 + (12 * 6 * 25 + 12) + (60 * 300 + 60) + (84 * 60 + 84) + 850
    assert shown["compressed"]["params"] == params
    assert shown["compressed"]["nonzero"] == params - round(0.3 * 60 * 300)
    assert {"c99", "onnx", "penjingnet"} <= {file["format"] for file in shown["files"]}
    for file in shown["files"]:
        assert (folder / file["path"]).stat().st_size == file["bytes"]
    code_bytes = sum(file["bytes"] for file in shown["files"] if file["format"] == "c99")
    assert shown["compressed"]["file_bytes"] == pytest.approx(code_bytes, rel=0.02)
    assert json.loads((folder / "plan.json").read_text())["distillation"]["epochs"] == 1
    assert {"plan.json", "report.html", "verdict.json", "samples.npz"} <= {path.name for path in folder.iterdir()}
    # The judge: the exported C, compiled here and fed the sample's own test images, read without Penjing.
    data = np.load(resources() / "samples" / "digits" / "data.npz")
    images = (data["x_test"].astype(np.float32) - 33.606) / 78.809
    answers = compiled_answers(folder / "model_c99", images.reshape(len(images), -1))
    value = float((answers.argmax(axis=1) == data["y_test"]).mean())
    assert shown["compressed"]["accuracy"]["value"] == pytest.approx(value, abs=0.0015)
    assert shown["compressed"]["accuracy"]["split"] == "test"

    code, again = run(capsys, "verify", folder)
    assert code == 0
    assert again["changed_files"] == []
    (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[:-1] + b"?")
    code, again = run(capsys, "verify", folder)
    assert code == 4
    assert again["changed_files"] == ["model.onnx"]
    assert again["verdict"]["passed"] is False


def test_that_the_same_seed_and_plan_give_the_same_weights(capsys: Capture, tmp_path: Path) -> None:
    plan = plan_file(tmp_path, defaults={"filters": 0.5}, pipeline=["prune", "distill"], distillation={"epochs": 1})
    contents = []
    for name in ("one", "two"):
        arguments = ("--plan", plan, "--format", "penjingnet", "--seed", 7, "-o", tmp_path / name)
        code, shown = run(capsys, "compress", "sample:digits", *arguments)
        assert code == 0
        contents.append(((tmp_path / name / "model.penjingnet").read_bytes(), shown["plan_hash"]))
    assert contents[0] == contents[1]


def test_that_an_integer_format_of_a_float_plan_means_eight_bits_and_says_so(capsys: Capture, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    code, shown = run(
        capsys, "export", "sample:digits", "--plan", plan_file(tmp_path), "--format", "onnx-int8", "-o", folder
    )
    assert code == 0
    assert shown["warnings"]
    effective = json.loads((folder / "plan.json").read_text())
    assert (effective["defaults"]["weight_bits"], effective["defaults"]["activation_bits"]) == (8, 8)
    assert shown["compressed"]["size_bytes"] == 61_470 + 4 * 236  # int8 weights, int32 biases
    # The judge: onnxruntime on the sample's own test images, read without Penjing.
    data = np.load(resources() / "samples" / "digits" / "data.npz")
    session = onnxruntime.InferenceSession(folder / "model_int8.onnx", providers=["CPUExecutionProvider"])
    images = (data["x_test"].astype(np.float32) - 33.606) / 78.809
    answers = session.run(None, {session.get_inputs()[0].name: images})[0]
    value = float((np.asarray(answers).argmax(axis=1) == data["y_test"]).mean())
    assert shown["compressed"]["accuracy"]["value"] == pytest.approx(value, abs=0.0015)
    weights = {t.name: t.data_type for t in onnx.load(folder / "model_int8.onnx").graph.initializer}
    assert sum(kind == onnx.TensorProto.INT8 for kind in weights.values()) >= 5
    # A later verification needs no .penjingnet among the formats to measure on all of the test data.
    code, again = run(capsys, "verify", folder)
    assert code == 0
    assert again["verdict"]["accuracy"] == shown["verdict"]["accuracy"]
    assert again["verdict"]["accuracy"]["n"] == 1000


def test_that_fit_meets_a_budget_and_tells_by_how_much_it_cannot(capsys: Capture, tmp_path: Path) -> None:
    plan = tmp_path / "fitted.json"
    common = ("fit", "sample:digits", "--device", "stm32l4r5", "--ram", "32KiB", "-o", plan)
    code, shown = run(capsys, *common, "--flash", "32KiB")
    assert code == 0
    assert shown["feasible"] is True
    assert shown["compressed"]["flash_bytes"] <= 32 * 1024
    assert shown["compressed"]["ram_bytes"] <= 32 * 1024
    assert json.loads(plan.read_text()) == shown["plan"]
    code, estimated = run(capsys, "estimate", "sample:digits", "--plan", plan, "--device", "stm32l4r5")
    assert code == 0
    exact = ("params", "macs", "size_bytes", "flash_bytes", "ram_bytes", "file_bytes")
    assert {key: estimated["compressed"][key] for key in exact} == {key: shown["compressed"][key] for key in exact}

    plan.unlink()
    code, shown = run(capsys, *common, "--flash", "2600")
    assert code == 3
    assert shown["feasible"] is False
    assert plan.exists()
    assert shown["blocking"][0]["budget"] == "flash_bytes"
    assert shown["blocking"][0]["over"] > 0


def test_that_unknown_layers_are_named(capsys: Capture, tmp_path: Path) -> None:
    plan = plan_file(tmp_path, layers={"conv9": {"filters": 0.5}})
    code, shown = run(capsys, "estimate", "sample:digits", "--plan", plan)
    assert code == 2
    assert shown["error"]["code"] == "plan.unknown_layer"
    assert "conv9" in shown["error"]["message"]


def test_that_an_interrupted_job_leaves_nothing_behind_and_the_old_export_whole(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    plan = plan_file(tmp_path, defaults={"filters": 0.5}, distillation={"epochs": 100})
    command = [sys.executable, "-m", "penjing", "compress", "sample:digits", "--plan", str(plan), "-o", str(folder)]
    paths = os.pathsep.join(str(Path(path)) for path in sys.path if path)
    environment = {**os.environ, "PYTHONPATH": paths}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "Distil" in line:
                process.send_signal(signal.SIGINT)
                break
        process.stderr.read()
        assert process.wait(timeout=30) == 130
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "plan-in.json"]
    assert list(folder.iterdir()) == []
