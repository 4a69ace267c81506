"""Every row of the operator table, written to ONNX and judged by onnx.checker and onnxruntime."""

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from penjing.compression.integer import run
from penjing.compression.lowering import lower
from penjing.compression.quantize import quantize
from penjing.exporting.onnx_float import float_proto
from penjing.exporting.onnx_qdq import qdq_proto
from penjing.model.model import Model
from penjing.model.modules import (
    Add,
    AddConstant,
    Clip,
    Concat,
    Divide,
    Elementary,
    Embedding,
    Erf,
    GlobalAveragePool,
    GlobalMaxPool,
    MatMul,
    Mean,
    Multiply,
    MultiplyConstant,
    Pad,
    Power,
    Reshape,
    Resize,
    Slice,
    Subtract,
    Transpose,
    TransposedConv,
)
from penjing.model.operators.table import operator_of, operators
from penjing.model.recurrent import Recurrent
from penjing.plan import Plan
from tests.core.exporting.networks import batch
from tests.support.networks import cumulative_sum, network

CASES: dict[str, Callable[[], nn.Module]] = {
    "conv with everything": lambda: nn.Conv2d(4, 6, 3, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2),
    "linear along the last axis": lambda: nn.Linear(7, 5),
    "batch norm": lambda: nn.BatchNorm2d(4),
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "hard sigmoid": nn.Hardsigmoid,
    "hard swish": nn.Hardswish,
    "identity": nn.Identity,
    "dropout": lambda: nn.Dropout(0.3),
    "softmax": lambda: nn.Softmax(dim=1),
    "log softmax": lambda: nn.LogSoftmax(dim=-1),
    "clip": lambda: Clip(-0.5, 1.5),
    "clip from below": lambda: Clip(-0.5, float("inf")),
    "leaky relu": lambda: nn.LeakyReLU(0.1),
    "prelu": lambda: nn.PReLU(4),
    "prelu with one slope": lambda: nn.PReLU(),
    "gelu": nn.GELU,
    "gelu by tanh": lambda: nn.GELU(approximate="tanh"),
    "silu": nn.SiLU,
    "elu": lambda: nn.ELU(0.6),
    "selu": nn.SELU,
    "celu": lambda: nn.CELU(1.4),
    "mish": nn.Mish,
    "erf": Erf,
    "add constant": lambda: AddConstant(torch.linspace(-1, 1, 4).reshape(4, 1, 1)),
    "multiply constant": lambda: MultiplyConstant(torch.linspace(0.5, 2, 7)),
    "global maximum": lambda: GlobalMaxPool(keepdim=False),
    "global maximum with axes": lambda: GlobalMaxPool(keepdim=True),
    "global mean": lambda: GlobalAveragePool(keepdim=False),
    "global mean with axes": lambda: GlobalAveragePool(keepdim=True),
    "mean": lambda: Mean((1, 3), keepdim=False),
    "maximum": lambda: nn.MaxPool2d((3, 2), stride=2, padding=1, dilation=(1, 1), ceil_mode=True),
    "average": lambda: nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
    "average with padding": lambda: nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=True),
    "flatten": nn.Flatten,
    "flatten some": lambda: nn.Flatten(2, 3),
    "reshape": lambda: Reshape((2, -1)),
    "transpose": lambda: Transpose((0, 2, 3, 1)),
    "pad": lambda: Pad((0, 1, 0), (0, 2, 1), mode="constant", value=0.0),
    "layer norm": lambda: nn.LayerNorm(7),
    "group norm": lambda: nn.GroupNorm(2, 4),
    "instance norm": lambda: nn.GroupNorm(4, 4),
    "resize by lines": lambda: Resize((9, 5), mode="linear", corners=False),
    "resize by lines to one place": lambda: Resize((1, 5), mode="linear", corners=False),
    "resize by curves to one place": lambda: Resize((4, 1), mode="cubic", corners=False),
    "resize by lines, corners on corners": lambda: Resize((9, 5), mode="linear", corners=True),
    "resize by curves": lambda: Resize((12, 14), mode="cubic", corners=False),
    "resize to the nearest": lambda: Resize((9, 3), mode="nearest", corners=False),
    "resize to the nearest middle": lambda: Resize((9, 3), mode="nearest-exact", corners=False),
    "embedding": lambda: Embedding(torch.linspace(-1, 1, 120).reshape(40, 3)),
    "softplus": lambda: Elementary("softplus"),
    "power": lambda: Power(2.0),
    "slice": lambda: Slice(2, 1, 6, 2),
    "slice of one place": lambda: Slice(3, 4, 5, drop=True),
    "transposed conv": lambda: TransposedConv(
        torch.linspace(-1, 1, 72).reshape(3, 4, 3, 2),
        torch.ones(3),
        stride=(2, 3),
        padding=(1, 0),
        output_padding=(1, 0),
        dilation=(1, 2),
    ),
    "grouped transposed conv": lambda: TransposedConv(
        torch.linspace(-1, 1, 72).reshape(6, 2, 3, 2),
        torch.ones(6),
        stride=(2, 2),
        padding=(1, 0),
        output_padding=(0, 0),
        dilation=(1, 1),
        groups=2,
    ),
    "depthwise transposed conv": lambda: TransposedConv(
        torch.linspace(-1, 1, 36).reshape(4, 1, 3, 3),
        None,
        stride=(2, 2),
        padding=(1, 1),
        output_padding=(1, 1),
        dilation=(1, 1),
        groups=4,
    ),
    "opaque": lambda: cumulative_sum((4, 6, 7)),
    "upsample": lambda: nn.Upsample(scale_factor=(2.0, 2.0), mode="nearest"),
}
JOINS: dict[str, Callable[[], nn.Module]] = {
    "add": Add,
    "multiply": Multiply,
    "subtract": Subtract,
    "divide": Divide,
    "concat": lambda: Concat(1),
    "matmul": MatMul,
}


RECURRENT = {
    f"{cell}, {'last state' if last else 'all states'}": (cell, gates, last)
    for cell, gates in (("lstm", 4), ("gru", 3), ("rnn", 1))
    for last in (False, True)
}


def recurrent(cell: str, gates: int, last: bool) -> nn.Module:
    generator = torch.Generator().manual_seed(5)
    weight, bias, state = (
        torch.randn(shape, generator=generator) / 2 for shape in ((3 * gates, 10), (3 * gates,), (3,))
    )
    return Recurrent(cell, weight, bias, state if cell == "gru" else None, last=last)


def made(case: str) -> Model:
    if case in RECURRENT:
        flat = Reshape((-1, 7))
        return network(
            (4, 6, 7),
            [("first", nn.Conv2d(4, 4, 1), ""), ("flat", flat, ""), ("case", recurrent(*RECURRENT[case]), "")],
        )
    before = [("first", nn.Conv2d(4, 4, 1), ""), ("second", nn.Conv2d(4, 4, 1), "x"), ("away", Clip(0.5, 4.0), "")]
    if case in JOINS:
        return network((4, 7, 7), [*before, ("case", JOINS[case](), "first away")])
    return network((4, 6, 7), [before[0], ("case", CASES[case](), "")])


def answers(proto: onnx.ModelProto, values: torch.Tensor, *, optimised: bool) -> np.ndarray:
    onnx.checker.check_model(proto, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimised else levels.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    return session.run(None, {"x": values.numpy()})[0]


def test_that_every_row_has_a_case() -> None:
    covered = {operator_of(make()).kind for make in (*CASES.values(), *JOINS.values())} | {"recurrent"}
    assert covered == set(operators())


@pytest.mark.parametrize("opset", [14, 18])
@pytest.mark.parametrize("case", [*CASES, *JOINS, *RECURRENT])
def test_that_it_computes_what_the_module_computes(case: str, opset: int) -> None:
    model = made(case)
    values = batch(model, 3)
    wanted = model(values).numpy()
    got = answers(float_proto(model, opset=opset), values, optimised=False)
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= 1e-4 * np.abs(wanted).max() + 1e-6


@pytest.mark.parametrize("case", [*CASES, *JOINS, *RECURRENT])
def test_that_it_computes_the_integers_of_the_reference(case: str) -> None:
    model = quantize(made(case), Plan().with_defaults(weight_bits=8, activation_bits=8), None)
    values = batch(model, 16)
    wanted = run(lower(model), values.numpy())[0]
    quantizer = model.activation_quantizers.get(model.outputs[0].layer)
    for optimised in (False, True):
        got = answers(qdq_proto(model), values, optimised=optimised)
        assert got.shape == wanted.shape
        if quantizer is None:
            assert np.abs(got - wanted).max() <= 1e-4 * np.abs(wanted).max() + 1e-6
            continue
        apart = np.rint(np.abs(got - wanted) / float(quantizer.scale))
        assert apart.max() <= 1 and (apart > 0).mean() <= 0.01
