"""Transpositions sink through what works value by value, meet, and go; what minds the order keeps its own."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper

from penjing.inspection.graph import layer_graph
from penjing.loading.open import open_model
from tests.core.loading.networks import assert_parity, graph, outputs, runtime

RANDOM = np.random.default_rng(6)
LAST, FIRST = [0, 2, 3, 1], [0, 3, 1, 2]
INT = np.int64


def values(*shape: int) -> NDArray[np.float32]:
    return RANDOM.standard_normal(shape).astype(np.float32)


def kinds(path: Path) -> list[str]:
    return [layer.kind for layer in layer_graph(open_model(path)).layers]


def opened(
    nodes: Sequence[onnx.NodeProto], tensors: dict[str, NDArray[np.generic]], shape: Sequence[int], folder: Path
) -> Path:
    """The file of a network, which computes what onnxruntime computes."""
    path = folder / "network.onnx"
    path.write_bytes(graph(list(nodes), ["n", *shape], tensors=tensors, opset=13).SerializeToString())
    x = values(3, *shape)
    assert_parity(outputs(open_model(path), x), runtime(path.read_bytes(), x))
    return path


def test_that_a_channels_last_block_as_keras_has_it_needs_no_transposition(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Transpose", ["c"], ["last"], perm=LAST),
        helper.make_node("Add", ["last", "shift"], ["biased"]),
        helper.make_node("Mul", ["biased", "factor"], ["scaled"]),
        helper.make_node("Relu", ["scaled"], ["r"]),
        helper.make_node("Pad", ["r", "sides"], ["p"]),
        helper.make_node("Transpose", ["p"], ["first"], perm=FIRST),
        helper.make_node("Conv", ["first", "v"], ["d"]),
        helper.make_node("Transpose", ["d"], ["again"], perm=LAST),
        helper.make_node("ReduceMean", ["again"], ["m"], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", ["m", "f"], ["y"]),
    ]
    tensors = {"w": values(4, 2, 3, 3), "v": values(5, 4, 3, 3), "f": values(5, 3), "shift": values(4)}
    tensors |= {"factor": values(1, 1, 1, 4), "sides": np.array([0, 1, 2, 0, 0, 0, 3, 0], INT)}
    found = kinds(opened(nodes, tensors, (2, 6, 7), tmp_path))
    assert found == ["conv", "multiply_constant", "relu", "pad", "conv", "global_avg_pool", "linear"]


def test_that_branches_joined_along_the_last_axis_are_joined_along_the_channels(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Conv", ["x", "v"], ["d"]),
        helper.make_node("Transpose", ["c"], ["c2"], perm=LAST),
        helper.make_node("Transpose", ["d"], ["d2"], perm=LAST),
        helper.make_node("Concat", ["c2", "d2"], ["both"], axis=3),
        helper.make_node("Sigmoid", ["both"], ["gate"]),
        helper.make_node("Mul", ["both", "gate"], ["gated"]),
        helper.make_node("ReduceMean", ["gated"], ["m"], axes=[1, 2], keepdims=1),
        helper.make_node("Sub", ["gated", "m"], ["rest"]),
        helper.make_node("Transpose", ["rest"], ["y"], perm=FIRST),
    ]
    tensors = {"w": values(4, 2, 1, 1), "v": values(3, 2, 1, 1)}
    assert "transpose" not in kinds(opened(nodes, tensors, (2, 6, 7), tmp_path))


def test_that_a_result_stays_in_the_order_of_the_file(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Transpose", ["x"], ["first"], perm=FIRST),
        helper.make_node("Conv", ["first", "w"], ["c"]),
        helper.make_node("Transpose", ["c"], ["last"], perm=LAST),
        helper.make_node("Relu", ["last"], ["y"]),
    ]
    path = opened(nodes, {"w": values(4, 2, 1, 1)}, (6, 7, 2), tmp_path)
    assert kinds(path) == ["transpose", "conv", "relu", "transpose"]


@pytest.mark.parametrize("op", ["Softmax", "Reshape", "MatMul"])
def test_that_what_minds_the_order_gets_it(op: str, tmp_path: Path) -> None:
    inputs = {"Softmax": ["r"], "Reshape": ["r", "flat"], "MatMul": ["r", "f"]}[op]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Transpose", ["c"], ["last"], perm=LAST),
        helper.make_node("Relu", ["last"], ["r"]),
        helper.make_node("Transpose", ["r"], ["first"], perm=FIRST),
        helper.make_node("Conv", ["first", "v"], ["d"]),
        helper.make_node(op, inputs, ["z"], **({"axis": -1} if op == "Softmax" else {})),
        helper.make_node("ReduceMean", ["d"], ["m"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("ReduceMean", ["z"], ["n"], axes=[1], keepdims=0),
        helper.make_node("Reshape", ["n", "all"], ["rest"]),
        helper.make_node("Reshape", ["m", "all"], ["column"]),
        helper.make_node("Add", ["rest", "column"], ["y"]),
    ]
    tensors = {"w": values(4, 2, 1, 1), "v": values(5, 4, 1, 1), "f": values(4, 3)}
    tensors |= {"flat": np.array([0, 42, 4], INT), "all": np.array([0, -1], INT)}
    assert kinds(opened(nodes, tensors, (2, 6, 7), tmp_path)).count("transpose") == 1


def test_that_a_shape_that_moves_the_one_channel_is_a_transposition(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Reshape", ["x", "image"], ["first"]),
        helper.make_node("Conv", ["first", "w"], ["y"]),
    ]
    path = opened(nodes, {"w": values(4, 1, 3, 3), "image": np.array([-1, 1, 6, 7], INT)}, (6, 7, 1), tmp_path)
    assert kinds(path) == ["transpose", "conv"]


def test_that_what_scales_the_input_comes_behind_its_transposition(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Sub", ["x", "mean"], ["s"]),
        helper.make_node("Mul", ["s", "factor"], ["m"]),
        helper.make_node("Transpose", ["m"], ["first"], perm=FIRST),
        helper.make_node("Conv", ["first", "w"], ["y"]),
    ]
    tensors = {"mean": values(2), "factor": values(1, 1, 1, 2), "w": values(4, 2, 1, 1)}
    path = opened(nodes, tensors, (6, 7, 2), tmp_path)
    assert kinds(path) == ["transpose", "add_constant", "multiply_constant", "conv"]
