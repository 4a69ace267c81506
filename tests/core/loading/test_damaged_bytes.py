"""Whatever bytes stand in a file: it loads, or a person is told in words what is wrong."""

from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import helper
from torch import nn

from penjing.errors import UserError
from penjing.loading.module import from_module
from penjing.loading.open import open_model
from penjing.model.penjingnet_format import encode
from tests.core.loading import networks
from tests.core.loading.test_penjingnet import rechecked

CASES = 60


def tiny_onnx() -> bytes:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["h"], pads=[1, 1, 1, 1], name="conv"),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Shape", ["r"], ["s"]),
        helper.make_node("Slice", ["s", "a", "b"], ["n"]),
        helper.make_node("Concat", ["n", "rest"], ["t"], axis=0),
        helper.make_node("Reshape", ["r", "t"], ["y"]),
    ]
    tensors = {
        "w": np.ones((2, 1, 3, 3), np.float32),
        "a": np.array([0]),
        "b": np.array([1]),
        "rest": np.array([-1]),
    }
    return networks.graph(nodes, ["n", 1, 4, 4], tensors=tensors, opset=13).SerializeToString()


def tiny(suffix: str) -> bytes:
    if suffix == ".onnx":
        return tiny_onnx()
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)).eval()
    if suffix == ".pt2":
        return networks.export_pt2(module, torch.zeros(2, 1, 4, 4))
    return encode(from_module(module, torch.zeros(1, 1, 4, 4)))


@pytest.mark.parametrize("suffix", [".onnx", ".penjingnet", ".pt2"])
def test_that_damaged_bytes_load_or_are_refused_in_words(suffix: str, tmp_path: Path) -> None:
    random = np.random.default_rng(11)
    content, path = tiny(suffix), tmp_path / f"m{suffix}"
    refused = 0
    for case in range(CASES):
        damaged = bytearray(content)
        if case % 6 == 0:
            del damaged[int(random.integers(len(damaged))) :]
        else:
            for place in random.integers(len(damaged), size=int(random.integers(1, 6))):
                damaged[place] = random.integers(256)
        path.write_bytes(rechecked(bytes(damaged)) if suffix == ".penjingnet" else damaged)
        try:
            open_model(path)
        except UserError as error:
            assert error.message()
            refused += 1
    assert refused > CASES // 6
