"""Files whose activations are rounded while they run: weights are layers with a grid, answers those of the file."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from penjing.exporting.onnx_float import float_proto
from penjing.inspection.graph import layer_graph
from penjing.loading.open import open_model
from penjing.verification.source import source_rung
from tests.core.loading.networks import assert_parity, graph, outputs, runtime

RANDOM = np.random.default_rng(15)
node = helper.make_node
Tensors = Mapping[str, NDArray[np.generic]]


def values(*shape: int) -> NDArray[np.float32]:
    return (RANDOM.standard_normal(shape) * 0.5).astype(np.float32)


def dense() -> onnx.ModelProto:
    nodes = [
        node("MatMul", ["x", "fc1.weight"], ["a"], name="fc1"),
        node("Add", ["a", "b"], ["c"]),
        node("Relu", ["c"], ["d"]),
        node("MatMul", ["d", "fc2.weight"], ["y"], name="fc2"),
    ]
    tensors = {"fc1.weight": values(6, 8), "b": values(8), "fc2.weight": values(8, 3)}
    return graph(nodes, ["n", 6], tensors=tensors)


def spatial() -> onnx.ModelProto:
    nodes = [
        node("Conv", ["x", "conv.weight", "b"], ["a"], name="conv", pads=[1, 1, 1, 1]),
        node("GlobalAveragePool", ["a"], ["c"]),
        node("Flatten", ["c"], ["d"]),
        node("MatMul", ["d", "fc.weight"], ["y"], name="fc"),
    ]
    tensors = {"conv.weight": values(4, 2, 3, 3), "b": values(4), "fc.weight": values(4, 3)}
    return graph(nodes, ["n", 2, 5, 5], tensors=tensors)


@pytest.mark.parametrize("made", [dense, spatial])
@pytest.mark.parametrize("kind", [QuantType.QInt8, QuantType.QUInt8])
@pytest.mark.parametrize("per_channel", [False, True])
def test_that_weights_are_layers_with_their_scales(
    made: object, kind: QuantType, per_channel: bool, tmp_path: Path
) -> None:
    assert callable(made)
    plain, path = tmp_path / "plain.onnx", tmp_path / "dynamic.onnx"
    onnx.save(made(), plain)
    quantize_dynamic(plain, path, weight_type=kind, per_channel=per_channel)
    model = open_model(path)
    x = values(4, *model.inputs[0].shape[1:])
    wanted = [np.concatenate([runtime(path, row[None])[0] for row in x])]
    assert_parity(outputs(model, x), wanted)
    found = [layer for layer in layer_graph(model).layers if layer.compressible]
    assert len(found) == 2 and all(layer.weight_grid is not None for layer in found)
    stored = {entry.name: numpy_helper.to_array(entry) for entry in onnx.load(path).graph.initializer}
    for layer, grid in model.weight_quantizers.items():
        scales = [array for name, array in stored.items() if name.endswith("_scale") and name.split(".")[0] in layer]
        assert len(scales) == 1 and np.array_equal(np.ravel(grid.scale.numpy()), np.ravel(scales[0]))
    assert [one.code for one in model.warnings] == ["load.one_by_one", "load.kept_whole"]
    rung = source_rung(path, model, [torch.from_numpy(x)])
    assert rung is not None and rung.passed
    assert_parity(
        [np.concatenate([runtime(float_proto(model).SerializeToString(), row[None])[0] for row in x])], wanted
    )


def stored_codes() -> Tensors:
    codes = RANDOM.integers(-127, 128, (6, 3)).astype(np.int8)
    return {"w": codes, "w_scale": np.array([0.01, 0.02, 0.03], np.float32), "bias": values(3)}


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("op", ["DynamicQuantizeMatMul", "MatMulIntegerToFloat"])
def test_that_what_onnxruntimes_optimizer_joins_is_taken_apart(op: str, bias: bool, tmp_path: Path) -> None:
    last = ["bias"] if bias else []
    if op == "DynamicQuantizeMatMul":
        nodes = [node(op, ["x", "w", "w_scale", "", *last], ["y"], domain="com.microsoft")]
    else:
        parts = ["codes", "scale", "zero"]
        feeds = ["codes", "w", "scale", "w_scale", "zero", "", *last]
        nodes = [node("DynamicQuantizeLinear", ["x"], parts), node(op, feeds, ["y"], domain="com.microsoft")]
    proto = graph(nodes, ["n", 6], tensors=stored_codes())
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    path, x = tmp_path / "joined.onnx", values(3, 6)
    onnx.save(proto, path)
    model = open_model(path)
    assert_parity(outputs(model, x), [np.concatenate([runtime(path, row[None])[0] for row in x])])
    (layer,) = [layer for layer in layer_graph(model).layers if layer.compressible]
    grid = model.weight_quantizers[layer.name]
    assert np.array_equal(grid.scale.numpy(), stored_codes()["w_scale"])


def test_that_kerass_gelu_of_tf2onnx_is_computed(tmp_path: Path) -> None:
    """Erfc is no operator of the standard, so what is right is computed by hand: GELU(x) = x · erfc(-x / √2) / 2."""
    from math import erfc, sqrt

    nodes = [
        node("Mul", ["x", "minus"], ["a"]),
        node("Erfc", ["a"], ["b"], name="Gelu/Erfc"),
        node("Mul", ["x", "half"], ["c"]),
        node("Mul", ["c", "b"], ["d"]),
        node("MatMul", ["d", "w"], ["y"]),
    ]
    known = {"minus": np.array(-1 / sqrt(2), np.float32), "half": np.array(0.5, np.float32), "w": values(5, 3)}
    path, x = tmp_path / "gelu.onnx", values(4, 5)
    onnx.save(graph(nodes, ["n", 5], tensors=known), path)
    bent = np.array([[0.5 * one * erfc(-one / sqrt(2)) for one in row] for row in x.tolist()], np.float32)
    assert_parity(outputs(open_model(path), x), [bent @ known["w"]])


@pytest.mark.parametrize("batch", ["n", 1])
def test_that_heads_in_one_row_with_the_examples_are_a_product_of_two_layers(batch: int | str, tmp_path: Path) -> None:
    """As tf2onnx writes Einsum: the batch and the heads become one axis before each product of attention."""
    count = [node("Shape", ["x"], ["n"], end=1), node("Mul", ["n", "two"], ["rows"])]
    shapes = [
        node("Concat", ["n", "split"], ["heads"], axis=0),
        node("Concat", ["rows", "flat"], ["all"], axis=0),
        node("Concat", ["n", "square"], ["back"], axis=0),
    ]
    nodes = [*count, *shapes]
    for side, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 1, 3])):
        nodes += [
            node("MatMul", ["x", f"w{side}"], [f"{side}0"], name=side),
            node("Reshape", [f"{side}0", "heads"], [f"{side}1"]),
            node("Transpose", [f"{side}1"], [f"{side}2"], perm=order),
            node("Reshape", [f"{side}2", "all"], [f"{side}3"]),
        ]
    nodes += [
        node("Transpose", ["k3"], ["k4"], perm=[0, 2, 1]),
        node("MatMul", ["q3", "k4"], ["s0"]),
        node("Reshape", ["s0", "back"], ["s1"]),
        node("Softmax", ["s1"], ["y"], axis=-1),
    ]
    known = {
        "two": np.array([2]),
        "split": np.array([4, 2, 3]),
        "flat": np.array([4, 3]),
        "square": np.array([2, 4, 4]),
    }
    proto = graph(nodes, [batch, 4, 5], tensors=known | {"wq": values(5, 6), "wk": values(5, 6)})
    path, x = tmp_path / "heads.onnx", values(3 if batch == "n" else 1, 4, 5)
    onnx.save(proto, path)
    model = open_model(path)
    assert_parity(outputs(model, x), runtime(path, x))
    found = [layer.kind for layer in layer_graph(model).layers]
    assert found.count("matmul") == 1 and found.count("linear") == 2 and "opaque" not in found
