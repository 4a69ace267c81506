"""Tensors outside an ONNX file are read from its folder, and from nowhere else."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import external_data_helper, helper

from penjing.errors import UserError
from penjing.loading.open import open_model
from tests.core.loading import networks

WEIGHT = np.arange(4096, dtype=np.float32).reshape(64, 64) / 4096


def write(folder: Path, location: str, *, content: bytes | None = None, **more: int) -> Path:
    proto = networks.graph([helper.make_node("MatMul", ["x", "w"], ["y"])], ["n", 64], tensors={"w": WEIGHT})
    tensor = proto.graph.initializer[0]
    external_data_helper.set_external_data(tensor, location, **more)
    tensor.ClearField("raw_data")
    path = folder / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    if content is not None:
        (folder / location).write_bytes(content)
    return path


def test_that_a_data_file_beside_the_network_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "m.data", content=b"head" + WEIGHT.tobytes(), offset=4, length=WEIGHT.nbytes)
    x = np.random.default_rng(0).standard_normal((2, 64)).astype(np.float32)
    networks.assert_parity(networks.outputs(open_model(path), x), [x @ WEIGHT])


def test_that_what_onnx_itself_saves_is_read(tmp_path: Path) -> None:
    proto = networks.graph([helper.make_node("MatMul", ["x", "w"], ["y"])], ["n", 64], tensors={"w": WEIGHT})
    onnx.save_model(proto, tmp_path / "m.onnx", save_as_external_data=True, location="big.bin", size_threshold=0)
    x = np.ones((1, 64), np.float32)
    networks.assert_parity(networks.outputs(open_model(tmp_path / "m.onnx"), x), [x @ WEIGHT])


@pytest.mark.parametrize(
    "location", ["../secret", "/etc/passwd", "a/../../secret", "link", "folder/secret", "C:\\x", ""]
)
def test_that_no_path_leads_out_of_the_folder(location: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(WEIGHT.tobytes())
    inside = tmp_path / "model"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path / "secret")
    (inside / "folder").symlink_to(tmp_path)
    with pytest.raises(UserError) as refusal:
        open_model(write(inside, location))
    assert refusal.value.code == "load.external_data"


@pytest.mark.parametrize("more", [{"offset": 8}, {"offset": 1 << 40}, {"length": 1 << 40}])
def test_that_offsets_outside_the_data_are_refused(more: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(UserError) as refusal:
        open_model(write(tmp_path, "m.data", content=WEIGHT.tobytes(), **more))
    assert refusal.value.code == "load.external_data"
