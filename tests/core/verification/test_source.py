"""The rung that compares the network as read with the user's own file in onnxruntime."""

from pathlib import Path

import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from penjing.loading.open import open_model
from penjing.verification.source import source_rung


@pytest.mark.parametrize("factor", [1.0, 1.05])
def test_that_a_file_in_float16_may_round_and_no_more(tmp_path: Path, factor: float) -> None:
    path = _network(tmp_path, "n", kind=TensorProto.FLOAT16)
    model = open_model(path)
    name, layer = next((name, module) for name, module, _ in model.layers() if isinstance(module, nn.Linear))
    other = nn.Linear(4, 3)
    other.weight.data, other.bias.data = layer.weight.data * factor, torch.zeros(3)
    rung = source_rung(path, model.replace_layers({name: other}), [torch.randn(12, 4)])
    assert rung is not None
    assert rung.passed is (factor == 1.0)


@pytest.mark.parametrize("batch", ["n", 1, 5])
def test_that_a_network_read_rightly_passes_whatever_batch_its_file_has(tmp_path: Path, batch: int | str) -> None:
    path = _network(tmp_path, batch)
    rung = source_rung(path, open_model(path), [torch.randn(12, 4)])
    assert rung is not None
    assert rung.passed is True


def test_that_a_network_that_is_not_the_files_fails(tmp_path: Path) -> None:
    path = _network(tmp_path, "n")
    model = open_model(path)
    other = nn.Linear(4, 3)
    name = next(name for name, module, _ in model.layers() if isinstance(module, nn.Linear))
    rung = source_rung(path, model.replace_layers({name: other}), [torch.randn(12, 4)])
    assert rung is not None
    assert rung.passed is False


def test_that_other_kinds_of_files_have_no_such_rung(tmp_path: Path) -> None:
    path = _network(tmp_path, "n")
    assert source_rung(tmp_path / "model.pt2", open_model(path), [torch.randn(12, 4)]) is None


def _network(folder: Path, batch: int | str, kind: int = TensorProto.FLOAT) -> Path:
    torch.manual_seed(0)
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    weight = numpy_helper.from_array(torch.randn(3, 4).numpy().astype(dtype), "fc.weight")
    node = helper.make_node("Gemm", ["x", "fc.weight"], ["y"], transB=1)
    ends = [helper.make_tensor_value_info(n, kind, [batch, k]) for n, k in (("x", 4), ("y", 3))]
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], [weight])
    path = folder / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path
