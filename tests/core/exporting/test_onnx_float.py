"""ONNX in float32, judged by onnx.checker and onnxruntime."""

import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from penjing.devices.profiles import device
from penjing.exporting.export import export_model
from penjing.exporting.onnx_float import float_proto
from penjing.exporting.onnx_network import opset_for
from penjing.loading.build import build
from penjing.model.model import Model
from penjing.model.spec import spec_of
from tests.core.exporting.networks import NETWORKS, Draft, batch, plain

HOSTILE = (
    'conv"); import os; print("',
    "*/ int main(void) {} /*",
    "<script>alert(1)</script>",
    "卷积/层:0",
    "a" * 10_000,
    "line\nbreak\x1b[31m",
    "../../../etc/passwd",
)


def run(proto: onnx.ModelProto, values: torch.Tensor) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    return session.run(None, {session.get_inputs()[0].name: values.numpy()})


def outputs(model: Model, values: torch.Tensor) -> list[np.ndarray]:
    answer = model(values)
    return [tensor.numpy() for tensor in (answer if isinstance(answer, tuple) else (answer,))]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("size", [1, 5])
def test_that_onnxruntime_computes_what_the_module_computes_at_any_batch(name: str, size: int) -> None:
    model = NETWORKS[name]()
    proto = float_proto(model)
    onnx.checker.check_model(proto, full_check=True)
    values = batch(model, size)
    for got, wanted in zip(run(proto, values), outputs(model, values), strict=True):
        assert got.shape == wanted.shape
        assert np.abs(got - wanted).max() <= 1e-4 * np.abs(wanted).max() + 1e-6


def test_that_structure_names_and_batch_norm_survive() -> None:
    proto = float_proto(plain())
    assert [node.op_type for node in proto.graph.node] == [
        *("Conv", "BatchNormalization", "Relu", "MaxPool", "Conv", "Relu", "AveragePool"),
        *("Flatten", "Dropout", "Gemm", "Relu", "Gemm"),
    ]
    assert [node.name for node in proto.graph.node][:3] == ["conv1", "bn1", "relu1"]
    assert proto.graph.input[0].name == "image"
    assert proto.graph.output[0].name == "scores"
    assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert "conv1.weight" in {entry.name for entry in proto.graph.initializer}


def test_that_weights_are_stored_bit_for_bit() -> None:
    model = plain()
    stored = {entry.name: numpy_helper.to_array(entry) for entry in float_proto(model).graph.initializer}
    for layer in ("conv1", "conv2", "fc1", "fc2"):
        assert np.array_equal(stored[f"{layer}.weight"], model.weight(layer).numpy())


@pytest.mark.parametrize("name", HOSTILE)
def test_that_hostile_names_are_data(name: str, tmp_path: Path) -> None:
    model = plain()
    spec = spec_of(model)
    nodes = tuple(dataclasses.replace(node, source_name=name) for node in spec.nodes)
    draft = Draft(1, 12, 12, source=name)
    output = dataclasses.replace(spec, nodes=nodes).outputs[0]
    output = type(output)(source_name=name, layer=output.layer, shape=())
    hostile = build(dataclasses.replace(spec, nodes=nodes, inputs=draft._inputs, outputs=(output,)))
    proto = float_proto(hostile)
    onnx.checker.check_model(proto, full_check=True)
    values = batch(model, 2)
    assert np.allclose(run(proto, values)[0], outputs(model, values)[0], atol=1e-5)
    files = export_model(hostile, tmp_path, format="onnx", name=name)
    assert [entry.name for entry in tmp_path.iterdir()] == [files[0].path]
    assert "/" not in files[0].path and len(files[0].path) < 60


def test_that_a_source_name_which_is_taken_is_not_used() -> None:
    draft = Draft(1, 12, 12, source="fc.weight")
    model = draft.build(draft.linear("fc", draft.node("flat", "flatten", "x", start_dim=1, end_dim=-1), 144, 2))
    proto = float_proto(model)
    onnx.checker.check_model(proto, full_check=True)
    assert proto.graph.input[0].name == "x"


@pytest.mark.parametrize(("newest", "written"), [(None, 18), (17, 17), (21, 18), (9, 14)])
def test_that_the_opset_is_one_that_the_device_reads(newest: int | None, written: int) -> None:
    chip = msgspec.structs.replace(device("raspberry-pi-4"), opset=newest)
    proto = float_proto(plain(), opset=opset_for(chip))
    onnx.checker.check_model(proto, full_check=True)
    assert proto.opset_import[0].version == written
    values = batch(plain(), 2)
    assert np.allclose(run(proto, values)[0], outputs(plain(), values)[0], atol=1e-5)
