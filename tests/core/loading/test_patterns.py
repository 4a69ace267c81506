"""What exporters write as several nodes is read as the one operator that it is, and nothing else is."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper

from penjing.inspection.graph import layer_graph
from penjing.loading.open import open_model
from tests.core.loading.networks import graph, outputs, runtime

WEIGHT, BIAS = (np.random.default_rng(seed).standard_normal(6).astype(np.float32) for seed in (1, 2))


Written = tuple[list[onnx.NodeProto], dict[str, NDArray[np.float32]]]


def opened(
    nodes: list[onnx.NodeProto], tensors: dict[str, NDArray[np.float32]], folder: Path, opset: int = 13
) -> list[str]:
    """The types of the layers, once they were found to compute what onnxruntime computes."""
    proto = graph(nodes, ["n", 5, 6], tensors=tensors, opset=opset)
    path = folder / "made.onnx"
    path.write_bytes(proto.SerializeToString())
    model = open_model(path)
    x = 30 * np.random.default_rng(3).standard_normal((4, 5, 6)).astype(np.float32)
    for mine, theirs in zip(outputs(model, x), runtime(proto.SerializeToString(), x), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)
    return [layer.type for layer in layer_graph(model).layers]


def norm(*, axes: tuple[int, ...] = (-1,), power: float = 2.0, shared: bool = False, turned: bool = False) -> Written:
    names = ("w", "w") if shared else ("w", "b")
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=axes),
        helper.make_node("Sub", ["x", "mean"], ["d"]),
        helper.make_node("Pow", ["d", "two"], ["square"]),
        helper.make_node("ReduceMean", ["square"], ["variance"], axes=axes),
        helper.make_node("Add", ["variance", "eps"], ["inside"]),
        helper.make_node("Sqrt", ["inside"], ["root"]),
        helper.make_node("Div", ["d", "root"], ["normed"], name="/norm/Div"),
        helper.make_node("Identity", [names[1]], ["copy"]),
        helper.make_node("Mul", ["w", "normed"] if turned else ["normed", "w"], ["scaled"]),
        helper.make_node("Add", ["copy", "scaled"] if turned else ["scaled", "copy"], ["y"]),
    ]
    numbers = {"two": np.array(power, np.float32), "eps": np.array(1e-5, np.float32), "w": WEIGHT, "b": BIAS}
    return nodes, {name: numbers[name] for name in ("two", "eps", *dict.fromkeys(names))}


@pytest.mark.parametrize("settings", [{}, {"shared": True}, {"turned": True}])
def test_that_the_nodes_of_a_layer_norm_are_one_layer(settings: dict[str, bool], tmp_path: Path) -> None:
    nodes, tensors = norm(**settings)
    assert opened(nodes, tensors, tmp_path) == ["LayerNorm"]


@pytest.mark.parametrize("settings", [{"axes": (1,)}, {"power": 4.0}])
def test_that_another_norm_stays_what_it_is(settings: dict[str, float], tmp_path: Path) -> None:
    nodes, tensors = norm(**settings)  # type: ignore[arg-type]
    types = opened(nodes, tensors, tmp_path)
    assert "LayerNorm" not in types
    assert "Divide" in types


def test_that_a_norm_whose_inside_is_read_elsewhere_stays_what_it_is(tmp_path: Path) -> None:
    nodes, tensors = norm()
    nodes[-1].output[0] = "first"
    nodes.append(helper.make_node("Add", ["first", "normed"], ["y"]))
    assert "LayerNorm" not in opened(nodes, tensors, tmp_path)


def keras(*, twice: bool = False, other: bool = False) -> Written:
    """Layer norm as tf2onnx writes that of Keras; γ and β have the axes of the value."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[-1]),
        helper.make_node("Neg", ["mean"], ["minus"]),
        helper.make_node("Sub", ["x", "mean"], ["d"]),
        helper.make_node("Mul", ["d", "d"], ["square"]),
        helper.make_node("ReduceMean", ["square"], ["variance"], axes=[-1]),
        helper.make_node("Add", ["variance", "eps"], ["inside"]),
        helper.make_node("Sqrt", ["inside"], ["root"]),
        helper.make_node("Reciprocal", ["root"], ["over"]),
        helper.make_node("Mul", ["over", "w"], ["s"]),
        helper.make_node("Mul", ["d" if other else "x", "s"], ["scaled"]),
        helper.make_node("Mul", ["minus", "s"], ["lower"]),
        helper.make_node("Add", ["lower", "b"], ["rest"]),
        helper.make_node("Add", ["scaled", "rest"], ["first" if twice else "y"], name="norm/add"),
    ]
    if twice:
        nodes.append(helper.make_node("Add", ["first", "over"], ["y"]))
    eps = np.array(1e-3, np.float32)
    return nodes, {"eps": eps, "w": WEIGHT.reshape(1, 1, 6), "b": BIAS.reshape(1, 1, 6)}


def test_that_the_nodes_of_a_layer_norm_of_keras_are_one_layer(tmp_path: Path) -> None:
    assert opened(*keras(), tmp_path) == ["LayerNorm"]


@pytest.mark.parametrize("settings", [{"twice": True}, {"other": True}])
def test_that_what_only_looks_like_a_layer_norm_of_keras_stays_what_it_is(
    settings: dict[str, bool], tmp_path: Path
) -> None:
    assert "LayerNorm" not in opened(*keras(**settings), tmp_path)


def softplus(threshold: float, *, constant: bool = False, turned: bool = False) -> Written:
    number = np.array(threshold, np.float32)
    nodes = [
        helper.make_node("Softplus", ["x"], ["smooth"]),
        helper.make_node("Greater", ["x", "t"], ["beyond"]),
        helper.make_node("Where", ["beyond", "smooth", "x"] if turned else ["beyond", "x", "smooth"], ["y"]),
    ]
    if constant:
        nodes.insert(0, helper.make_node("Constant", [], ["t"], value=onnx.numpy_helper.from_array(number, "t")))
    return nodes, {} if constant else {"t": number}


@pytest.mark.parametrize("constant", [True, False])
def test_that_a_threshold_from_which_on_both_are_alike_is_no_layer(constant: bool, tmp_path: Path) -> None:
    nodes, tensors = softplus(20, constant=constant)
    assert opened(nodes, tensors, tmp_path, opset=18) == ["Softplus"]


@pytest.mark.parametrize(("threshold", "turned"), [(5.0, False), (20.0, True)])
def test_that_another_threshold_or_another_order_stays_what_it_is(
    threshold: float, turned: bool, tmp_path: Path
) -> None:
    nodes, tensors = softplus(threshold, turned=turned)
    assert len(opened(nodes, tensors, tmp_path, opset=18)) > 1
