"""ONNX with integers, judged by onnx.checker, onnxruntime and the integer reference."""

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, numpy_helper

from penjing.compression.integer import run
from penjing.compression.integer_graph import IntegerNode
from penjing.compression.lowering import lower
from penjing.compression.quantize import quantize
from penjing.errors import UserError
from penjing.exporting.export import export_model
from penjing.exporting.onnx_qdq import qdq_proto
from penjing.model.model import Model
from penjing.plan import Plan
from tests.core.exporting.networks import NETWORKS, Draft, batch, residual


def quantized(name: str, weight_bits: int, activation_bits: int, **settings: object) -> Model:
    plan = Plan().with_defaults(weight_bits=weight_bits, activation_bits=activation_bits, **settings)
    return quantize(NETWORKS[name](), plan, None)


def answers(proto: onnx.ModelProto, values: torch.Tensor, *, optimised: bool) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimised else levels.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    return session.run(None, {session.get_inputs()[0].name: values.numpy()})


def stored(proto: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    return {entry.name: entry for entry in proto.graph.initializer}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(8, 8), (4, 8), (3, 6)])
def test_that_onnxruntime_computes_the_integers_of_the_reference(
    name: str, weight_bits: int, activation_bits: int
) -> None:
    model = quantized(name, weight_bits, activation_bits, scheme="affine" if weight_bits == 4 else "symmetric")
    proto = qdq_proto(model)
    onnx.checker.check_model(proto, full_check=True)
    values = batch(model, 32)
    wanted = run(lower(model), values.numpy())
    for optimised in (False, True):
        got = answers(proto, values, optimised=optimised)
        for one, other, output in zip(got, wanted, model.outputs, strict=True):
            step = float(model.activation_quantizers[output.layer].scale)
            assert np.abs(one - other).max() < 1e-3 * step  # 0 steps apart


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("weight_bits", [8, 16])
def test_that_codes_of_sixteen_bits_are_int16_and_runtimes_come_within_the_parity_of_floats(
    name: str, weight_bits: int
) -> None:
    model = quantized(name, weight_bits, 16)
    proto = qdq_proto(model)
    onnx.checker.check_model(proto, full_check=True)
    assert proto.opset_import[0].version >= 21
    assert {stored(proto)[f"{tensor}/zero"].data_type for tensor in lower(model).codes} == {TensorProto.INT16}
    values = batch(model, 32)
    wanted = run(lower(model), values.numpy())
    for optimised in (False, True):
        for one, other in zip(answers(proto, values, optimised=optimised), wanted, strict=True):
            assert np.abs(one - other).max() <= 1e-4 * np.abs(other).max() + 1e-6


@pytest.mark.parametrize("optimised", [False, True])
def test_that_a_bias_too_large_for_int32_in_fine_units_is_stored_in_coarser_ones(optimised: bool) -> None:
    model = NETWORKS["residual"]()
    for _, module, _ in model.layers():
        if getattr(module, "bias", None) is not None:
            module.bias.data.mul_(100)  # type: ignore[operator, union-attr]
    model = quantize(model, Plan().with_defaults(weight_bits=16, activation_bits=16), None)
    biases = [node.bias for node in lower(model).nodes if isinstance(node, IntegerNode) and node.bias is not None]
    assert max(np.abs(bias).max() for bias in biases) > 2**31
    values = batch(model, 32)
    (wanted,) = run(lower(model), values.numpy())
    (got,) = answers(qdq_proto(model), values, optimised=optimised)
    assert np.abs(got - wanted).max() <= 1e-4 * np.abs(wanted).max() + 1e-6


def test_that_a_runtime_of_an_older_opset_refuses_codes_of_sixteen_bits() -> None:
    with pytest.raises(UserError) as caught:
        qdq_proto(quantized("residual", 8, 16), newest_opset=20)
    assert caught.value.code == "export.opset_too_old" and caught.value.values["bits"] == 16


@pytest.mark.parametrize("name", ["residual", "one_dimensional", "perceptron"])
@pytest.mark.parametrize("bits", [2, 4, 8, 16])
def test_that_weights_alone_are_stored_as_codes_of_a_float_network(name: str, bits: int) -> None:
    model = quantized(name, bits, 32)
    proto = qdq_proto(model)
    onnx.checker.check_model(proto, full_check=True)
    assert "QuantizeLinear" not in {node.op_type for node in proto.graph.node}
    values = batch(model, 8)
    wanted = model(values).numpy()
    for optimised in (False, True):
        got = answers(proto, values, optimised=optimised)[0]
        assert np.abs(got - wanted).max() <= 1e-4 * np.abs(wanted).max() + 1e-6


@pytest.mark.parametrize(
    ("bits", "kind", "values_a_byte"),
    [(8, TensorProto.INT8, 1), (5, TensorProto.INT8, 1), (4, TensorProto.INT4, 2), (3, TensorProto.INT4, 2)],
)
def test_that_codes_are_really_packed(bits: int, kind: int, values_a_byte: int) -> None:
    model = quantized("plain", bits, 8)
    found = stored(qdq_proto(model))
    for layer in ("conv1", "conv2", "fc1", "fc2"):
        tensor, weight = found[f"{layer}.weight/q"], model.weight(layer)
        assert tensor.data_type == kind
        assert len(tensor.raw_data) == -(-weight.numel() // values_a_byte)
        scale = numpy_helper.to_array(found[f"{layer}.weight/scale"])
        codes = numpy_helper.to_array(tensor).astype(np.float32)
        real = codes * scale.reshape(-1, *(1,) * (codes.ndim - 1))
        assert scale.shape == (len(weight),)
        assert np.array_equal(real, weight.numpy())


def test_that_two_bits_are_packed_by_four_where_weights_alone_are_quantized() -> None:
    tensor = stored(qdq_proto(quantized("plain", 2, 32)))["fc1.weight/q"]
    assert (tensor.data_type, len(tensor.raw_data)) == (TensorProto.INT2, 16 * 72 // 4)


def test_that_biases_are_int32_in_units_of_input_and_weight_scale() -> None:
    model = quantized("plain", 8, 8)
    found = stored(qdq_proto(model))
    assert found["fc2.bias/q"].data_type == TensorProto.INT32
    unit = model.activation_quantizers["relu3"].scale.numpy() * model.weight_quantizers["fc2"].scale.numpy()
    assert np.array_equal(numpy_helper.to_array(found["fc2.bias/scale"]), unit)
    codes = numpy_helper.to_array(found["fc2.bias/q"])
    assert np.abs(codes * unit - model.layer("fc2").bias.numpy()).max() <= unit.max() / 2 * 1.001


def test_that_the_relu_stands_between_the_convolution_and_its_codes() -> None:
    proto = qdq_proto(quantized("plain", 8, 8))
    makers = {node.output[0]: node for node in proto.graph.node}
    relu = makers["relu1/real"]
    assert (relu.op_type, makers[relu.input[0]].op_type) == ("Relu", "Conv")
    quantizers = [node for node in proto.graph.node if node.op_type == "QuantizeLinear"]
    assert {node.input[0] for node in quantizers} >= {"image", "relu1/real"}
    assert not any(node.input[0].startswith("conv") for node in quantizers)


def test_that_integer_weights_reach_the_integer_kernels_of_onnxruntime(tmp_path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    options.add_session_config_entry("session.qdqisint8allowed", "1")  # as on AArch64
    onnxruntime.InferenceSession(qdq_proto(quantized("residual", 8, 8)).SerializeToString(), options)
    made = {node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node}
    assert {"QLinearConv", "QGemm", "QLinearAdd"} <= made
    assert "Conv" not in made


def test_that_a_newer_opset_is_taken_only_where_it_is_needed() -> None:
    versions = [qdq_proto(quantized("plain", bits, 8)).opset_import[0].version for bits in (8, 4)]
    assert versions == [18, 21]


def test_that_a_device_with_an_older_runtime_gets_wider_codes() -> None:
    model = quantized("plain", 4, 8)
    proto = qdq_proto(model, newest_opset=17)
    assert proto.opset_import[0].version == 17
    assert stored(proto)["fc1.weight/q"].data_type == TensorProto.INT8
    values = batch(model, 4)
    step = float(model.activation_quantizers["fc2"].scale)
    assert np.abs(answers(proto, values, optimised=True)[0] - run(lower(model), values.numpy())[0]).max() < 1e-3 * step
    with pytest.raises(UserError) as caught:
        qdq_proto(quantized("plain", 16, 32), newest_opset=17)
    assert caught.value.code == "export.opset_too_old"


def test_that_half_precision_weights_are_stored_in_half_the_bytes() -> None:
    model = quantized("residual", 16, 32, scheme="float16")
    proto = qdq_proto(model)
    assert stored(proto)["conv1.weight/half"].data_type == TensorProto.FLOAT16
    values = batch(model, 4)
    wanted = model(values).numpy()
    assert np.abs(answers(proto, values, optimised=True)[0] - wanted).max() <= 1e-4 * np.abs(wanted).max() + 1e-6


def test_that_a_partly_quantized_network_keeps_its_float_layers() -> None:
    plan = Plan().with_defaults(weight_bits=8, activation_bits=8)
    model = quantize(residual(), plan.with_layer("conv2", weight_bits=32, activation_bits=32), None)
    proto = qdq_proto(model)
    onnx.checker.check_model(proto, full_check=True)
    assert stored(proto)["conv2.weight"].data_type == TensorProto.FLOAT
    values = batch(model, 16)
    wanted = run(lower(model), values.numpy())[0]
    got = answers(proto, values, optimised=False)[0]
    # A float layer's sums depend on their order, so a result of it may fall on the other side of a rounding.
    apart = np.rint(np.abs(got - wanted) / float(model.activation_quantizers["fc"].scale))
    assert apart.max() <= 1


def test_that_both_onnx_formats_lie_side_by_side(tmp_path: Path) -> None:
    model = quantized("plain", 8, 8)
    files = [export_model(model, tmp_path, format=name)[0] for name in ("onnx", "onnx-int8")]
    assert [(file.path, file.format) for file in files] == [("model.onnx", "onnx"), ("model_int8.onnx", "onnx-int8")]
    assert files[1].bytes < files[0].bytes


def test_that_hostile_names_are_data_here_too() -> None:
    draft = Draft(1, 12, 12, source='x"; DROP TABLE *//*')
    value = draft.node("flat", "flatten", "x", start_dim=1, end_dim=-1)
    model = draft.build(draft.linear("fc", value, 144, 3), source="<script>" * 2000)
    hostile = dataclasses.replace(model, source_names={"flat": "*/\n#include", "fc": "\x00" + "名" * 9})
    small = quantize(hostile, Plan().with_defaults(weight_bits=4, activation_bits=8), None)
    proto = qdq_proto(small)
    onnx.checker.check_model(proto, full_check=True)
    values = batch(small, 4)
    step = float(small.activation_quantizers["fc"].scale)
    assert np.abs(answers(proto, values, optimised=True)[0] - run(lower(small), values.numpy())[0]).max() < 1e-3 * step
