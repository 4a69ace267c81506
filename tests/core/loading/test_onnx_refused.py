"""ONNX networks that are refused, each with the layer's name: what module form cannot say, and nodes that are wrong."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper

from penjing.errors import UserError
from tests.core.loading.networks import graph, load
from tests.core.loading.onnx_cases import IMAGE, INT, node, values

REFUSED: Mapping[str, tuple[onnx.NodeProto, tuple[int, ...], dict[str, NDArray[Any]], int]] = {
    "a reshape that mixes the batch": (node("Reshape", "x s"), (2, 6), {"s": np.array([3, 4], INT)}, 13),
    "a transposition that moves the batch": (node("Transpose", "x", perm=[1, 0]), (2, 3), {}, 13),
    "a concatenation along the batch": (node("Concat", "x x", axis=0), (2, 3), {}, 13),
    "a constant that differs by example": (node("Add", "x c"), (2, 3), {"c": values(2, 1)}, 13),
    "a weight that is computed": (node("MatMul", "x x"), (3, 3), {}, 13),
    "a cast to whole numbers": (node("Cast", "x", to=onnx.TensorProto.INT64), (2, 3), {}, 13),
    "a window that does not fit its attributes": (
        node("MaxPool", "x", kernel_shape=[2, 2], strides=[1]),
        IMAGE,
        {},
        11,
    ),
    "strides that are words": (node("MaxPool", "x", kernel_shape=[2, 2], strides="ab"), IMAGE, {}, 11),
    "a division by zero": (node("Div", "x c"), (2, 3), {"c": np.zeros(3, np.float32)}, 13),
    "weights that are not finite": (node("Gemm", "x w"), (2, 1), {"w": np.full((1, 2), np.nan, np.float32)}, 13),
    "a variance below zero": (
        node("BatchNormalization", "x g b m v"),
        IMAGE,
        {"g": values(4), "b": values(4), "m": values(4), "v": np.array([1, -1, 1, 1], np.float32)},
        15,
    ),
    "a variance of zero without an epsilon": (
        node("BatchNormalization", "x g b m v", epsilon=0.0),
        IMAGE,
        {"g": values(4), "b": values(4), "m": values(4), "v": np.array([1, 0, 1, 1], np.float32)},
        15,
    ),
    "a transposed convolution that stands still": (
        node("ConvTranspose", "x w", strides=[0, 0]),
        IMAGE,
        {"w": values(4, 6, 2, 2)},
        13,
    ),
    "a transposed convolution with more at the end than a step": (
        node("ConvTranspose", "x w", output_padding=[1, 1]),
        IMAGE,
        {"w": values(4, 6, 2, 2)},
        13,
    ),
    "a convolution that needs more channels": (node("Conv", "x w"), IMAGE, {"w": values(6, 5, 3, 3)}, 13),
}


@pytest.mark.parametrize("case", REFUSED)
def test_that_what_module_form_cannot_say_is_refused_with_the_layer_s_name(case: str, tmp_path: Path) -> None:
    made, shape, tensors, opset = REFUSED[case]
    with pytest.raises(UserError) as refusal:
        load(graph([made], list(shape), tensors=tensors, opset=opset), tmp_path)
    assert refusal.value.code.startswith(("load.", "model."))
    assert made.name in str(refusal.value)


def test_that_a_node_without_a_result_is_refused(tmp_path: Path) -> None:
    for op in ("Shape", "Relu", "ConstantFill"):
        nodes = [helper.make_node(op, ["x"], [], name="empty"), node("Relu", "x")]
        with pytest.raises(UserError) as refusal:
            load(graph(nodes, ["n", 3], opset=8), tmp_path)
        assert refusal.value.code == "load.bad_node"
        assert refusal.value.values["layer"] == "empty"


CONSTANTS: Mapping[str, tuple[onnx.NodeProto, dict[str, NDArray[Any]]]] = {
    "a word in place of a number": (helper.make_node("Constant", [], ["c"], name="it", value_float="one"), {}),
    "a word in place of numbers": (helper.make_node("Constant", [], ["c"], name="it", value_ints="one"), {}),
    "a word to fill with": (
        helper.make_node("ConstantFill", ["e"], ["c"], name="it", value="one"),
        {"e": np.array([3], INT)},
    ),
    "an extent that is no number": (
        helper.make_node("ConstantFill", ["e"], ["c"], name="it"),
        {"e": np.array([np.nan], np.float32)},
    ),
}


@pytest.mark.parametrize("case", CONSTANTS)
def test_that_a_constant_that_holds_no_number_is_refused(case: str, tmp_path: Path) -> None:
    made, tensors = CONSTANTS[case]
    with pytest.raises(UserError) as refusal:
        load(graph([made, node("Add", "x c")], ["n", 3], tensors=tensors, opset=8), tmp_path)
    assert (refusal.value.code, refusal.value.values["layer"]) == ("load.bad_node", "it")


def test_that_all_unknown_operators_are_named_at_once(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Ripple", ["a"], ["b"], name="first"),
        helper.make_node("Dent", ["b"], ["c"]),
        helper.make_node("Swirl", ["c"], ["y"], domain="my.own"),
    ]
    with pytest.raises(UserError) as refusal:
        load(graph(nodes, ["n", 3]), tmp_path)
    assert refusal.value.code == "load.unknown_operator"
    assert refusal.value.values == {"operator": "Dent, Ripple, my.own.Swirl", "layer": "first"}


@pytest.mark.parametrize("opset", [6, 999])
def test_that_an_opset_out_of_reach_is_refused(opset: int, tmp_path: Path) -> None:
    with pytest.raises(UserError) as refusal:
        load(graph([node("Relu", "x")], ["n", 3], opset=opset), tmp_path)
    assert refusal.value.code == "load.opset"
