"""Names in files are data: whatever they say, nothing of it runs, and no two layers get the same name."""

from pathlib import Path

import pytest
import torch
from onnx import helper
from torch import nn

from penjing.loading.module import from_module
from penjing.loading.open import open_model
from penjing.model.model import Model
from tests.core.loading import networks

HOSTILE = [
    'training"), open("PWN","w"), str("',
    "x; __import__('os').system('touch PWN')",
    "a\nopen('PWN', 'w')\n",
    "../../etc/passwd",
    "class",
    "forward",
    "self",
    "__init__",
    "层一",
    "",
    " ",
    "9",
    "x" * 5000,
    "{0.__class__}",
    "<b>bold</b>",
    "a.b.c",
    "a.b",
    "a",
    "\x00",
]


@pytest.fixture(autouse=True)
def inside_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def check(model: Model, count: int) -> None:
    model(torch.zeros(model.inputs[0].shape))
    names = [name for name, _, _ in model.layers()]
    assert len(names) == count
    assert len({name.replace(".", "_") for name in names}) == count
    assert max(map(len, names)) <= 200
    assert not Path("PWN").exists()


@pytest.mark.parametrize("name", HOSTILE)
def test_that_a_hostile_node_input_and_initializer_name_is_harmless(name: str, tmp_path: Path) -> None:
    weight = f"{name}.weight"
    proto = networks.graph(
        [
            helper.make_node("MatMul", ["x", weight], ["h"], name=name),
            helper.make_node("Relu", ["h"], ["y"], name=name),
        ],
        ["n", 3],
        tensors={weight: torch.randn(3, 3).numpy()},
    )
    if name:
        proto.graph.input[0].name = proto.graph.node[0].input[0] = name
        proto.graph.output[0].name = proto.graph.node[1].output[0] = f"{name}_y"
    path = tmp_path / "hostile.onnx"
    path.write_bytes(proto.SerializeToString())
    model = open_model(path)
    check(model, 2)
    if name:
        assert name in model.source_names.values()
        assert model.inputs[0].source_name == name


def test_that_many_nodes_of_one_name_get_names_of_their_own(tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", ["x"], ["0"], name="same")]
    nodes += [helper.make_node("Relu", [str(place)], [str(place + 1)], name="same") for place in range(20)]
    path = tmp_path / "same.onnx"
    path.write_bytes(networks.graph(nodes, ["n", 3], outputs=("20",)).SerializeToString())
    check(open_model(path), 21)


@pytest.mark.parametrize("name", [name for name in HOSTILE if name and "." not in name and name not in ("forward",)])
def test_that_a_hostile_submodule_name_is_harmless(name: str) -> None:
    module = nn.Sequential()
    module.add_module("first", nn.Linear(3, 3))
    try:
        module.add_module(name, nn.Linear(3, 2))
    except KeyError:
        pytest.skip("torch itself refuses the name")
    check(from_module(module, torch.zeros(1, 3)), 2)


def test_that_a_hostile_submodule_name_in_an_archive_is_harmless(tmp_path: Path) -> None:
    module = nn.Sequential()
    module.add_module(HOSTILE[0], nn.Linear(3, 2))
    path = tmp_path / "hostile.pt2"
    path.write_bytes(networks.export_pt2(module.eval(), torch.zeros(2, 3)))
    check(open_model(path), 1)
