"""Recurrent layers as exporters write them become one layer whose weights a plan can change."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch import nn

from penjing.compression.prune import prune
from penjing.compression.quantize import quantize
from penjing.compression.simulation import simulate
from penjing.estimation.exact import figures
from penjing.exporting.export import export_model
from penjing.exporting.onnx_float import float_proto
from penjing.exporting.onnx_qdq import qdq_proto
from penjing.exporting.pt2 import exported_program
from penjing.inspection.graph import layer_graph
from penjing.loading.open import open_model
from penjing.model.recurrent import Recurrent
from penjing.plan import Plan
from tests.core.loading.networks import assert_parity, graph, load, outputs, runtime

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
RANDOM = np.random.default_rng(12)


def values(*shape: int) -> NDArray[np.float32]:
    return (RANDOM.standard_normal(shape) * 0.6).astype(np.float32)


def written(op: str, *, layers: int = 1, batch: object = "n", **attributes: object) -> onnx.ModelProto:
    """Time first, one recurrent node after another, the batch first again, the last step, a fully connected layer."""
    nodes, before, width = [helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2])], "t", 3
    tensors: dict[str, NDArray[np.generic]] = {"front": np.array([1]), "end": np.array(-1), "fc.weight": values(4, 2)}
    more = {"linear_before_reset": 1} if op == "GRU" else {}
    for layer in range(layers):
        rows = 4 * GATES[op]
        tensors |= {
            f"w{layer}": values(1, rows, width),
            f"r{layer}": values(1, rows, 4),
            f"b{layer}": values(1, 2 * rows),
        }
        made = [f"s{layer}", f"h{layer}"]
        inputs = [before, *(f"{name}{layer}" for name in "wrb")]
        nodes.append(helper.make_node(op, inputs, made, hidden_size=4, **(more | attributes)))
        before, width = f"q{layer}", 4
        nodes.append(helper.make_node("Squeeze", [made[0], "front"], [before]))
    nodes += [
        helper.make_node("Transpose", [before], ["m"], perm=[1, 0, 2]),
        helper.make_node("Gather", ["m", "end"], ["g"], axis=1),
        helper.make_node("MatMul", ["g", "fc.weight"], ["y"], name="fc"),
    ]
    return graph(nodes, [batch, 5, 3], tensors=tensors, opset=14)


@pytest.mark.parametrize("op", GATES)
@pytest.mark.parametrize("layers", [1, 2])
def test_that_a_recurrent_node_is_a_layer_with_a_weight(op: str, layers: int, tmp_path: Path) -> None:
    proto = written(op, layers=layers)
    model, x = load(proto, tmp_path), values(6, 5, 3)
    found = [layer for layer in layer_graph(model).layers if layer.compressible]
    assert [layer.type for layer in found] == [op] * layers + ["Linear"]
    assert found[0].weight_shape == (4 * GATES[op], 3 + 4)
    assert found[0].macs == 5 * 4 * GATES[op] * (3 + 4)
    assert_parity(outputs(model, x), runtime(proto.SerializeToString(), x))


def both_ways(op: str, *, ends: bool) -> onnx.ModelProto:
    """A layer both ways as torch writes it: its whole sequence, or the last state of each way side by side."""
    rows, more = 4 * GATES[op], {"linear_before_reset": 1} if op == "GRU" else {}
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        helper.make_node(op, ["t", "w", "r", "b"], ["s", "h"], direction="bidirectional", hidden_size=4, **more),
    ]
    tensors = {"w": values(2, rows, 3), "r": values(2, rows, 4), "b": values(2, 2 * rows), "fc.weight": values(8, 2)}
    if ends:
        tensors |= {"zero": np.array(0), "one": np.array(1)}
        nodes += [helper.make_node("Gather", ["h", place], [f"h{place}"], axis=0) for place in ("zero", "one")]
        nodes.append(helper.make_node("Concat", ["hzero", "hone"], ["m"], axis=1))
    else:
        tensors["shape"] = np.array([0, 0, -1])
        nodes += [
            helper.make_node("Transpose", ["s"], ["u"], perm=[0, 2, 1, 3]),
            helper.make_node("Reshape", ["u", "shape"], ["v"]),
            helper.make_node("Transpose", ["v"], ["m"], perm=[1, 0, 2]),
        ]
    return graph(
        [*nodes, helper.make_node("MatMul", ["m", "fc.weight"], ["y"], name="fc")], ["n", 5, 3], tensors=tensors
    )


@pytest.mark.parametrize("op", GATES)
@pytest.mark.parametrize("ends", [False, True])
def test_that_a_layer_both_ways_is_one_layer_each_way(op: str, ends: bool, tmp_path: Path) -> None:
    proto = both_ways(op, ends=ends)
    model, x = load(proto, tmp_path), values(6, 5, 3)
    found = layer_graph(model).layers
    assert [layer.type for layer in found] == [op, op, "Concat", "Linear"]
    assert [layer.attributes.get("reverse", False) for layer in found[:2]] == [False, True]
    assert not model.warnings
    assert_parity(outputs(model, x), runtime(proto.SerializeToString(), x))
    assert_parity(runtime(float_proto(model).SerializeToString(), x), outputs(model, x))


@pytest.mark.parametrize("place", [0, 1])
def test_that_one_layers_last_state_of_several_joined_ones_is_that_layer_alone(place: int, tmp_path: Path) -> None:
    """Exporters join the states of all layers; what reads one of them needs no other."""
    proto = written("LSTM", layers=2)
    del proto.graph.node[-3:]
    proto.graph.node.extend(
        [
            helper.make_node("Concat", ["h0", "h1"], ["states"], axis=0),
            helper.make_node("Gather", ["states", "place"], ["g"], axis=0),
            helper.make_node("MatMul", ["g", "fc.weight"], ["y"], name="fc"),
        ]
    )
    proto.graph.initializer.append(numpy_helper.from_array(np.array(place), "place"))
    model, x = load(proto, tmp_path), values(3, 5, 3)
    assert [layer.type for layer in layer_graph(model).layers] == ["LSTM"] * (place + 1) + ["Linear"]
    assert_parity(outputs(model, x), runtime(proto.SerializeToString(), x))


@pytest.mark.parametrize(("op", "attributes"), [("GRU", {"linear_before_reset": 0}), ("LSTM", {"input_forget": 1})])
def test_that_another_form_is_kept_whole(op: str, attributes: dict[str, object], tmp_path: Path) -> None:
    proto = written(op, **attributes)
    model, x = load(proto, tmp_path), values(4, 5, 3)
    assert [layer.type for layer in layer_graph(model).layers if layer.verbatim] == [op]
    assert_parity(outputs(model, x), runtime(proto.SerializeToString(), x))


@pytest.mark.parametrize(("op", "module"), [("lstm", nn.LSTM), ("gru", nn.GRU), ("rnn", nn.RNN)])
def test_that_the_cells_are_torchs(op: str, module: type[nn.RNNBase], tmp_path: Path) -> None:
    torch.manual_seed(3)
    theirs = module(3, 4, batch_first=True)
    order = {"lstm": [0, 3, 1, 2], "gru": [1, 0, 2], "rnn": [0]}[op]  # ours stand as in ONNX

    def gates(values: torch.Tensor) -> torch.Tensor:
        parts = values.detach().chunk(len(order))
        return torch.cat([parts[place] for place in order])

    bias, state_bias = gates(theirs.bias_ih_l0), gates(theirs.bias_hh_l0)
    weight = torch.cat([gates(theirs.weight_ih_l0), gates(theirs.weight_hh_l0)], dim=1)
    if op == "gru":
        state, state_bias = state_bias[8:], torch.cat([state_bias[:8], torch.zeros(4)])
    ours = Recurrent(op, weight, bias + state_bias, state if op == "gru" else None, last=False)
    x = torch.randn(2, 6, 3)
    assert torch.allclose(ours(x), theirs(x)[0], atol=1e-6)


def test_that_its_weights_are_pruned_and_quantized_and_exported_so(tmp_path: Path) -> None:
    model, x = load(written("LSTM"), tmp_path), values(8, 5, 3)
    plan = Plan().with_defaults(sparsity=0.5, weight_bits=4)
    smaller = quantize(prune(model, layer_graph(model), plan).model, plan, None)
    (name,) = (layer.name for layer in layer_graph(smaller).layers if layer.type == "LSTM")
    weight = smaller.weight(name)
    assert int((weight == 0).sum()) >= weight.numel() // 2
    assert all(len(row.unique()) <= 15 for row in weight)
    assert_parity(runtime(qdq_proto(smaller).SerializeToString(), x), outputs(smaller, x))


@pytest.mark.parametrize("op", GATES)
@pytest.mark.parametrize("ends", [False, True])
def test_that_pytorchs_format_carries_it_as_one_call_each_way_and_is_read_back(
    op: str, ends: bool, tmp_path: Path
) -> None:
    model, x = load(both_ways(op, ends=ends), tmp_path), values(3, 5, 3)
    (archive, *_) = export_model(model, tmp_path, format="pt2", name="again")
    graph_, read = layer_graph(model), open_model(tmp_path / archive.path)
    called = [str(node.target) for node in exported_program(model).graph.nodes]
    cell = {"LSTM": "aten.lstm.input", "GRU": "aten.gru.input", "RNN": "aten.rnn_tanh.input"}[op]
    assert called.count(cell) == 2
    assert abs(figures(graph_, format="pt2").file_bytes - archive.bytes) <= 0.02 * archive.bytes
    assert [layer.type for layer in layer_graph(read).compressible] == [op, op, "Linear"]
    assert_parity(outputs(read, x), outputs(model, x))


@pytest.mark.parametrize("bits", [4, 8])
def test_that_a_file_of_few_bits_opens_in_the_runtime_and_again_here(bits: int, tmp_path: Path) -> None:
    """The runtime refuses a Transpose between codes and a recurrent node where weights have 4 bits."""
    model, x = load(written("LSTM"), tmp_path), values(3, 5, 3)
    plan = Plan().with_defaults(weight_bits=bits, activation_bits=8)
    made = quantize(model, plan, None)
    content = qdq_proto(made).SerializeToString()
    wanted = simulate(made)(torch.from_numpy(x)).numpy()
    step = float(made.activation_quantizers[made.outputs[0].layer].scale)
    assert np.abs(runtime(content, x) - wanted).max() < 1.01 * step
    (tmp_path / "few.onnx").write_bytes(content)
    read = open_model(tmp_path / "few.onnx")
    assert [layer.type for layer in layer_graph(read).compressible] == ["LSTM", "Linear"]
    assert np.abs(simulate(read)(torch.from_numpy(x)).numpy() - wanted).max() < 1.01 * step


def test_that_states_filled_with_zeros_as_before_opset_nine_are_zeros(tmp_path: Path) -> None:
    proto = written("LSTM")
    x, plain = values(3, 5, 3), load(proto, tmp_path)
    wanted = outputs(plain, x)
    (node,) = (node for node in proto.graph.node if node.op_type == "LSTM")
    node.input.extend(["", "start", "start"])
    fill = helper.make_node("ConstantFill", ["extents"], ["start"], input_as_shape=1, value=0.0)
    nodes = [fill, *proto.graph.node]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    proto.graph.initializer.append(numpy_helper.from_array(np.array([1, 1, 4]), "extents"))
    model = load(proto, tmp_path)
    assert [layer.type for layer in layer_graph(model).compressible] == ["LSTM", "Linear"]
    assert_parity(outputs(model, x), wanted)
