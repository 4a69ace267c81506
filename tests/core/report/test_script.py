"""The script that repeats a run: its values are literals, its paths relative, its imports real."""

import ast
import html
import runpy
import shlex
import shutil
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from penjing.cli.main import main
from penjing.devices.profiles import device
from penjing.estimation.measured import classes_of
from penjing.exporting.export import export_model
from penjing.loading.data import open_data
from penjing.loading.open import open_model
from penjing.pipeline.job import Job, compress_job
from penjing.pipeline.run import run_plan
from penjing.plan import Plan
from penjing.report.script import write_script
from tests.core.exporting.networks import batch, one_dimensional


def constants(path: Path) -> dict[str, object]:
    tree = ast.parse(path.read_text())
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id != "HERE":
            found[node.targets[0].id] = ast.literal_eval(node.value)
    return found


@pytest.mark.parametrize("name", ['a"; import os; os.abort() #.onnx', "'''{x}\n.onnx", "模型.onnx", "a\\b.onnx"])
def test_that_names_are_literals_and_paths_relative(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    path = write_script(
        folder,
        model_source=str(tmp_path / name),
        data_source="sample:digits",
        device=device("rp2040"),
        formats=("onnx-int8", "safetensors"),
        training=True,
        metric="top3",
    )
    assert constants(path) == {
        "MODEL": f"../{name}",
        "DATA": "sample:digits",
        "METRIC": "top3",
        "DEVICE": "rp2040",
        "FORMATS": ("onnx-int8",),
    }
    assert str(tmp_path) not in path.read_text()


@pytest.mark.parametrize("trained_before", [False, True])
def test_that_the_script_and_the_command_of_an_export_make_the_same_network_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], trained_before: bool
) -> None:
    original = one_dimensional()
    export_model(original, tmp_path, format="onnx", name="net")
    values = batch(original, 60)
    parts = {f"x_{name}": values.numpy() for name in ("train", "val", "test")}
    labels = {f"y_{name}": classes_of(original(values)) for name in ("train", "val", "test")}
    np.savez(tmp_path / "data.npz", **parts, **labels)
    model = open_model(tmp_path / "net.onnx")
    data = open_data(tmp_path / "data.npz", model=model, metric="agreement")
    plan = Plan().with_defaults(weight_bits=8, activation_bits=8, filters=0.25)
    if trained_before:  # as the window does: one job trains, another exports what it left
        options = msgspec.structs.replace(plan.distillation, epochs=2, lr=0.01)
        plan = msgspec.structs.replace(plan, pipeline=("prune", "quantize", "distill"), distillation=options)
    else:
        plan = msgspec.structs.replace(plan, pipeline=("prune", "quantize"))
    job = Job(
        model=model,
        plan=plan,
        data=data,
        model_source=str(tmp_path / "net.onnx"),
        data_source=str(tmp_path / "data.npz"),
        formats=("penjingnet",),
        training=False,
        finished=run_plan(model, plan, data) if trained_before else None,
    )
    compress_job(job, tmp_path / "out")
    monkeypatch.setattr(sys, "argv", ["reproduce.py"])
    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(tmp_path / "out" / "reproduce.py"), run_name="__main__")
    assert left.value.code == 0
    assert "passed" in capsys.readouterr().out
    first, second = (tmp_path / name / "model.penjingnet" for name in ("out", "out-again"))
    assert first.read_bytes() == second.read_bytes()

    # The command names files by their names alone: they lie beside the plan.
    page = (tmp_path / "out" / "report.html").read_text()
    lines = html.unescape(page).splitlines()
    assert '"metric":"agreement"' in (tmp_path / "out" / "verdict.json").read_text().replace(" ", "")
    (command,) = (line for line in lines if "penjing compress" in line or "penjing export" in line)
    words = shlex.split(command[command.index("penjing ") :])
    shutil.copy(tmp_path / "out" / "plan.json", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert words[words.index("--metric") + 1] == "agreement"
    words[words.index("-o") + 1] = "once-more"
    assert main(words[1:]) == 0
    assert (tmp_path / "once-more" / "model.penjingnet").read_bytes() == first.read_bytes()
    if not trained_before:
        compress_job(job, tmp_path / "out")  # nothing was left in the export that would keep it from being replaced
