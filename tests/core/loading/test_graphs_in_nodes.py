"""Branches and loops, and operators of onnxruntime's own: what is known is read, all else runs as the file has it."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from penjing.errors import UserError
from penjing.exporting.onnx_float import float_proto
from penjing.inspection.graph import layer_graph
from penjing.loading import onnx_regions
from penjing.loading.penjingnet import from_bytes
from penjing.model.opaque import Opaque, as_text, from_text
from penjing.model.penjingnet_format import encode
from tests.core.loading.graph_bodies import inner, turns, types, values
from tests.core.loading.networks import assert_parity, graph, load, outputs, runtime

node = helper.make_node


def looping(batch: int | str = "n") -> onnx.ModelProto:
    """Three turns of a matrix that stands outside and a vector that stands inside, then a fully connected layer."""
    body = inner(
        [
            node("MatMul", ["state", "outside"], ["m"]),
            node("Constant", [], ["half"], value_float=0.5),
            node("Mul", ["m", "half"], ["p"]),
            node("Add", ["p", "inside"], ["s"]),
            node("Sin", ["s"], ["next"]),
            node("Identity", ["on"], ["again"]),
        ],
        ["again", "next"],
        inputs=turns(),
        tensors={"inside": values(4)},
    )
    nodes = [
        node("Gemm", ["x", "w"], ["h"], name="first"),
        node("Loop", ["times", "yes", "h"], ["z"], name="around", body=body),
        node("Gemm", ["z", "v"], ["y"], name="second"),
    ]
    tensors = {"w": values(3, 4), "v": values(4, 2), "outside": values(4, 4)}
    known = {"times": np.array(3), "yes": np.array(True)}
    return graph(nodes, [batch, 3], tensors=tensors | known)


def branching(condition: list[onnx.NodeProto], **tensors: NDArray[np.generic]) -> onnx.ModelProto:
    then = inner([node("MatMul", ["x", "w"], ["a"], name="then")], ["a"])
    other = inner([node("MatMul", ["x", "v"], ["a"], name="other")], ["a"], tensors={"v": values(3, 2)})
    nodes = [*condition, node("If", ["which"], ["b"], then_branch=then, else_branch=other), node("Relu", ["b"], ["y"])]
    return graph(nodes, ["n", 3], tensors={"w": values(3, 2), **tensors})


@pytest.mark.parametrize("which", [True, False])
def test_that_a_branch_which_is_known_to_be_taken_is_layers(which: bool, tmp_path: Path) -> None:
    """As torch writes a squeeze: by an extent that the file knows."""
    nodes = [
        node("Shape", ["x"], ["shape"]),
        node("Gather", ["shape", "one"], ["extent"]),
        node("Equal", ["extent", "wanted"], ["which"]),
    ]
    proto = branching(nodes, one=np.array(1), wanted=np.array(3 if which else 1))
    model, x = load(proto, tmp_path), values(4, 3)
    assert types(model) == ["Linear", "ReLU"]
    assert_parity(outputs(model, x), runtime(proto.SerializeToString(), x))
    assert not model.warnings


def test_that_a_branch_the_data_choose_is_chosen_for_every_example(tmp_path: Path) -> None:
    nodes = [node("ReduceSum", ["x"], ["sum"], keepdims=0), node("Greater", ["sum", "zero"], ["which"])]
    proto = branching(nodes, zero=np.zeros((), np.float32))
    model, x = load(proto, tmp_path), values(8, 3)
    assert {bool(row.sum() > 0) for row in x} == {True, False}
    content = proto.SerializeToString()
    wanted = [np.concatenate([runtime(content, row[None])[0] for row in x])]
    assert_parity(outputs(model, x), wanted)
    assert [one.code for one in model.warnings] == ["load.one_by_one", "load.kept_whole"]
    assert_parity(outputs(from_bytes(encode(model)), x), wanted)
    written = float_proto(model).SerializeToString()
    assert_parity([np.concatenate([runtime(written, row[None])[0] for row in x])], wanted)


def test_that_a_loop_runs_as_it_is_between_layers_that_can_be_compressed(tmp_path: Path) -> None:
    proto = looping()
    model, x = load(proto, tmp_path), values(5, 3)
    wanted = runtime(proto.SerializeToString(), x)
    found = layer_graph(model).layers
    assert [layer.type for layer in found if layer.compressible] == ["Linear", "Linear"]
    assert types(model) == ["Linear", "Loop", "Linear"]
    assert found[1].params == 4 * 4 + 4  # what stands outside of the body and what stands in it
    assert_parity(outputs(model, x), wanted)
    assert [one.code for one in model.warnings] == ["load.kept_whole"]
    assert_parity(outputs(from_bytes(encode(model)), x), wanted)
    assert_parity(runtime(float_proto(model).SerializeToString(), x), wanted)


def test_that_a_loop_in_a_branch_of_a_loop_keeps_its_names_apart(tmp_path: Path) -> None:
    """The same names inside as outside, which the standard forbids and files have all the same."""
    small = inner(
        [node("Mul", ["state", "inside"], ["next"]), node("Identity", ["on"], ["again"])],
        ["again", "next"],
        inputs=turns(),
        tensors={"inside": values(4)},
    )
    then = inner([node("Loop", ["times", "on2", "state2"], ["r"], body=small)], ["r"])
    other = inner([node("Neg", ["state2"], ["r"])], ["r"])
    body = inner(
        [
            node("Identity", ["on"], ["on2"]),
            node("Identity", ["state"], ["state2"]),
            node("Equal", ["turn", "second"], ["which"]),
            node("If", ["which"], ["r2"], then_branch=then, else_branch=other),
            node("Add", ["r2", "x"], ["next"]),
        ],
        ["on2", "next"],
        inputs=turns(),
        tensors={"second": np.array(1)},
    )
    proto = graph(
        [node("Tanh", ["x"], ["h"]), node("Loop", ["times", "yes", "h"], ["y"], body=body)],
        ["n", 4],
        tensors={"times": np.array(3), "yes": np.array(True)},
    )
    model, x = load(proto, tmp_path), values(6, 4)
    wanted = runtime(proto.SerializeToString(), x)
    assert_parity(outputs(model, x), wanted)
    assert_parity(runtime(float_proto(model).SerializeToString(), x), wanted)


def test_that_a_scan_over_time_runs_as_it_is(tmp_path: Path) -> None:
    taken = (
        helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["k", 4]),
        helper.make_tensor_value_info("step", TensorProto.FLOAT, ["k", 4]),
    )
    body = inner(
        [node("Mul", ["sum", "w"], ["m"]), node("Add", ["m", "step"], ["next"]), node("Identity", ["next"], ["out"])],
        ["next", "out"],
        inputs=taken,
    )
    nodes = [
        node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        node("ReduceSum", ["t", "zero"], ["start"], keepdims=0),
        node("Scan", ["start", "t"], ["last", "all"], body=body, num_scan_inputs=1),
        node("Transpose", ["all"], ["y"], perm=[1, 0, 2]),
    ]
    proto = graph(nodes, ["n", 5, 4], tensors={"w": values(4), "zero": np.array([0])})
    model, x = load(proto, tmp_path), values(3, 5, 4)
    wanted = runtime(proto.SerializeToString(), x)
    assert_parity(outputs(model, x), wanted)
    assert_parity(runtime(float_proto(model).SerializeToString(), x), wanted)


def foreign(op: str, domain: str, version: int, *feeds: str, **attributes: object) -> onnx.ModelProto:
    nodes = [
        node("Gemm", ["x", "w"], ["h"]),
        node(op, ["h", *feeds], ["z"], name="theirs", domain=domain, **attributes),
        node("Gemm", ["z", "v"], ["y"]),
    ]
    proto = graph(nodes, ["n", 3], tensors={"w": values(3, 4), "v": values(4, 2), "skip": values(4)})
    proto.opset_import.append(helper.make_opsetid(domain, version))
    return proto


@pytest.mark.parametrize(
    ("op", "domain", "feeds", "attributes"),
    [
        ("BiasGelu", "com.microsoft", ("skip",), {}),
        ("Normalizer", "ai.onnx.ml", (), {"norm": "L2"}),
        ("Scaler", "ai.onnx.ml", (), {"offset": [0.1, 0.2, 0.3, 0.4], "scale": [2.0, 1.0, 1.0, 0.5]}),
    ],
)
def test_that_operators_that_onnxruntime_has_beside_the_standards_are_kept(
    op: str, domain: str, feeds: tuple[str, ...], attributes: dict[str, object], tmp_path: Path
) -> None:
    proto = foreign(op, domain, 1, *feeds, **attributes)
    model, x = load(proto, tmp_path), values(5, 3)
    wanted = runtime(proto.SerializeToString(), x)
    assert types(model) == ["Linear", f"{domain}.{op}", "Linear"]
    assert_parity(outputs(model, x), wanted)
    assert_parity(outputs(from_bytes(encode(model)), x), wanted)
    assert_parity(runtime(float_proto(model).SerializeToString(), x), wanted)


@pytest.mark.parametrize("domain", ["com.microsoft", "my.own"])
def test_that_an_operator_nobody_has_is_refused_by_name(domain: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        load(foreign("NoSuchThing", domain, 1), tmp_path)
    assert "theirs" in str(refused.value) and "NoSuchThing" in str(refused.value)


def test_that_graphs_inside_one_another_have_a_limit(tmp_path: Path) -> None:
    nested = [node("Neg", ["x"], ["r"])]
    for _ in range(12):
        graphs = {"then_branch": inner(nested, ["r"]), "else_branch": inner(nested[:1], ["r"])}
        nested = [node("If", ["which"], ["r"], **graphs)]
    proto = graph([*nested, node("Relu", ["r"], ["y"])], ["n", 3], tensors={"which": np.array(True)})
    with pytest.raises(UserError) as refused:
        load(proto, tmp_path)
    assert refused.value.code == "load.too_big"


def test_that_nodes_inside_of_nodes_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penjing.loading.limits.MAX_NODES", 8)
    with pytest.raises(UserError) as refused:
        load(looping(), tmp_path)
    assert (refused.value.code, refused.value.values["what"]) == ("load.too_big", "nodes")


def test_that_a_loop_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proto = looping()
    times = next(entry for entry in proto.graph.initializer if entry.name == "times")
    times.CopyFrom(numpy_helper.from_array(np.array(2**62), "times"))
    monkeypatch.setattr(onnx_regions, "SECONDS", 0.2)
    with pytest.raises(UserError) as refused:
        load(proto, tmp_path)
    assert (refused.value.code, refused.value.values["layer"]) == ("load.graph_not_kept", "around")


def test_that_a_loop_whose_turns_the_data_count_is_stopped_when_it_runs(tmp_path: Path) -> None:
    body = inner(
        [node("Sin", ["state"], ["next"]), node("Identity", ["on"], ["again"])], ["again", "next"], inputs=turns()
    )
    nodes = [
        node("ReduceMax", ["x"], ["most"], keepdims=0),
        node("Cast", ["most"], ["times"], to=TensorProto.INT64),
        node("Loop", ["times", "yes", "x"], ["y"], body=body),
    ]
    model = load(graph(nodes, ["n", 4], tensors={"yes": np.array(True)}), tmp_path)
    (module,) = (module for module in model.module.modules() if isinstance(module, Opaque))
    few = torch.full((2, 4), 3.0)
    assert torch.allclose(module(few), torch.sin(torch.sin(torch.sin(few))), atol=1e-6)
    module.seconds = 0.2
    with pytest.raises(UserError) as stopped:
        module(torch.full((2, 4), 1e15))
    assert stopped.value.code == "model.runs_on"


def test_that_a_loop_without_a_node_is_never_run(tmp_path: Path) -> None:
    body = inner([], ["on", "state"], inputs=turns())
    nodes = [node("Loop", ["times", "yes", "x"], ["y"], name="empty", body=body)]
    known = {"times": np.array(2**62), "yes": np.array(True)}
    with pytest.raises(UserError) as refused:
        load(graph(nodes, ["n", 4], tensors=known), tmp_path)
    assert (refused.value.code, refused.value.values["layer"]) == ("load.graph_not_kept", "empty")


@pytest.mark.parametrize("constant", [False, True])
def test_that_numbers_in_a_graph_are_read_from_no_other_folder(constant: bool, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"\0" * 16)
    (tmp_path / "models").mkdir()
    tensor = numpy_helper.from_array(values(4), "inside")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")
    proto = looping()
    body = proto.graph.node[1].attribute[0].g
    del body.initializer[:]
    if constant:
        body.node.insert(0, node("Constant", [], ["inside"], value=tensor))
    else:
        body.initializer.append(tensor)
    with pytest.raises(UserError) as refused:
        load(proto, tmp_path / "models")
    assert refused.value.code == "load.external_data"


def kept(proto: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    """The piece that is kept of a network, as a `.penjingnet` stores it."""
    (module,) = (one for one in load(proto, folder).module.modules() if isinstance(one, Opaque))
    return onnx.ModelProto.FromString(module.graph)


def body_of(proto: onnx.ModelProto) -> onnx.GraphProto:
    return next(entry.g for entry in proto.graph.node[0].attribute if entry.name == "body")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body.node[0].__setattr__("domain", "my.own"),
        lambda body: body.node[0].__setattr__("op_type", "NoSuch"),
        lambda body: body.initializer.add(name="own"),
        lambda body: body.node.__delitem__(slice(None)),
        lambda body: body.node[0].attribute.add(
            name="value", type=onnx.AttributeProto.TENSOR, t=TensorProto(data_location=TensorProto.EXTERNAL)
        ),
    ],
)
def test_that_a_loop_in_a_file_of_ours_is_looked_into(spoil: object, tmp_path: Path) -> None:
    proto = kept(looping(), tmp_path)
    assert from_text(as_text(proto.SerializeToString()))
    assert callable(spoil)
    spoil(body_of(proto))
    with pytest.raises(ValueError, match="operator"):
        from_text(as_text(proto.SerializeToString()))
