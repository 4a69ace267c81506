"""Every kind of network from every source: what opens computes the same, is compressed, and is written again."""

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from benchmarks.breadth_trial import tried
from penjing.compression.prune import prune
from penjing.compression.quantize import quantize
from penjing.compression.simulation import simulate
from penjing.exporting.onnx_float import float_proto
from penjing.exporting.onnx_qdq import qdq_proto
from penjing.inspection.graph import layer_graph
from penjing.loading.open import open_model
from penjing.model.model import Model
from penjing.plan import Plan
from tests.support.sources import SOURCES, exported
from tests.support.zoo import ZOO, example, made

ROOT = Path(__file__).resolve().parents[3]
SCRIPT: dict[str, Any] = runpy.run_path(str(ROOT / "packaging" / "list_networks.py"))
Arrays = list[NDArray[np.float32]]


def model_answers(model: Model, values: tuple[torch.Tensor, ...]) -> Arrays:
    found = simulate(model)(*(value.float() for value in values))
    return [one.numpy() for one in (found if isinstance(found, tuple) else (found,))]


def module_answers(name: str, values: tuple[torch.Tensor, ...]) -> Arrays:
    with torch.no_grad():
        found = made(name)(*values)
    return [one.numpy() for one in (found if isinstance(found, tuple) else (found,))]


def runtime_answers(content: bytes | Path, values: tuple[torch.Tensor, ...]) -> Arrays:
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    session = onnxruntime.InferenceSession(content if isinstance(content, bytes) else str(content), options)
    kinds = {"tensor(int64)": np.int64, "tensor(float16)": np.float16, "tensor(double)": np.float64}
    feeds = {
        entry.name: value.numpy().astype(kinds.get(entry.type, np.float32))
        for entry, value in zip(session.get_inputs(), values, strict=True)
    }
    return [np.asarray(one, np.float32) for one in session.run(None, feeds)]


def far(one: Arrays, other: Arrays) -> float:
    """The largest difference, relative to the largest answer."""
    assert [part.shape for part in one] == [part.shape for part in other]
    return max(float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-3)) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("name", ZOO)
def test_that_a_network_opens_is_compressed_and_written_again(name: str, tmp_path: Path) -> None:
    path = exported(name, tmp_path)
    model = open_model(path)
    for count in (1, 3):
        values = example(name, count, seed=count)
        assert far(model_answers(model, values), runtime_answers(path, values)) <= 1e-4
    graph = layer_graph(model)
    assert f"{SCRIPT['row'](name, graph)}\n" in SCRIPT["PAGE"].read_text("utf-8"), "python packaging/list_networks.py"
    plan = Plan().with_defaults(sparsity=0.3, filters=0.3, weight_bits=8, activation_bits=8)
    smaller = prune(model, graph, plan)
    left = sum(layer.params for layer in layer_graph(smaller.model).layers)
    assert (left < sum(layer.params for layer in graph.layers)) == bool(graph.groups)
    quantized = quantize(smaller.model, plan, None)
    assert len(quantized.weight_quantizers) == len(graph.compressible)
    values = example(name, 3)
    assert (
        far(
            runtime_answers(float_proto(smaller.model).SerializeToString(), values),
            model_answers(smaller.model, values),
        )
        <= 1e-4
    )
    # A code may round the other way where a float of the runtime meets a half; seldom, and by one step.
    written = runtime_answers(qdq_proto(quantized).SerializeToString(), values)
    assert far(written, model_answers(quantized, values)) <= 0.05


@pytest.mark.filterwarnings("ignore:The tensor attributes:UserWarning")  # torch says it of its own recurrent layers
@pytest.mark.parametrize("name", ZOO)
def test_that_torch_export_gives_the_same_layers(name: str, tmp_path: Path) -> None:
    path = tmp_path / "network.pt2"
    with torch.no_grad():
        torch.export.save(torch.export.export(made(name), example(name)), path)
    model = open_model(path)
    for count in (1, 3):
        values = example(name, count, seed=count)
        assert far(model_answers(model, values), module_answers(name, values)) <= 1e-4
    weights = [layer.weights for layer in layer_graph(model).compressible]
    same = open_model(exported(name, tmp_path))
    assert sum(weights) == sum(layer.weights for layer in layer_graph(same).compressible)


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # torch says it of its own code
@pytest.mark.filterwarnings("ignore:The tensor attributes:UserWarning")
@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_that_torchs_newer_exporter_gives_networks_that_open(name: str, tmp_path: Path) -> None:
    path, values = tmp_path / "network.onnx", example(name)
    names = [f"x{place}" for place in range(len(values))]
    with torch.no_grad():
        torch.onnx.export(made(name), values, path, dynamo=True, input_names=names, verbose=False)
    model = open_model(path)
    assert far(model_answers(model, values), runtime_answers(path, values)) <= 1e-4
    three = example(name, 3, seed=3)
    assert far(model_answers(model, three), module_answers(name, three)) <= 1e-4
    assert not any(layer.kind == "opaque" for layer in layer_graph(model).layers)


VARIANTS = (
    "opset 7 or lowest",
    "newest opset",
    "all axes open",
    "Constant nodes",
    "external data",
    "float16",
    "double",
)


@pytest.mark.parametrize("name", ["LeNet", "MobileNetV2", "LSTM", "two inputs"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_that_it_does_not_matter_how_a_file_was_written(name: str, variant: str, tmp_path: Path) -> None:
    source = SOURCES[variant]
    trial = tried(name, variant, source, source.write(name, tmp_path), works=())
    assert not trial.failed
    assert trial.compressible == len(layer_graph(open_model(exported(name, tmp_path))).compressible)
