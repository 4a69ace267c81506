"""Softplus with a threshold, as torch's newer exporter writes it."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from penjing.inspection.graph import layer_graph
from penjing.loading.open import open_model
from tests.core.loading.networks import graph, outputs, runtime


def written(threshold: float, folder: Path, *, constant: bool, both: bool) -> onnx.ModelProto:
    number = np.array(threshold, np.float32)
    nodes = [
        helper.make_node("Softplus", ["x"], ["smooth"]),
        helper.make_node("Greater", ["x", "t"], ["beyond"]),
        helper.make_node("Where", ["beyond", "x", "smooth"] if both else ["beyond", "smooth", "x"], ["y"], name="act"),
    ]
    if constant:
        stored = onnx.numpy_helper.from_array(number, "t")
        nodes.insert(0, helper.make_node("Constant", [], ["t"], value=stored))
    proto = graph(nodes, ["n", 5], tensors={} if constant else {"t": number}, opset=18)
    (folder / "made.onnx").write_bytes(proto.SerializeToString())
    return proto


@pytest.mark.parametrize("constant", [True, False])
def test_that_a_threshold_from_which_on_both_are_alike_is_no_layer(constant: bool, tmp_path: Path) -> None:
    proto = written(20, tmp_path, constant=constant, both=True)
    model = open_model(tmp_path / "made.onnx")
    assert [layer.type for layer in layer_graph(model).layers] == ["Softplus"]
    x = np.linspace(-60, 60, 50, dtype=np.float32).reshape(10, 5)
    np.testing.assert_allclose(outputs(model, x)[0], runtime(proto.SerializeToString(), x)[0], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("threshold", "both"), [(5.0, True), (20.0, False)])
def test_that_another_threshold_or_another_order_stays_what_it_is(threshold: float, both: bool, tmp_path: Path) -> None:
    proto = written(threshold, tmp_path, constant=False, both=both)
    model = open_model(tmp_path / "made.onnx")
    x = np.linspace(-60, 60, 50, dtype=np.float32).reshape(10, 5)
    np.testing.assert_allclose(outputs(model, x)[0], runtime(proto.SerializeToString(), x)[0], rtol=1e-6, atol=1e-7)
    assert len(layer_graph(model).layers) > 1
