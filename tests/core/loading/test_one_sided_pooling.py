"""Maxima whose padding is one-sided: Keras writes them, torch has none, and yet they run in integers."""

from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from penjing.compression.lowering import lower
from penjing.compression.quantize import quantize
from penjing.compression.simulation import simulate
from penjing.exporting.onnx_qdq import qdq_proto
from penjing.loading.open import open_model
from penjing.plan import Plan
from tests.core.loading.networks import graph, outputs, runtime

CASES = {
    "behind": {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 1, 1]},
    "before": {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 0, 0]},
    "here and there": {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 1, 1, 0]},
    "where no window reaches": {"kernel_shape": [3, 2], "strides": [2, 3], "pads": [0, 0, 1, 1]},
    "of an even kernel": {"kernel_shape": [2, 2], "pads": [0, 0, 1, 1]},
    "wider than half the kernel": {"kernel_shape": [3, 3], "pads": [2, 2, 2, 2]},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("extents", [(8, 8), (7, 9)])
def test_that_a_maximum_of_one_sided_padding_runs_in_integers(
    case: str, extents: tuple[int, int], tmp_path: Path
) -> None:
    random = np.random.default_rng(5)
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"]), helper.make_node("MaxPool", ["c"], ["y"], **CASES[case])]
    weight = random.standard_normal((4, 2, 1, 1)).astype(np.float32)
    path = tmp_path / "made.onnx"
    path.write_bytes(graph(nodes, ["n", 2, *extents], tensors={"w": weight}, opset=17).SerializeToString())
    model, x = open_model(path), random.standard_normal((3, 2, *extents)).astype(np.float32)
    for mine, theirs in zip(outputs(model, x), runtime(path.read_bytes(), x), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
    quantized = quantize(model, Plan().with_defaults(weight_bits=8, activation_bits=8), None)
    assert lower(quantized).is_integer
    (mine,), (theirs,) = outputs(simulate(quantized), x), runtime(qdq_proto(quantized).SerializeToString(), x)
    step = float(quantized.activation_quantizers[quantized.outputs[0].layer].scale)
    assert np.abs(mine - theirs).max() <= 1.01 * step
    assert (np.abs(mine - theirs) > 0.01 * step).mean() <= 0.01
