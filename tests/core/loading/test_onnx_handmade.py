"""ONNX networks made by hand, node by node: forms that exporters of other tools write, and older opsets."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from torch import nn

from penjing.errors import UserError
from tests.core.loading.networks import assert_parity, graph, load, outputs, runtime
from tests.core.loading.onnx_cases import CASES, INT, node, values


@pytest.mark.parametrize("case", CASES)
def test_that_one_node_computes_what_onnxruntime_computes(case: str, tmp_path: Path) -> None:
    made, shape, tensors, opset = CASES[case]
    proto = graph([made], list(shape), tensors=tensors, opset=opset)
    x = values(*shape)
    assert_parity(outputs(load(proto, tmp_path), x), runtime(proto.SerializeToString(), x))


def test_that_shape_arithmetic_is_computed_while_loading(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"], axis=0),
        helper.make_node("Slice", ["s", "from", "to"], ["rest"]),
        helper.make_node("ReduceProd", ["rest"], ["size"], keepdims=1),
        helper.make_node("Unsqueeze", ["n", "front"], ["n1"]),
        helper.make_node("Cast", ["size"], ["wide"], to=onnx.TensorProto.INT64),
        helper.make_node("Concat", ["n1", "wide"], ["target"], axis=0),
        helper.make_node("Reshape", ["x", "target"], ["flat"]),
        helper.make_node("Identity", ["w"], ["w2"]),
        helper.make_node("Transpose", ["w2"], ["w3"]),
        helper.make_node("MatMul", ["flat", "w3"], ["product"]),
        helper.make_node("Add", ["product", "b"], ["y"]),
    ]
    tensors = {
        "zero": np.array(0, INT),
        "from": np.array([1], INT),
        "to": np.array([4], INT),
        "front": np.array([0], INT),
        "w": values(3, 24),
        "b": values(3),
    }
    for batch in ("n", 1, 4):
        proto = graph(nodes, [batch, 2, 3, 4], tensors=tensors, opset=13)
        model = load(proto, tmp_path)
        assert [type(module) for _, module, _ in model.layers()] == [nn.Flatten, nn.Linear]
        x = values(4 if batch != 1 else 1, 2, 3, 4)
        assert_parity(outputs(model, x), runtime(proto.SerializeToString(), x))


def test_that_a_network_that_keeps_channels_last_loads(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2], name="transpose_in"),
        helper.make_node("Pad", ["t", "pads"], ["p"], name="model/pad/Pad"),
        helper.make_node("Conv", ["p", "model/conv/kernel"], ["c"], name="model/conv/Conv2D", strides=[2, 2]),
        helper.make_node("Add", ["c", "bias"], ["a"], name="model/conv/BiasAdd"),
        helper.make_node("Relu", ["a"], ["r"], name="model/relu/Relu"),
        helper.make_node("Transpose", ["r"], ["u"], perm=[0, 2, 3, 1], name="transpose_out"),
        helper.make_node("Reshape", ["u", "flat"], ["f"], name="model/flatten/Reshape"),
        helper.make_node("MatMul", ["f", "dense"], ["m"], name="model/dense/MatMul"),
        helper.make_node("Add", ["m", "dense_bias"], ["y"], name="model/dense/BiasAdd"),
    ]
    tensors = {
        "pads": np.array([0, 0, 0, 0, 0, 0, 1, 1], INT),
        "model/conv/kernel": values(5, 3, 3, 3),
        "bias": values(1, 5, 1, 1),
        "flat": np.array([-1, 4 * 4 * 5], INT),
        "dense": values(80, 2),
        "dense_bias": values(2),
    }
    proto = graph(nodes, ["batch", 8, 8, 3], tensors=tensors, opset=13)
    model = load(proto, tmp_path)
    convolution = next(module for _, module, _ in model.layers() if isinstance(module, nn.Conv2d))
    assert convolution.bias is not None
    assert [name for name, _, _ in model.layers()] == [
        "transpose_in",
        "model.pad",
        "model.conv",
        "model.relu",
        "transpose_out",
        "model.flatten",
        "model.dense",
    ]
    x = values(3, 8, 8, 3)
    assert_parity(outputs(model, x), runtime(proto.SerializeToString(), x))


def test_that_half_precision_becomes_single_with_a_warning(tmp_path: Path) -> None:
    w = values(5, 3).astype(np.float16)
    proto = graph([node("MatMul", "x w")], ["n", 5], tensors={"w": w}, elem_type=onnx.TensorProto.FLOAT16)
    model = load(proto, tmp_path)
    x = values(2, 5)
    assert_parity(outputs(model, x), [x @ w.astype(np.float32)])
    assert any("float16" in warning.text() for warning in model.warnings)


@pytest.mark.parametrize("kind", [onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16])
def test_that_types_that_nodes_name_become_single_too(kind: int, tmp_path: Path) -> None:
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    two = numpy_helper.from_array(np.array([2], dtype))
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("ConstantOfShape", ["s"], ["twos"], value=two),
        helper.make_node("Cast", ["three"], ["factor"], to=kind),
        helper.make_node("Mul", ["factor", "twos"], ["six"]),
        helper.make_node("Mul", ["x", "six"], ["y"]),
    ]
    proto = graph(nodes, ["n", 5], tensors={"three": np.array([3], INT)}, elem_type=kind)
    x = values(2, 5)
    np.testing.assert_allclose(outputs(load(proto, tmp_path), x)[0], 6 * x, rtol=1e-6)
    two.raw_data = two.raw_data[:1]
    nodes[1] = helper.make_node("ConstantOfShape", ["s"], ["twos"], value=two)
    with pytest.raises(UserError) as caught:
        load(graph(nodes, ["n", 5], tensors={"three": np.array([3], INT)}, elem_type=kind), tmp_path)
    assert caught.value.code == "load.bad_tensor"


def test_that_a_weight_that_two_layers_share_is_copied_with_a_warning(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "shared.weight"], ["h"]),
        helper.make_node("MatMul", ["h", "shared.weight"], ["y"]),
    ]
    model = load(graph(nodes, ["n", 4], tensors={"shared.weight": values(4, 4)}), tmp_path)
    assert [name for name, _, _ in model.layers()] == ["shared", "shared_2"]
    assert any("shared.weight" in warning.text() for warning in model.warnings)


def test_that_an_open_extent_comes_from_the_example_or_is_an_error(tmp_path: Path) -> None:
    proto = graph([node("Relu", "x")], ["n", 3, "height", "width"])
    with pytest.raises(UserError) as refusal:
        load(proto, tmp_path)
    assert refusal.value.code == "load.symbolic_shape"
    assert "height" in str(refusal.value)
    assert load(proto, tmp_path, example_shapes=[(3, 8, 6)]).inputs[0].shape == (1, 3, 8, 6)


def test_that_networks_with_several_inputs_and_outputs_load(tmp_path: Path) -> None:
    inputs = [helper.make_tensor_value_info(name, 1, ["n", 4]) for name in ("left", "right")]
    results = [helper.make_tensor_value_info(name, 1, None) for name in ("sum", "product")]
    nodes = [
        helper.make_node("Add", ["left", "right"], ["sum"]),
        helper.make_node("Mul", ["sum", "right"], ["product"]),
    ]
    proto = helper.make_model(
        helper.make_graph(nodes, "two", inputs, results), opset_imports=[helper.make_opsetid("", 13)], ir_version=8
    )
    model = load(proto, tmp_path)
    assert [entry.source_name for entry in model.inputs] == ["left", "right"]
    assert [entry.source_name for entry in model.outputs] == ["sum", "product"]
    import torch

    left, right = torch.rand(3, 4), torch.rand(3, 4)
    first, second = model(left, right)
    assert torch.equal(first, left + right)
    assert torch.equal(second, (left + right) * right)
