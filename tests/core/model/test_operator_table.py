"""The operator table is whole: every row can be built again from what it says, and cut where channels flow through."""

from typing import Any

import pytest
import torch
from torch import nn

from penjing.loading.build import build
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
from penjing.model.operators.channels import ChannelIds, Channels, Flow
from penjing.model.operators.table import operator_of, operators
from penjing.model.recurrent import Recurrent
from penjing.model.spec import spec_of
from tests.support.networks import cumulative_sum, network

IMAGE = (4, 6, 5)
ROWS: dict[str, tuple[nn.Module, tuple[tuple[int, ...], ...]]] = {
    "conv": (nn.Conv2d(4, 3, 3, stride=2, padding=1, dilation=2), (IMAGE,)),
    "linear": (nn.Linear(4, 3), ((4,),)),
    "batch_norm": (nn.BatchNorm2d(4, eps=1e-3), (IMAGE,)),
    "relu": (nn.ReLU(), (IMAGE,)),
    "relu6": (nn.ReLU6(), (IMAGE,)),
    "sigmoid": (nn.Sigmoid(), (IMAGE,)),
    "tanh": (nn.Tanh(), (IMAGE,)),
    "hard_sigmoid": (nn.Hardsigmoid(), (IMAGE,)),
    "hard_swish": (nn.Hardswish(), (IMAGE,)),
    "identity": (nn.Identity(), (IMAGE,)),
    "dropout": (nn.Dropout(0.25), (IMAGE,)),
    "softmax": (nn.Softmax(2), (IMAGE,)),
    "log_softmax": (nn.LogSoftmax(2), (IMAGE,)),
    "clip": (Clip(-0.5, 0.5), (IMAGE,)),
    "leaky_relu": (nn.LeakyReLU(0.3), (IMAGE,)),
    "prelu": (nn.PReLU(4), (IMAGE,)),
    "gelu": (nn.GELU(approximate="tanh"), (IMAGE,)),
    "silu": (nn.SiLU(), (IMAGE,)),
    "smooth": (nn.CELU(0.7), (IMAGE,)),
    "erf": (Erf(), (IMAGE,)),
    "add": (Add(), (IMAGE, IMAGE)),
    "subtract": (Subtract(), (IMAGE, IMAGE)),
    "multiply": (Multiply(), (IMAGE, IMAGE)),
    "divide": (Divide(), (IMAGE, IMAGE)),
    "concat": (Concat(1), (IMAGE, (2, 6, 5))),
    "add_constant": (AddConstant(torch.randn(4, 1, 1)), (IMAGE,)),
    "multiply_constant": (MultiplyConstant(torch.randn(4, 1, 1)), (IMAGE,)),
    "global_avg_pool": (GlobalAveragePool(keepdim=False), (IMAGE,)),
    "global_max_pool": (GlobalMaxPool(keepdim=True), (IMAGE,)),
    "mean": (Mean((3,), keepdim=False), (IMAGE,)),
    "max_pool": (nn.MaxPool2d(3, 2, padding=1, ceil_mode=True), (IMAGE,)),
    "avg_pool": (nn.AvgPool2d((3, 2), 1, count_include_pad=False), (IMAGE,)),
    "flatten": (nn.Flatten(), (IMAGE,)),
    "reshape": (Reshape((-1, 30)), (IMAGE,)),
    "transpose": (Transpose((0, 2, 3, 1)), (IMAGE,)),
    "pad": (Pad((0, 1, 2), (0, 3, 0), mode="constant", value=-1.5), (IMAGE,)),
    "matmul": (MatMul(), ((4, 6, 5), (4, 5, 3))),
    "layer_norm": (nn.LayerNorm(5, eps=1e-3), (IMAGE,)),
    "group_norm": (nn.GroupNorm(4, 4, eps=1e-3), (IMAGE,)),
    "resize": (Resize((4, 9), mode="linear", corners=True), (IMAGE,)),
    "embedding": (Embedding(torch.randn(7, 3)), ((4,),)),
    "elementary": (Elementary("sqrt"), (IMAGE,)),
    "power": (Power(1.5), (IMAGE,)),
    "slice": (Slice(2, 1, 6, 2), (IMAGE,)),
    "conv_transpose": (
        TransposedConv(
            torch.randn(3, 4, 3, 2),
            torch.randn(3),
            stride=(2, 3),
            padding=(1, 0),
            output_padding=(1, 0),
            dilation=(1, 2),
        ),
        (IMAGE,),
    ),
    "recurrent": (
        Recurrent("gru", torch.randn(9, 5) / 2, torch.randn(9), torch.randn(3), last=False),
        ((4, 2),),
    ),
    "opaque": (cumulative_sum(IMAGE), (IMAGE,)),
    "upsample": (nn.Upsample(scale_factor=(2.0, 3.0), mode="nearest"), (IMAGE,)),
}
"""By kind: a module that is not the default one, and the shapes of what it takes."""

MAKES_CHANNELS = ("conv", "conv_transpose", "linear")


def examples(shapes: tuple[tuple[int, ...], ...]) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    return [torch.rand((2, *shape), generator=generator) + 0.5 for shape in shapes]


def test_that_every_row_is_tested_here() -> None:
    assert set(ROWS) == set(operators())


@pytest.mark.parametrize("kind", ROWS)
def test_that_a_row_builds_again_what_it_describes(kind: str) -> None:
    module, shapes = ROWS[kind]
    module.eval()
    row = operator_of(module)
    assert row.kind == kind
    again = row.build(row.attributes(module), row.tensors(module)).eval()
    x = examples(shapes)
    with torch.no_grad():
        assert torch.equal(module(*x), again(*x))
    assert row.attributes(again) == row.attributes(module)
    assert again.state_dict().keys() == module.state_dict().keys()
    assert row.title(module)


@pytest.mark.parametrize("kind", [kind for kind in ROWS if operators()[kind].reads or operators()[kind].reads_aten])
def test_that_a_row_that_reads_is_found_by_its_operators(kind: str) -> None:
    from penjing.loading.assembly import known
    from penjing.model.operators.reading import AtenNode, OnnxNode

    row = operators()[kind]
    assert all(known(OnnxNode, op) for op in row.reads)
    assert all(known(AtenNode, op) for op in row.reads_aten)


@pytest.mark.parametrize("kind", [kind for kind in ROWS if kind not in MAKES_CHANNELS])
def test_that_channels_that_flow_through_a_row_can_be_cut(kind: str) -> None:
    """Cut channel 1 of the inputs and what follows from it: the result is the old one without those channels."""
    module, shapes = ROWS[kind]
    module.eval()
    row, x = operator_of(module), examples(shapes)
    with torch.no_grad():
        result = module(*x)
    ids = ChannelIds()
    inputs = tuple(Channels(ids.fresh(shape[0])) for shape in shapes)
    flow = Flow(ids, inputs, tuple((1, *shape) for shape in shapes), (1, *result.shape[1:]))
    channels = row.channels(module, flow)
    made, cut = ids.resolved(channels.ids), ids.resolved(inputs[0].ids)[1]
    assert len(made) == result.shape[channels.axis]
    if cut < 0:
        pytest.skip("nothing that feeds it can be cut")
    kept = [torch.from_numpy((ids.resolved(part.ids) != cut).nonzero()[0]) for part in inputs]
    left = torch.from_numpy((made != cut).nonzero()[0])
    smaller = row.select(module, outputs=left, inputs=None)
    with torch.no_grad():
        got = smaller(*(value.index_select(1, places) for value, places in zip(x, kept, strict=True)))
    assert torch.equal(got, result.index_select(channels.axis, left))
    assert len(left) < len(made)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("kernel", [(3, 2), (4,)])
def test_that_the_columns_of_a_transposed_convolution_make_its_result(kernel: tuple[int, ...], groups: int) -> None:
    axes = len(kernel)
    settings = {"stride": (2, 3), "padding": (1, 0), "output_padding": (1, 0), "dilation": (1, 2)}
    module = TransposedConv(
        torch.randn(6, 4 // groups, *kernel),
        None,
        **{name: numbers[:axes] for name, numbers in settings.items()},
        groups=groups,
    )
    x = torch.randn(2, 4, *(6, 5)[:axes])
    columns = operator_of(module).columns(module, x)
    filters = module.weight.detach().flatten(1).reshape(groups, 6 // groups, -1)
    with torch.no_grad():
        wanted = module(x).movedim(1, -1).reshape(-1, 6)
    found = torch.cat([part @ own.t() for part, own in zip(columns, filters, strict=True)], dim=1)
    assert torch.allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize(("groups", "filters"), [(2, 6), (4, 4)])
def test_that_a_grouped_transposed_convolution_loses_channels_of_every_group(groups: int, filters: int) -> None:
    """Cut the last channel of every group (of a depthwise one, the last): the others stay what they were."""
    none = {"stride": (2, 2), "padding": (1, 1), "output_padding": (0, 0), "dilation": (1, 1)}
    module = TransposedConv(torch.randn(filters, 4 // groups, 3, 3), torch.randn(filters), **none, groups=groups)
    row, ids = operator_of(module), ChannelIds()
    given = Channels(ids.fresh(4))
    made = row.channels(module, Flow(ids, (given,), ((1, 4, 6, 5),), (1, filters, 11, 9)))
    seen = ids.resolved(given.ids)
    cut = seen[-1]
    kept = torch.from_numpy((seen != cut).nonzero()[0])
    assert len(kept) == (3 if groups == 4 else 2)
    x = torch.randn(2, 4, 6, 5)
    silent = x.clone()
    silent[:, seen == cut] = 0
    if groups == 4:
        assert ids.resolved(made.ids).tolist() == seen.tolist()
        smaller, left = row.select(module, outputs=kept, inputs=None), kept
    else:
        own = torch.from_numpy(
            (ids.resolved(row.weight_inputs(module, Flow(ids, (given,), (), ()))) != cut).nonzero()[0]
        )
        smaller, left = row.select(module, outputs=None, inputs=own), torch.arange(filters)
    with torch.no_grad():
        assert torch.allclose(smaller(x[:, kept]), module(silent)[:, left], atol=1e-6)


def test_that_a_model_survives_the_way_to_a_spec_and_back() -> None:
    nodes: list[Any] = [
        ("conv", nn.Conv2d(2, 4, 3), ""),
        ("act", Clip(-1.0, 2.0), ""),
        ("pad", Pad((0, 1, 0), (0, 0, 2), mode="reflect", value=0.0), ""),
        ("swap", Transpose((0, 2, 3, 1)), ""),
        ("mean", Mean((1, 2), keepdim=False), ""),
        ("fc", nn.Linear(4, 2), ""),
    ]
    model = network((2, 6, 6), nodes)
    again = build(spec_of(model))
    x = torch.randn(3, 2, 6, 6)
    assert torch.equal(model(x), again(x))
    assert (again.inputs, again.outputs) == (model.inputs, model.outputs)


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("transpose", {"order": (1, 0)}),
        ("transpose", {"order": (0, 0, 1)}),
        ("pad", {"begin": (-1,), "end": (0,), "mode": "constant", "value": 0.0}),
        ("pad", {"begin": (1,), "end": (0, 1), "mode": "constant", "value": 0.0}),
        ("pad", {"begin": (1,), "end": (0,), "mode": "spin", "value": 0.0}),
        ("upsample", {"factors": (1000,)}),
        ("resize", {"size": (3, 3), "mode": "eval", "corners": False}),
        ("resize", {"size": (3, 0), "mode": "linear", "corners": False}),
        ("resize", {"size": (3, 3), "mode": "nearest", "corners": True}),
        ("resize", {"size": (3, 3, 3), "mode": "linear", "corners": False}),
        ("gelu", {"approximate": "eval"}),
        ("clip", {"low": "a", "high": 1}),
        ("slice", {"dim": 0, "start": 0, "stop": 1, "step": 1, "drop": False}),
        ("slice", {"dim": 1, "start": 2, "stop": 2, "step": 1, "drop": False}),
        ("slice", {"dim": 1, "start": 0, "stop": 2, "step": 1, "drop": True}),
        ("elementary", {"function": "eval"}),
        ("opaque", {"graph": "no base64!", "shape": (1,)}),
        ("opaque", {"graph": "bm8gZ3JhcGg=", "shape": (1,)}),
    ],
)
def test_that_attributes_that_make_no_sense_are_refused(kind: str, attributes: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        operators()[kind].build(attributes, {})
