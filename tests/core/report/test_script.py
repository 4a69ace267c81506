"""The script that repeats a run: its values are literals, its paths relative, its imports real."""

import ast
from pathlib import Path

import pytest

from penjing.devices.profiles import device
from penjing.report.script import write_script


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
    )
    assert constants(path) == {
        "MODEL": f"../{name}",
        "DATA": "sample:digits",
        "DEVICE": "rp2040",
        "FORMATS": ("onnx-int8",),
    }
    assert str(tmp_path) not in path.read_text()
