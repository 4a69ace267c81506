"""Forms that tf2onnx and torch's newer exporter write: repeated values, rows counted from the end, unrolled steps."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from penjing.inspection.graph import layer_graph
from penjing.loading.open import open_model
from tests.core.loading.networks import assert_parity, graph, outputs, runtime

RANDOM = np.random.default_rng(8)
INT = np.int64


def values(*shape: int) -> NDArray[np.float32]:
    return RANDOM.standard_normal(shape).astype(np.float32)


def kinds(path: Path) -> list[str]:
    return [layer.kind for layer in layer_graph(open_model(path)).layers]


@pytest.mark.parametrize("batch", ["n", 1])
def test_that_keras_upsampling_is_an_upsampling(batch: int | str, tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Transpose", ["c"], ["last"], perm=[0, 2, 3, 1]),
        helper.make_node("Unsqueeze", ["last", "two"], ["rows"]),
        helper.make_node("Tile", ["rows", "twice"], ["rows2"]),
        helper.make_node("Reshape", ["rows2", "tall"], ["tall2"]),
        helper.make_node("Unsqueeze", ["tall2", "three"], ["columns"]),
        helper.make_node("Tile", ["columns", "thrice"], ["columns3"]),
        helper.make_node("Reshape", ["columns3", "wide"], ["wide3"]),
        helper.make_node("Transpose", ["wide3"], ["first"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["first", "v"], ["y"]),
    ]
    tensors = {
        "w": values(3, 2, 1, 1),
        "v": values(2, 3, 1, 1),
        "two": np.array([2], INT),
        "three": np.array([3], INT),
        "twice": np.array([1, 1, 2, 1, 1], INT),
        "thrice": np.array([1, 1, 1, 3, 1], INT),
        "tall": np.array([-1, 8, 5, 3], INT),
        "wide": np.array([-1, 8, 15, 3], INT),
    }
    path = tmp_path / "up.onnx"
    path.write_bytes(graph(nodes, [batch, 2, 4, 5], tensors=tensors, opset=13).SerializeToString())
    found = kinds(path)
    assert found.count("upsample") == 1 and "opaque" not in found
    x = values(1 if batch == 1 else 3, 2, 4, 5)
    assert_parity(outputs(open_model(path), x), runtime(path.read_bytes(), x))


def test_that_a_vector_repeated_in_time_is_layers(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["c"]),
        helper.make_node("Unsqueeze", ["c", "one"], ["u"]),
        helper.make_node("Expand", ["u", "times"], ["e"]),
        helper.make_node("MatMul", ["e", "v"], ["y"]),
    ]
    tensors = {"w": values(5, 4), "v": values(4, 3), "one": np.array([1], INT), "times": np.array([1, 6, 1], INT)}
    path = tmp_path / "repeat.onnx"
    path.write_bytes(graph(nodes, ["n", 5], tensors=tensors, opset=13).SerializeToString())
    assert "opaque" not in kinds(path) and kinds(path).count("linear") == 2
    x = values(3, 5)
    assert_parity(outputs(open_model(path), x), runtime(path.read_bytes(), x))


REDUCED = {
    "a maximum over time": ("ReduceMax", [1], 0),
    "a maximum over the last axis": ("ReduceMax", [3], 1),
    "a maximum over two axes that are not together": ("ReduceMax", [1, 3], 1),
    "a maximum of all values": ("ReduceMax", [1, 2, 3], 0),
    "a sum over the positions": ("ReduceSum", [2, 3], 0),
    "a sum over the channels": ("ReduceSum", [1], 1),
}


@pytest.mark.parametrize("case", REDUCED)
def test_that_reductions_along_any_axes_are_layers(case: str, tmp_path: Path) -> None:
    op, axes, keep = REDUCED[case]
    nodes = [helper.make_node(op, ["x", "a"], ["y"], keepdims=keep)]
    proto = graph(nodes, ["n", 3, 4, 5], tensors={"a": np.array(axes, INT)}, opset=18)
    path = tmp_path / "reduced.onnx"
    path.write_bytes(proto.SerializeToString())
    assert "opaque" not in kinds(path)
    x = values(2, 3, 4, 5)
    assert_parity(outputs(open_model(path), x), runtime(path.read_bytes(), x))


def test_that_numbers_counted_from_the_end_leave_an_embedding_an_embedding(tmp_path: Path) -> None:
    """Keras adds the number of rows to those below 0; a table does that by itself."""
    nodes = [
        helper.make_node("Add", ["x", "rows"], ["more"]),
        helper.make_node("Cast", ["x"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Less", ["real", "none"], ["below"]),
        helper.make_node("Where", ["below", "more", "x"], ["place"]),
        helper.make_node("Gather", ["table", "place"], ["e"]),
        helper.make_node("ReduceMean", ["e"], ["y"], axes=[1], keepdims=0),
    ]
    stored = {"rows": np.array(9, np.int32), "none": np.array(0, np.float32), "table": values(9, 4)}
    types = {"elem_type": TensorProto.INT32, "result_type": TensorProto.FLOAT}
    proto = graph(nodes, ["n", 6], tensors=stored, opset=13, **types)
    path = tmp_path / "words.onnx"
    path.write_bytes(proto.SerializeToString())
    assert kinds(path)[:1] == ["embedding"] and "opaque" not in kinds(path)
    words = RANDOM.integers(-9, 9, (3, 6)).astype(np.int32)
    assert_parity(outputs(open_model(path), words.astype(np.float32)), runtime(path.read_bytes(), words))


def test_that_numbers_that_name_other_rows_are_not_taken_for_themselves(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Add", ["x", "one"], ["place"]),
        helper.make_node("Gather", ["table", "place"], ["y"]),
    ]
    stored = {"one": np.array(1, INT), "table": values(9, 4)}
    types = {"elem_type": TensorProto.INT64, "result_type": TensorProto.FLOAT}
    proto = graph(nodes, ["n", 6], tensors=stored, opset=13, **types)
    path = tmp_path / "words.onnx"
    path.write_bytes(proto.SerializeToString())
    words = RANDOM.integers(0, 8, (3, 6))
    assert_parity(outputs(open_model(path), words.astype(np.float32)), runtime(path.read_bytes(), words))


def test_that_steps_that_were_unrolled_with_one_example_run_with_any_number(tmp_path: Path) -> None:
    """As torch's newer exporter writes a plain recurrent layer: time first, the first state stored with both axes."""
    steps, hidden = 3, 4
    nodes = [helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]), helper.make_node("MatMul", ["t", "w"], ["a"])]
    tensors: dict[str, NDArray[np.generic]] = {
        "w": values(5, hidden),
        "r": values(hidden, hidden),
        "start": values(1, 1, hidden),
        "zero": np.array([0], INT),
        "last": np.array(-1, INT),
    }
    before = "start"
    for step in range(steps):
        tensors[f"from{step}"], tensors[f"to{step}"] = np.array([step], INT), np.array([step + 1], INT)
        nodes += [
            helper.make_node("Slice", ["a", f"from{step}", f"to{step}", "zero"], [f"s{step}"]),
            helper.make_node("Squeeze", [f"s{step}", "zero"], [f"q{step}"]),
            helper.make_node("Add", [before, f"q{step}"], [f"h{step}"]),
            helper.make_node("Tanh", [f"h{step}"], [f"o{step}"]),
            helper.make_node("MatMul", [f"o{step}", "r"], [f"m{step}"]),
        ]
        before = f"m{step}"
    nodes += [
        helper.make_node("Concat", [f"o{step}" for step in range(steps)], ["all"], axis=0),
        helper.make_node("Transpose", ["all"], ["back"], perm=[1, 0, 2]),
        helper.make_node("Gather", ["back", "last"], ["y"], axis=1),
    ]
    path = tmp_path / "steps.onnx"
    path.write_bytes(graph(nodes, [1, steps, 5], tensors=tensors, opset=13).SerializeToString())
    assert "opaque" not in kinds(path) and kinds(path).count("linear") == steps
    x = values(2, steps, 5)
    wanted = np.concatenate([runtime(path.read_bytes(), one[None])[0] for one in x])
    assert_parity(outputs(open_model(path), x), [wanted])
