"""Recurrent layers written as loops over time, as tf2onnx writes those of Keras, are the layers that they are."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from penjing.inspection.graph import layer_graph
from tests.core.loading.graph_bodies import inner, turns, types, values
from tests.core.loading.networks import assert_parity, graph, load, outputs, runtime

node = helper.make_node


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
    model, x = load(proto, tmp_path), values(5, 6, 3)
    assert_parity(outputs(model, x), runtime(proto.SerializeToString(), x))
    assert types(model) == [cell, "Linear"]
    assert all(layer.compressible for layer in layer_graph(model).layers)
