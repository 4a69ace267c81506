"""Recurrent layers as exporters write them become one layer whose weights a plan can change."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import helper
from torch import nn

from penjing.compression.prune import prune
from penjing.compression.quantize import quantize
from penjing.exporting.onnx_qdq import qdq_proto
from penjing.inspection.graph import layer_graph
from penjing.loading.open import open_model
from penjing.model.model import Model
from penjing.model.recurrent import Recurrent
from penjing.plan import Plan
from tests.core.loading.networks import assert_parity, graph, outputs, runtime

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
RANDOM = np.random.default_rng(12)


def values(*shape: int) -> NDArray[np.float32]:
    return (RANDOM.standard_normal(shape) * 0.6).astype(np.float32)


def load(proto: onnx.ModelProto, folder: Path) -> Model:
    path = folder / "made.onnx"
    path.write_bytes(proto.SerializeToString())
    return open_model(path)


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


@pytest.mark.parametrize(
    ("op", "attributes"), [("LSTM", {"direction": "reverse"}), ("GRU", {"linear_before_reset": 0})]
)
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
