"""Operators of the newest version of the standard, each in a network of its own, against the standard's reference."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper
from onnx.reference import ReferenceEvaluator

from penjing.inspection.graph import layer_graph
from penjing.loading.open import open_model
from tests.core.loading.networks import assert_parity, graph, outputs

RANDOM = np.random.default_rng(16)
NEWEST = onnx.defs.onnx_opset_version()
node = helper.make_node


def values(*shape: int) -> NDArray[np.float32]:
    return RANDOM.standard_normal(shape).astype(np.float32)


CASES: dict[str, tuple[list[onnx.NodeProto], tuple[int, ...], list[str]]] = {
    "swish": ([node("Swish", ["x"], ["y"])], (6,), ["Sigmoid", "Multiply"]),
    "a steeper swish": (
        [node("Swish", ["x"], ["y"], alpha=1.5)],
        (6,),
        ["MultiplyConstant", "Sigmoid", "Multiply"],
    ),
    "pixels of channels": (
        [node("DepthToSpace", ["x"], ["y"], blocksize=2, mode="CRD")],
        (8, 3, 5),
        ["Reshape", "Transpose", "Reshape"],
    ),
    "the other order": (
        [node("DepthToSpace", ["x"], ["y"], blocksize=2)],
        (8, 3, 5),
        ["Reshape", "Transpose", "Reshape"],
    ),
    "channels of pixels": (
        [node("SpaceToDepth", ["x"], ["y"], blocksize=3)],
        (2, 6, 9),
        ["Reshape", "Transpose", "Reshape"],
    ),
    "one number an example": ([node("Einsum", ["x", "x"], ["y"], equation="ni,ni->n")], (6,), ["Einsum"]),
    "numbers above one alone": (
        [node("Acosh", ["x"], ["a"]), node("IsNaN", ["a"], ["b"]), node("Cast", ["b"], ["y"], to=1)],
        (6,),
        ["Acosh"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_that_an_operator_computes_what_the_standard_says(case: str, tmp_path: Path) -> None:
    nodes, shape, wanted = CASES[case]
    proto = graph(nodes, ["n", *shape], opset=NEWEST)
    path, x = tmp_path / "newest.onnx", values(3, *shape)
    onnx.save(proto, path)
    model = open_model(path)
    assert [layer.type for layer in layer_graph(model).layers] == wanted
    with np.errstate(invalid="ignore"):
        assert_parity(outputs(model, x), [np.asarray(part) for part in ReferenceEvaluator(proto).run(None, {"x": x})])
