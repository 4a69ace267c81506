"""Networks that are already quantized: read with their grids, compared with onnxruntime on the same file."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from torch import Tensor, nn

from penjing.compression.simulation import simulate
from penjing.errors import UserError
from penjing.estimation.exact import figures, figures_of
from penjing.estimation.finished import state_of
from penjing.exporting.onnx_float import float_proto
from penjing.exporting.onnx_qdq import qdq_proto
from penjing.inspection.graph import layer_graph
from penjing.loading.module import from_module
from penjing.loading.open import open_model
from penjing.model.model import Model
from penjing.pipeline.job import Job, compress_job, effective_plan
from penjing.pipeline.run import run_plan
from penjing.plan import Plan

Array = np.ndarray[Any, Any]
SHAPE = (3, 8, 8)


class Block(nn.Module):
    """A residual around a depthwise convolution, then what classifiers end in."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.deep = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.pool = nn.MaxPool2d(2)
        self.last = nn.Linear(128, 5)

    def forward(self, values: Tensor) -> Tensor:
        """[n, 3, 8, 8] → [n, 5]."""
        before = torch.relu(self.first(values))
        return self.last(self.pool(before + self.deep(before)).flatten(1))


WAYS: Mapping[str, Mapping[str, Any]] = {
    "int8, a scale a filter": {"per_channel": True, "activation_type": QuantType.QInt8},
    "uint8 tensors": {"activation_type": QuantType.QUInt8},
    "uint8 weights, too": {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QUInt8},
    "16-bit tensors": {"per_channel": True, "activation_type": QuantType.QInt16},
    "operators on codes": {"quant_format": QuantFormat.QOperator, "activation_type": QuantType.QUInt8},
    "operators on codes, a scale a filter": {
        "quant_format": QuantFormat.QOperator,
        "per_channel": True,
        "activation_type": QuantType.QInt8,
    },
}


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, name: str) -> None:
        rng = np.random.default_rng(1)
        self._rest = iter([{name: rng.standard_normal((1, *SHAPE)).astype(np.float32)} for _ in range(4)])

    def get_next(self) -> dict[str, Array] | None:
        return next(self._rest, None)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("plain") / "plain.onnx"
    onnx.save(float_proto(from_module(Block(), torch.zeros(1, *SHAPE))), path)
    return path


@pytest.fixture(scope="module")
def quantized(plain: Path) -> Callable[[str], Path]:
    """A file that onnxruntime quantized in one of the ways, made once."""

    def made(way: str) -> Path:
        path = plain.with_name(f"{list(WAYS).index(way)}.onnx")
        if not path.exists():
            options = {"quant_format": QuantFormat.QDQ, "weight_type": QuantType.QInt8, **WAYS[way]}
            (name,) = (entry.name for entry in onnx.load(plain).graph.input)
            quantize_static(plain, path, _Reader(name), **options)
        return path

    return made


def runtime(file: Path | bytes, values: Array) -> Array:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {session.get_inputs()[0].name: values})
    return np.asarray(result)


def inputs(count: int = 4) -> Array:
    return np.random.default_rng(2).standard_normal((count, *SHAPE)).astype(np.float32)


def each_alone(file: Path | bytes, values: Array) -> Array:
    return np.concatenate([runtime(file, values[place : place + 1]) for place in range(len(values))])


@pytest.mark.parametrize("way", WAYS)
def test_what_onnxruntime_quantized_is_read_with_its_grids_and_computes_the_same(
    quantized: Callable[[str], Path], way: str
) -> None:
    model = open_model(quantized(way))
    assert set(model.weight_quantizers) == {layer.name for layer in layer_graph(model).compressible}
    assert not model.warnings
    values = inputs()
    found, wanted = simulate(model)(torch.from_numpy(values)), each_alone(quantized(way), values)
    assert isinstance(found, Tensor)
    step = float(model.activation_quantizers[model.outputs[0].layer].scale)
    # Roundings of exact ties may go the other way.
    apart = np.abs(found.numpy() - wanted) / step
    assert apart.max() < 1.01
    assert (apart > 0.01).mean() < 0.1


@pytest.mark.parametrize("way", WAYS)
def test_an_untouched_quantized_network_is_written_bit_for_bit_as_it_was_read(
    quantized: Callable[[str], Path], way: str
) -> None:
    model = open_model(quantized(way))
    again = qdq_proto(model).SerializeToString()
    values = inputs()
    if "16" not in way:  # between 16-bit codes both compute in float, in an order of their own
        assert np.array_equal(each_alone(again, values), each_alone(quantized(way), values))
    codes = {name: quantizer.encode(model.weight(name)) for name, quantizer in model.weight_quantizers.items()}
    stored = {entry.name: numpy_helper.to_array(entry) for entry in onnx.load_from_string(again).graph.initializer}
    for name, values in codes.items():
        kept = stored[f"{name}.weight/q"].astype(np.int32)
        assert np.array_equal(kept if kept.shape == tuple(values.shape) else kept.T, values.numpy())


def test_the_codes_of_uint8_files_become_signed_ones_with_the_same_meaning(quantized: Callable[[str], Path]) -> None:
    path = quantized("uint8 weights, too")
    stored = {entry.name: numpy_helper.to_array(entry) for entry in onnx.load(path).graph.initializer}
    model = open_model(path)
    quantizer = model.weight_quantizers["first"]
    name = next(name for name in stored if name.startswith("first.weight") and name.endswith("_quantized"))
    shift = 128
    assert np.array_equal(quantizer.encode(model.weight("first")).numpy() + shift, stored[name])
    assert float(quantizer.scale) == float(stored[name.replace("_quantized", "_scale")])


def test_a_quantized_network_counts_as_small_as_it_is(quantized: Callable[[str], Path]) -> None:
    model = open_model(quantized("int8, a scale a filter"))
    graph = layer_graph(model)
    weights = sum(layer.weights for layer in graph.compressible)
    biases = 8 + 8 + 5
    assert figures(graph).size_bytes == weights + 4 * biases
    assert figures(graph, Plan()) == figures(graph) == figures_of(graph, state_of(model, graph))
    grid = graph.by_name["first"].weight_grid
    assert grid is not None
    assert (grid.bits, grid.per_channel, grid.zero_point) == (8, True, 0)
    assert graph.input_grids[model.inputs[0].name].bits == 8


def test_an_integer_format_leaves_a_quantized_network_as_it_is(quantized: Callable[[str], Path]) -> None:
    graph = layer_graph(open_model(quantized("uint8 tensors")))
    assert effective_plan(Plan(), ("onnx-int8",), graph) == (Plan(), ())


def test_pruning_keeps_the_grids_and_fewer_bits_replace_them(quantized: Callable[[str], Path]) -> None:
    model = open_model(quantized("int8, a scale a filter"))
    pruned = run_plan(model, Plan().with_defaults(sparsity=0.5, filters=0.25), None).model
    quantizer, before = pruned.weight_quantizers["first"], model.weight_quantizers["first"]
    assert len(quantizer.scale) == 6
    assert set(quantizer.scale.tolist()) < set(before.scale.tolist())
    assert torch.equal(quantizer.on_grid(pruned.weight("first")), pruned.weight("first"))
    narrow = run_plan(model, Plan().with_layer("last", weight_bits=4), None).model
    assert narrow.weight_quantizers["last"].bits == 4
    assert torch.equal(narrow.weight("first"), model.weight("first"))
    assert narrow.activation_quantizers.keys() == model.activation_quantizers.keys()


def test_the_whole_job_runs_on_a_quantized_file(quantized: Callable[[str], Path], tmp_path: Path) -> None:
    path = quantized("uint8 tensors")
    job = Job(
        model=open_model(path),
        plan=Plan().with_defaults(filters=0.25),
        data=None,
        model_source=str(path),
        data_source=None,
        formats=("onnx-int8", "onnx", "c99", "penjingnet"),
    )
    result = compress_job(job, tmp_path / "out")
    assert result.verdict.passed, result.verdict
    assert result.verdict.rungs[0].name == "source: parity"
    assert result.verdict.rungs[0].passed
    assert result.compressed.size_bytes < result.baseline.size_bytes


@pytest.mark.parametrize(("weight", "tensor"), [(8, 8), (4, 8), (2, 32), (4, 4), (8, 16)])
def test_what_penjing_wrote_is_read_back_with_the_same_grids(
    plain: Path, tmp_path: Path, weight: int, tensor: int
) -> None:
    made = _compressed(open_model(plain), weight_bits=weight, activation_bits=tensor)
    path = tmp_path / "again.onnx"
    path.write_bytes(qdq_proto(made).SerializeToString())
    read = open_model(path)
    for one, other in ((read.weight_quantizers, made.weight_quantizers),):
        assert one.keys() == other.keys()
        for name, quantizer in other.items():
            assert torch.equal(one[name].scale, quantizer.scale)
            assert torch.equal(one[name].encode(read.weight(name)), quantizer.encode(made.weight(name)))
    values = torch.from_numpy(inputs())
    assert torch.equal(_only(simulate(read)(values)), _only(simulate(made)(values)))


def _compressed(model: Model, **settings: Any) -> Model:
    return run_plan(model, Plan().with_defaults(**settings), None).model


def _only(result: Tensor | tuple[Tensor, ...]) -> Tensor:
    assert isinstance(result, Tensor)
    return result


def test_a_network_that_is_quantized_while_it_runs_stays_whole_and_computes_the_same(
    plain: Path, tmp_path: Path
) -> None:
    path = tmp_path / "dynamic.onnx"
    quantize_dynamic(plain, path)
    model, values = open_model(path), inputs(1)
    assert np.allclose(_only(model(torch.from_numpy(values))).numpy(), runtime(path, values), rtol=1e-4, atol=1e-5)
    assert [one.code for one in model.warnings] == ["load.one_by_one", "load.kept_whole"]


def _file(tmp_path: Path, nodes: list[onnx.NodeProto], stored: Mapping[str, Array], width: int = 6) -> Path:
    entry = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", width])
    result = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    initializers = [numpy_helper.from_array(array, name) for name, array in stored.items()]
    graph = helper.make_graph(nodes, "g", [entry], [result], initializers)
    path = tmp_path / "made.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


def test_weights_that_training_left_in_float_before_their_rounding_lie_on_its_grid(tmp_path: Path) -> None:
    """Networks trained with fake quantization store floats, and round them while they run."""
    rng = np.random.default_rng(0)
    stored = {
        "w": rng.standard_normal((4, 6)).astype(np.float32),
        "s": np.array([0.05, 0.02, 0.1, 0.03], np.float32),
        "z": np.zeros(4, np.int8),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["w", "s", "z"], ["q"], axis=0),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], axis=0),
        helper.make_node("Gemm", ["x", "d"], ["y"], transB=1, name="fc"),
    ]
    path = _file(tmp_path, nodes, stored)
    model = open_model(path)
    (quantizer,) = model.weight_quantizers.values()
    assert np.array_equal(quantizer.scale.numpy(), stored["s"])
    wanted = np.clip(np.rint(stored["w"] / stored["s"][:, None]), -128, 127) * stored["s"][:, None]
    assert np.array_equal(model.weight("fc").numpy(), wanted.astype(np.float32))
    values = rng.standard_normal((2, 6)).astype(np.float32)
    assert np.allclose(_only(model(torch.from_numpy(values))).numpy(), runtime(path, values), rtol=1e-4, atol=1e-5)


def test_a_tensor_that_is_rounded_for_one_reader_alone_stays_whole_for_the_other(tmp_path: Path) -> None:
    scale, zero = np.array(0.25, np.float32), np.array(3, np.uint8)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"], name="first"),
        helper.make_node("QuantizeLinear", ["h", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("Add", ["h", "d"], ["y"], name="sum"),
    ]
    weight = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    path = _file(tmp_path, nodes, {"w": weight, "s": scale, "z": zero})
    model = open_model(path)
    assert "first" not in model.activation_quantizers
    values = np.random.default_rng(1).standard_normal((3, 6)).astype(np.float32)
    found = _only(simulate(model)(torch.from_numpy(values))).numpy()
    assert np.allclose(found, runtime(path, values), rtol=1e-4, atol=1e-5)


def test_scales_along_the_inputs_are_told_and_the_values_kept(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).integers(-100, 100, (6, 4)).astype(np.int8)
    scales = np.linspace(0.01, 0.06, 6).astype(np.float32)
    nodes = [
        helper.make_node("DequantizeLinear", ["c", "s"], ["w"], axis=0),
        helper.make_node("MatMul", ["x", "w"], ["y"], name="fc"),
    ]
    model = open_model(_file(tmp_path, nodes, {"c": codes, "s": scales}))
    assert not model.weight_quantizers
    assert [one.code for one in model.warnings] == ["load.grid_lost"]
    assert np.array_equal(model.weight("fc").numpy(), (codes.astype(np.float32) * scales[:, None]).T)


def test_scales_that_do_not_fit_the_codes_are_refused_by_name(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("DequantizeLinear", ["c", "s"], ["w"], axis=0, name="broken"),
        helper.make_node("MatMul", ["x", "w"], ["y"], name="fc"),
    ]
    path = _file(tmp_path, nodes, {"c": np.zeros((6, 4), np.int8), "s": np.ones(5, np.float32)})
    with pytest.raises(UserError) as raised:
        open_model(path)
    assert raised.value.code == "load.unsupported_form"
    assert "broken" in str(raised.value)
