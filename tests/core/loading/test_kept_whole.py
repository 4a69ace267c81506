"""What no row of the operator table knows stays in the network as the file has it, and the rest still works."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper

from penjing.errors import UserError
from penjing.exporting.onnx_float import float_proto
from penjing.inspection.graph import layer_graph
from penjing.loading.penjingnet import from_bytes
from penjing.model.opaque import as_text, from_text
from penjing.model.penjingnet_format import encode
from penjing.plan import plan_from_json
from penjing.planning.check import check
from tests.core.loading.networks import assert_parity, graph, load, outputs, runtime

RANDOM = np.random.default_rng(11)


def values(*shape: int) -> NDArray[np.float32]:
    return (RANDOM.standard_normal(shape) * 0.5).astype(np.float32)


def both_ways() -> onnx.ModelProto:
    """An LSTM both ways whose gates share one decision, which no layer of ours does; then a fully connected layer."""
    axes = {"one": np.array([2]), "shape": np.array([0, 0, -1])}
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        helper.make_node("LSTM", ["t", "w", "r", "b"], ["s"], direction="bidirectional", hidden_size=4, input_forget=1),
        helper.make_node("Transpose", ["s"], ["u"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["u", "shape"], ["v"]),
        helper.make_node("Transpose", ["v"], ["m"], perm=[1, 0, 2]),
        helper.make_node("MatMul", ["m", "fc.weight"], ["y"], name="fc"),
    ]
    tensors = {"w": values(2, 16, 3), "r": values(2, 16, 4), "b": values(2, 32), "fc.weight": values(8, 2)} | axes
    return graph(nodes, ["n", 5, 3], tensors=tensors, opset=14)


def test_that_a_piece_without_the_batch_in_front_becomes_one_layer(tmp_path: Path) -> None:
    proto = both_ways()
    model = load(proto, tmp_path)
    assert [(layer.type, layer.compressible) for layer in layer_graph(model).layers] == [
        ("LSTM", False),
        ("Linear", True),
    ]
    x = values(6, 5, 3)
    assert_parity(outputs(model, x), runtime(proto.SerializeToString(), x))
    assert any("LSTM" in warning.text() for warning in model.warnings)
    assert layer_graph(model).layers[0].params == 2 * 16 * 3 + 2 * 16 * 4 + 2 * 32


def test_that_it_survives_both_of_our_ways_to_write_a_network(tmp_path: Path) -> None:
    model, x = load(both_ways(), tmp_path), values(3, 5, 3)
    wanted = outputs(model, x)
    assert_parity(runtime(float_proto(model).SerializeToString(), x), wanted)
    assert_parity(outputs(from_bytes(encode(model)), x), wanted)


@pytest.mark.parametrize("opset", [9, 13])
def test_that_an_older_opset_is_written_in_a_newer_one(opset: int, tmp_path: Path) -> None:
    axes = {} if opset < 11 else {"one": np.array(1)}
    nodes = [
        helper.make_node("LRN", ["x"], ["a"], size=3),
        helper.make_node("Softmax" if opset < 11 else "CumSum", ["a", *axes], ["y"]),
    ]
    proto = graph(nodes, ["n", 3, 4, 4], tensors=axes, opset=opset)
    model, x = load(proto, tmp_path), values(2, 3, 4, 4)
    wanted = runtime(proto.SerializeToString(), x)
    assert_parity(outputs(model, x), wanted)
    assert_parity(runtime(float_proto(model, opset=18).SerializeToString(), x), wanted)


ROWS_PUT_APART = [
    helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
    helper.make_node("MatMul", ["t", "w1"], ["a"], name="first"),
    helper.make_node("Add", ["a", "b1"], ["b"]),
    helper.make_node("Reshape", ["b", "heads"], ["c"]),
    helper.make_node("Transpose", ["c"], ["d"], perm=[1, 2, 0, 3]),
    helper.make_node("Softmax", ["d"], ["e"], axis=-1),
    helper.make_node("Transpose", ["e"], ["f"], perm=[2, 0, 1, 3]),
    helper.make_node("Reshape", ["f", "rows"], ["g"]),
    helper.make_node("Gemm", ["g", "w2", "b2"], ["h"], name="second"),
    helper.make_node("Reshape", ["h", "times"], ["i"]),
    helper.make_node("Transpose", ["i"], ["y"], perm=[1, 0, 2]),
]


@pytest.mark.parametrize("batch", [1, "n"])
def test_that_an_exporters_order_of_axes_hides_no_layer(batch: int | str, tmp_path: Path) -> None:
    """Attention as torch writes it: time first, heads split off, all examples' rows in one matrix."""
    fixed = 1 if batch == 1 else -1
    shapes = {"heads": [5, fixed, 3, 2], "rows": [-1 if batch == "n" else 5, 6], "times": [5, fixed, 4]}
    tensors = {name: np.array(shape) for name, shape in shapes.items()}
    tensors |= {"w1": values(4, 6), "b1": values(6), "w2": values(6, 4), "b2": values(4)}
    proto = graph(ROWS_PUT_APART, [batch, 5, 4], tensors=tensors, opset=13)
    model, x = load(proto, tmp_path), values(3, 5, 4)
    layers = layer_graph(model).layers
    assert [layer.name for layer in layers if layer.compressible] == ["first", "second"]
    assert not any(layer.verbatim for layer in layers)
    content = proto.SerializeToString()
    wanted = np.concatenate([runtime(content, row[None])[0] for row in x])
    assert_parity(outputs(model, x), [wanted])


def test_that_a_piece_written_for_one_example_runs_one_after_another(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        helper.make_node("Reshape", ["t", "shape"], ["v"]),
        helper.make_node("CumSum", ["v", "axis"], ["s"]),
        helper.make_node("Reshape", ["s", "back"], ["u"]),
        helper.make_node("Transpose", ["u"], ["m"], perm=[1, 0, 2]),
        helper.make_node("MatMul", ["m", "fc.weight"], ["y"], name="fc"),
    ]
    tensors = {"shape": np.array([5, 2, 2]), "axis": np.array(0), "back": np.array([5, 1, 4])}
    proto = graph(nodes, [1, 5, 4], tensors=tensors | {"fc.weight": values(4, 2)}, opset=14)
    model, x = load(proto, tmp_path), values(3, 5, 4)
    wanted = np.concatenate([runtime(proto.SerializeToString(), row[None])[0] for row in x])
    assert_parity(outputs(model, x), [wanted])
    written = float_proto(model)
    assert written.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 1
    assert_parity(runtime(written.SerializeToString(), x[:1]), [wanted[:1]])


def test_that_every_result_of_a_node_is_its_own_layer(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("TopK", ["x", "k"], ["best", "where"], axis=1),
        helper.make_node("Cast", ["where"], ["places"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["best", "places"], ["y"]),
    ]
    proto = graph(nodes, ["n", 7], tensors={"k": np.array([2])}, opset=13)
    x = values(4, 7)
    assert_parity(outputs(load(proto, tmp_path), x), runtime(proto.SerializeToString(), x))


def test_that_an_embedding_of_whole_numbers_opens(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Gather", ["table", "x"], ["e"]),
        helper.make_node("ReduceMean", ["e"], ["m"], axes=[1], keepdims=0),
        helper.make_node("Gemm", ["m", "w"], ["y"]),
    ]
    types = {"elem_type": TensorProto.INT64, "result_type": TensorProto.FLOAT}
    proto = graph(nodes, ["n", 6], tensors={"table": values(9, 4), "w": values(4, 2)}, opset=13, **types)
    words = RANDOM.integers(0, 9, (3, 6))
    model = load(proto, tmp_path)
    wanted = runtime(proto.SerializeToString(), words)
    assert_parity(outputs(model, words.astype(np.float32)), wanted)
    again = float_proto(model).SerializeToString()
    assert_parity(runtime(again, words.astype(np.float32)), wanted)


@pytest.mark.parametrize("op", ["RandomNormalLike", "NonZero"])
def test_that_what_no_layer_can_be_is_still_refused(op: str, tmp_path: Path) -> None:
    nodes = [helper.make_node(op, ["x"], ["a"], name="here"), helper.make_node("Cast", ["a"], ["y"], to=1)]
    with pytest.raises(UserError) as refusal:
        load(graph(nodes, ["n", 3], opset=14), tmp_path)
    assert refusal.value.code == "load.unsupported_form"
    assert "here" in str(refusal.value)


def test_that_no_gradient_is_pretended(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Gemm", ["x", "w"], ["h"], name="first"),
        helper.make_node("CumSum", ["h", "axis"], ["s"], name="sums"),
        helper.make_node("Gemm", ["s", "v"], ["y"], name="second"),
    ]
    tensors = {"w": values(3, 4), "v": values(4, 2), "axis": np.array(1)}
    model = load(graph(nodes, ["n", 3], tensors=tensors, opset=14), tmp_path)
    x = torch.randn(2, 3, requires_grad=True)
    with pytest.raises(UserError) as refusal:
        model.module(x)
    assert (refusal.value.code, refusal.value.values) == ("train.opaque", {"operators": "CumSum"})
    problems = check(plan_from_json({"schema_version": 1, "pipeline": ["distill"]}), layer_graph(model))
    assert [(problem.level, problem.layer) for problem in problems if problem.code == "check.trains_through"] == [
        ("error", "s")
    ]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda proto: proto.graph.node[0].__setattr__("domain", "my.own"),
        lambda proto: proto.graph.node[0].__setattr__("op_type", "NoSuch"),
        lambda proto: proto.graph.output[0].__setattr__("name", "z"),
        lambda proto: proto.functions.add(),
        lambda proto: proto.graph.initializer.add(name="far", data_location=TensorProto.EXTERNAL),
        lambda proto: proto.graph.node[0].attribute.add(name="body", type=onnx.AttributeProto.GRAPH),
    ],
)
def test_that_a_piece_in_a_file_of_ours_is_only_nodes_of_the_standard(spoil: object) -> None:
    node = helper.make_node("Relu", ["x0"], ["y"])
    entries = [helper.make_tensor_value_info("x0", 1, None)], [onnx.ValueInfoProto(name="y")]
    proto = helper.make_model(helper.make_graph([node], "piece", *entries))
    assert from_text(as_text(proto.SerializeToString()))
    assert callable(spoil)
    spoil(proto)
    with pytest.raises(ValueError, match=r"operator|more than"):
        from_text(as_text(proto.SerializeToString()))


MIXING = {
    "ReduceMax": ({}, [4, 3]),
    "ReduceSum": ({"axes": [0]}, [4, 3]),
    "LogSoftmax": ({"axis": 0}, [4]),
    "MeanVarianceNormalization": ({"axes": [0, 1]}, [4, 3]),
    "Unsqueeze": ({"axes": [0]}, [4]),
}
"""By operator: its attributes and the shape of one example; what comes out depends on who else is in the batch."""


@pytest.mark.parametrize("operator", MIXING)
def test_that_what_mixes_a_batch_of_any_size_is_refused_and_that_of_one_is_taken(operator: str, tmp_path: Path) -> None:
    attributes, shape = MIXING[operator]
    node = helper.make_node(operator, ["x"], ["y"], **attributes)
    with pytest.raises(UserError) as refused:
        load(graph([node], ["n", *shape], tensors={}, opset=11), tmp_path)
    assert refused.value.code == "load.batch_mixed"
    alone = graph([node], [1, *shape], tensors={}, opset=11)
    x = values(1, *shape)
    assert_parity(outputs(load(alone, tmp_path), x), runtime(alone.SerializeToString(), x))
