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
from penjing.loading.open import open_model
from penjing.loading.penjingnet import from_bytes
from penjing.model.model import Model
from penjing.model.opaque import Opaque, as_text, from_text
from penjing.model.penjingnet_format import encode
from tests.core.loading.networks import assert_parity, graph, outputs, runtime

RANDOM = np.random.default_rng(12)
node = helper.make_node


def values(*shape: int) -> NDArray[np.float32]:
    return (RANDOM.standard_normal(shape) * 0.5).astype(np.float32)


def inner(
    nodes: list[onnx.NodeProto],
    outputs: list[str],
    *,
    inputs: tuple[onnx.ValueInfoProto, ...] = (),
    tensors: dict[str, NDArray[np.generic]] | None = None,
) -> onnx.GraphProto:
    stored = [numpy_helper.from_array(array, name) for name, array in (tensors or {}).items()]
    return helper.make_graph(nodes, "inner", inputs, [onnx.ValueInfoProto(name=name) for name in outputs], stored)


def opened(proto: onnx.ModelProto, folder: Path) -> Model:
    path = folder / "made.onnx"
    path.write_bytes(proto.SerializeToString())
    return open_model(path)


def types(model: Model) -> list[str]:
    return [layer.type for layer in layer_graph(model).layers]


def turns(**more: NDArray[np.generic]) -> tuple[onnx.ValueInfoProto, ...]:
    """What a loop's body is given: the number of the turn, whether to go on, and the state."""
    return (
        helper.make_tensor_value_info("turn", TensorProto.INT64, []),
        helper.make_tensor_value_info("on", TensorProto.BOOL, []),
        helper.make_tensor_value_info("state", TensorProto.FLOAT, ["k", 4]),
    )


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
    model, x = opened(proto, tmp_path), values(4, 3)
    assert types(model) == ["Linear", "ReLU"]
    assert_parity(outputs(model, x), runtime(proto.SerializeToString(), x))
    assert not model.warnings


def test_that_a_branch_the_data_choose_is_chosen_for_every_example(tmp_path: Path) -> None:
    nodes = [node("ReduceSum", ["x"], ["sum"], keepdims=0), node("Greater", ["sum", "zero"], ["which"])]
    proto = branching(nodes, zero=np.zeros((), np.float32))
    model, x = opened(proto, tmp_path), values(8, 3)
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
    model, x = opened(proto, tmp_path), values(5, 3)
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
    model, x = opened(proto, tmp_path), values(6, 4)
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
    model, x = opened(proto, tmp_path), values(3, 5, 4)
    wanted = runtime(proto.SerializeToString(), x)
    assert_parity(outputs(model, x), wanted)
    assert_parity(runtime(float_proto(model).SerializeToString(), x), wanted)


def gru_step(state: str, step: str) -> list[onnx.NodeProto]:
    """Keras's GRU: z, r, h side by side, the state's own bias inside of what r multiplies."""
    return [
        node("MatMul", [step, "kernel"], ["xs"]),
        node("MatMul", [state, "recurrent"], ["hs"]),
        node("Add", ["xs", "bias_x"], ["xb"]),
        node("Add", ["hs", "bias_h"], ["hb"]),
        node("Split", ["xb"], ["xz", "xr", "xh"], axis=-1, num_outputs=3),
        node("Split", ["hb"], ["hz", "hr", "hh"], axis=-1, num_outputs=3),
        node("Add", ["xz", "hz"], ["z0"]),
        node("Sigmoid", ["z0"], ["z"]),
        node("Add", ["xr", "hr"], ["r0"]),
        node("Sigmoid", ["r0"], ["r"]),
        node("Mul", ["r", "hh"], ["rh"]),
        node("Add", ["xh", "rh"], ["c0"]),
        node("Tanh", ["c0"], ["c"]),
        node("Sub", ["one", "z"], ["not_z"]),
        node("Mul", ["z", state], ["kept"]),
        node("Mul", ["not_z", "c"], ["new"]),
        node("Add", ["kept", "new"], ["next"]),
    ]


def rnn_step(state: str, step: str) -> list[onnx.NodeProto]:
    return [
        node("MatMul", [step, "kernel"], ["xs"]),
        node("MatMul", [state, "recurrent"], ["hs"]),
        node("Add", ["xs", "bias_x"], ["xb"]),
        node("Add", ["xb", "hs"], ["s"]),
        node("Tanh", ["s"], ["next"]),
    ]


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("cell", "gates"), [("GRU", 3), ("RNN", 1)])
def test_that_a_recurrent_layer_written_as_a_loop_is_one(
    cell: str, gates: int, reverse: bool, last: bool, tmp_path: Path
) -> None:
    place = [node("Sub", ["five", "turn"], ["place"])] if reverse else [node("Identity", ["turn"], ["place"])]
    step = gru_step if cell == "GRU" else rnn_step
    body = inner(
        [
            *place,
            node("Gather", ["time", "place"], ["step"]),
            *step("state", "step"),
            node("Identity", ["next"], ["out"]),
            node("Identity", ["on"], ["again"]),
        ],
        ["again", "next", "out"],
        inputs=turns(),
        tensors={"one": np.array(1, np.float32), "five": np.array(5)},
    )
    back = [node("Slice", ["steps", "last", "first", "axis", "last"], ["in order"])] if reverse else []
    ends = [
        *back,
        node("Transpose", ["in order" if reverse else "steps"], ["b"], perm=[1, 0, 2]),
        node("MatMul", ["b", "fc"], ["y"], name="fc"),
    ]
    if last:
        ends = [node("Gemm", ["final", "fc"], ["y"], name="fc")]
    nodes = [
        node("Transpose", ["x"], ["time"], perm=[1, 0, 2]),
        node("Shape", ["x"], ["count"], end=1),
        node("Concat", ["count", "width"], ["shape"], axis=0),
        node("Expand", ["zero", "shape"], ["start"]),
        node("Loop", ["times", "yes", "start"], ["final", "steps"], name="rnn/while_loop", body=body),
        *ends,
    ]
    stored = {
        "kernel": values(3, gates * 4),
        "recurrent": values(4, gates * 4),
        "bias_x": values(gates * 4),
        "bias_h": values(gates * 4),
        "fc": values(4, 2),
        "zero": np.zeros((), np.float32),
        "times": np.array(6),
        "yes": np.array(True),
        "width": np.array([4]),
        "last": np.array([-1]),
        "first": np.array([-(2**31)]),
        "axis": np.array([0]),
    }
    proto = graph(nodes, ["n", 6, 3], tensors=stored, opset=18)
    model, x = opened(proto, tmp_path), values(5, 6, 3)
    assert_parity(outputs(model, x), runtime(proto.SerializeToString(), x))
    assert types(model) == [cell, "Linear"]
    assert all(layer.compressible for layer in layer_graph(model).layers)


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
    model, x = opened(proto, tmp_path), values(5, 3)
    wanted = runtime(proto.SerializeToString(), x)
    assert types(model) == ["Linear", f"{domain}.{op}", "Linear"]
    assert_parity(outputs(model, x), wanted)
    assert_parity(outputs(from_bytes(encode(model)), x), wanted)
    assert_parity(runtime(float_proto(model).SerializeToString(), x), wanted)


@pytest.mark.parametrize("domain", ["com.microsoft", "my.own"])
def test_that_an_operator_nobody_has_is_refused_by_name(domain: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        opened(foreign("NoSuchThing", domain, 1), tmp_path)
    assert "theirs" in str(refused.value) and "NoSuchThing" in str(refused.value)


def test_that_graphs_inside_one_another_have_a_limit(tmp_path: Path) -> None:
    nested = [node("Neg", ["x"], ["r"])]
    for _ in range(12):
        graphs = {"then_branch": inner(nested, ["r"]), "else_branch": inner(nested[:1], ["r"])}
        nested = [node("If", ["which"], ["r"], **graphs)]
    proto = graph([*nested, node("Relu", ["r"], ["y"])], ["n", 3], tensors={"which": np.array(True)})
    with pytest.raises(UserError) as refused:
        opened(proto, tmp_path)
    assert refused.value.code == "load.too_big"


def test_that_nodes_inside_of_nodes_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penjing.loading.limits.MAX_NODES", 8)
    with pytest.raises(UserError) as refused:
        opened(looping(), tmp_path)
    assert (refused.value.code, refused.value.values["what"]) == ("load.too_big", "nodes")


def test_that_a_loop_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proto = looping()
    times = next(entry for entry in proto.graph.initializer if entry.name == "times")
    times.CopyFrom(numpy_helper.from_array(np.array(2**62), "times"))
    monkeypatch.setattr(onnx_regions, "SECONDS", 0.2)
    with pytest.raises(UserError) as refused:
        opened(proto, tmp_path)
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
    model = opened(graph(nodes, ["n", 4], tensors={"yes": np.array(True)}), tmp_path)
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
        opened(graph(nodes, ["n", 4], tensors=known), tmp_path)
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
        opened(proto, tmp_path / "models")
    assert refused.value.code == "load.external_data"


def kept(proto: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    """The piece that is kept of a network, as a `.penjingnet` stores it."""
    (module,) = (one for one in opened(proto, folder).module.modules() if isinstance(one, Opaque))
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
