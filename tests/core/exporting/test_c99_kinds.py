"""Layers of decoders, sequences and transformers in exported C: bit for bit the reference, with sizes as estimated."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from penjing.compression.lowering import lower
from penjing.errors import UserError
from penjing.estimation.c99_bytes import c99_bytes, constant_bytes
from penjing.estimation.exact import figures_of
from penjing.estimation.finished import state_of
from penjing.exporting.c99.cmsis_nn import with_cmsis_nn
from penjing.exporting.c99.program import program_of
from penjing.exporting.export import export_model
from penjing.inspection.graph import layer_graph
from penjing.model.c_kernels.parts import PARTS
from penjing.model.model import Model
from penjing.model.modules import (
    Add,
    AddConstant,
    Concat,
    Elementary,
    Embedding,
    MatMul,
    Mean,
    MultiplyConstant,
    Reshape,
    Resize,
    Slice,
    Transpose,
    TransposedConv,
)
from penjing.model.recurrent import GATES, Recurrent
from penjing.verification.verify import verify_files
from tests.support.c99 import build, outputs, run
from tests.support.calibration import quantized
from tests.support.networks import network


def over(filters: int, inputs: int, kernel: tuple[int, ...], **settings: tuple[int, ...] | int) -> TransposedConv:
    axes = len(kernel)
    usual = {"stride": (1,) * axes, "padding": (0,) * axes, "output_padding": (0,) * axes, "dilation": (1,) * axes}
    weight = torch.zeros(filters, inputs, *kernel)
    return TransposedConv(weight, torch.zeros(filters), **{**usual, **settings})  # type: ignore[arg-type]


def cell(kind: str, features: int, hidden: int, *, last: bool = False, reverse: bool = False) -> Recurrent:
    rows = GATES[kind] * hidden
    state = torch.zeros(hidden) if kind == "gru" else None
    weight, bias = torch.zeros(rows, features + hidden), torch.zeros(rows)
    return Recurrent(kind, weight, bias, state, last=last, reverse=reverse)


def decoder() -> Model:
    """Overlapping, holed, grouped and strided copies of filters; a batch norm and a ReLU that fold into them."""
    return network(
        (3, 4, 5),
        [
            ("up", over(6, 3, (3, 2), stride=(2, 3), padding=(1, 0), output_padding=(1, 0), dilation=(1, 2)), "x"),
            ("norm", nn.BatchNorm2d(6), ""),
            ("relu", nn.ReLU(), ""),
            ("deep", over(6, 1, (3, 3), padding=(1, 1), groups=6), ""),
            ("apart", over(4, 3, (2, 2), stride=(3, 1), dilation=(2, 1), groups=2), ""),
            ("last", nn.Conv2d(4, 2, 1), ""),
        ],
    )


def signal_decoder() -> Model:
    """One axis of positions: doubled by copies, lengthened by lines and by corners, and to the nearest."""
    return network(
        (4, 6),
        [
            ("up", over(4, 4, (4,), stride=(2,), padding=(1,)), "x"),
            ("lines", Resize((18,), mode="linear", corners=False), ""),
            ("corners", Resize((7,), mode="linear", corners=True), "lines"),
            ("nearest", Resize((7,), mode="nearest", corners=False), "up"),
            ("both", Concat(1), "corners nearest"),
            ("last", nn.Conv1d(8, 3, 3), ""),
        ],
    )


def resized() -> Model:
    """Larger and smaller, by lines, from corner to corner, to the nearest and to the nearest middle."""
    return network(
        (2, 5, 4),
        [
            ("conv", nn.Conv2d(2, 5, 3, padding=1), "x"),
            ("larger", Resize((10, 8), mode="linear", corners=False), "conv"),
            ("smaller", Resize((3, 7), mode="linear", corners=False), "larger"),
            ("corners", Resize((3, 7), mode="linear", corners=True), "conv"),
            ("nearest", Resize((3, 7), mode="nearest", corners=False), "conv"),
            ("middle", Resize((3, 7), mode="nearest-exact", corners=False), "larger"),
            ("all", Concat(1), "smaller corners nearest middle"),
            ("last", nn.Conv2d(20, 3, 1), ""),
        ],
    )


def lstm() -> Model:
    """Both ways, joined, another on top, the last step of it."""
    return network(
        (6, 5),
        [
            ("there", cell("lstm", 5, 7), "x"),
            ("back", cell("lstm", 5, 7, reverse=True), "x"),
            ("both", Concat(2), "there back"),
            ("top", cell("lstm", 14, 6), ""),
            ("step", Slice(1, 5, 6, 1, drop=True), ""),
            ("last", nn.Linear(6, 4), ""),
        ],
    )


def gru() -> Model:
    """A plain layer over time below one with gates; the result is every step of one way and the end of the other."""
    return network(
        (6, 5),
        [
            ("plain", cell("rnn", 5, 6), "x"),
            ("gated", cell("gru", 6, 5), "plain"),
            ("flat", nn.Flatten(), ""),
            ("end", cell("gru", 6, 4, last=True, reverse=True), "plain"),
            ("both", Concat(1), "flat end"),
            ("last", nn.Linear(34, 3), ""),
        ],
    )


def attention() -> Model:
    """One head twice as wide as it must be: places, layer norm, queries, keys, shares, GELU, a mean over time."""
    return network(
        (5, 8),
        [
            ("places", AddConstant(torch.linspace(-1, 1, 40).reshape(5, 8)), "x"),
            ("norm", nn.LayerNorm(8), ""),
            ("all", nn.Linear(8, 24), ""),
            ("heads", Reshape((5, 3, 2, 4)), ""),
            ("turned", Transpose((0, 2, 3, 1, 4)), ""),
            ("keys", Slice(1, 0, 1, drop=True), "turned"),
            ("queries", Slice(1, 1, 2, drop=True), "turned"),
            ("values", Slice(1, 2, 3, drop=True), "turned"),
            ("columns", Transpose((0, 1, 3, 2)), "keys"),
            ("scores", MatMul(), "queries columns"),
            ("scaled", MultiplyConstant(torch.tensor(0.5)), ""),
            ("shares", nn.Softmax(3), ""),
            ("seen", MatMul(), "shares values"),
            ("steps", Transpose((0, 2, 1, 3)), ""),
            ("joined", Reshape((5, 8)), ""),
            ("out", nn.Linear(8, 8), ""),
            ("sum", Add(), "places out"),
            ("second", nn.LayerNorm(8), ""),
            ("bent", nn.GELU(), ""),
            ("mean", Mean((1,), keepdim=False), ""),
            ("last", nn.Linear(8, 3), ""),
        ],
    )


def normed() -> Model:
    """Means of groups of channels, of every channel alone, and of all; functions that leave the numbers."""
    return network(
        (3, 4, 5),
        [
            ("conv", nn.Conv2d(3, 6, 3, padding=1), "x"),
            ("groups", nn.GroupNorm(2, 6), ""),
            ("soft", Elementary("softplus"), ""),
            ("root", Elementary("sqrt"), ""),
            ("single", nn.GroupNorm(6, 6), ""),
            ("logs", Elementary("log"), "soft"),
            ("both", Add(), "single logs"),
            ("rows", Reshape((2, 60)), ""),
            ("halves", nn.GroupNorm(2, 2), ""),
            ("image", Reshape((6, 4, 5)), ""),
            ("last", nn.Conv2d(6, 2, 1), ""),
        ],
    )


def words() -> Model:
    """Numbers of rows of a table, to logarithms of shares at every step and of all."""
    return network(
        (6,),
        [
            ("rows", Embedding(torch.zeros(40, 5)), "x"),
            ("first", nn.Linear(5, 4), ""),
            ("steps", nn.LogSoftmax(2), ""),
            ("mean", Mean((1,), keepdim=False), ""),
            ("last", nn.Linear(4, 7), ""),
            ("logs", nn.LogSoftmax(1), ""),
        ],
    )


KINDS = {made.__name__: made for made in (decoder, signal_decoder, resized, lstm, gru, attention, normed, words)}


@pytest.mark.parametrize(("bits", "scheme"), [(8, "symmetric"), (3, "affine")])
@pytest.mark.parametrize("name", KINDS)
def test_that_the_compiled_network_is_the_integer_reference_bit_for_bit(
    name: str, bits: int, scheme: str, tmp_path: Path
) -> None:
    model = quantized(KINDS[name](), weight_bits=bits, scheme=scheme)
    assert run(build(tmp_path, model)) == "16 samples, 0 differ\n"
    assert len(np.unique(outputs(tmp_path), axis=0)) > 8  # answers that say something


@pytest.mark.parametrize("name", KINDS)
def test_that_constants_arena_and_text_are_as_estimated(name: str, tmp_path: Path) -> None:
    loaded = KINDS[name]()
    model, graph = quantized(loaded), layer_graph(loaded)
    state, program = state_of(model, graph), program_of(model)
    files = export_model(model, tmp_path, format="c99")
    assert c99_bytes(graph, state) == sum(file.bytes for file in files if file.format == "c99")
    assert constant_bytes(graph, state) == program.const_size
    assert figures_of(graph, state).ram_bytes == program.arena_size


def test_that_steps_leave_as_the_file_has_them_and_maps_with_their_channels_last(tmp_path: Path) -> None:
    for name, layer, wanted in (("steps", cell("gru", 5, 3), "012"), ("map", nn.Conv1d(6, 3, 1), "021")):
        (tmp_path / name).mkdir()
        model = quantized(network((6, 5), [("layer", layer, "x")]))
        files = export_model(model, tmp_path / name, format="c99")
        (axes,) = re.findall(r'_OUTPUT_AXES "(\d+)"', (tmp_path / name / "model_c99" / "model.h").read_text())
        assert axes == wanted
        assert verify_files(model, files, tmp_path / name, None).passed
        assert {step.kernel for step in program_of(model).nodes[-1].steps} <= {"gru_8bit", "conv_8bit"}


def test_that_rounding_twice_changes_results_alone_and_not_what_is_between_steps(tmp_path: Path) -> None:
    for name in ("lstm", "attention"):
        assert run(build(tmp_path / name, quantized(KINDS[name]()), rounding="double")) == "16 samples, 0 differ\n"


def test_that_cmsis_nn_leaves_them_to_our_own_kernels() -> None:
    calling = with_cmsis_nn(program_of(quantized(decoder())), "double")
    assert calling is not None
    kernels = {node.node.layers[0]: [step.kernel for step in node.steps] for node in calling.nodes}
    assert kernels["up"] == ["conv_transpose_8bit"] and kernels["last"] == ["cmsis_conv"]
    assert with_cmsis_nn(program_of(quantized(lstm())), "double") is not None  # its linear layer
    assert all(not step.kernel.startswith("cmsis") for node in calling.nodes[:-1] for step in node.steps)


def test_that_the_states_of_a_recurrent_layer_count_in_ram() -> None:
    graph = layer_graph(network((6, 5), [("cell", cell("lstm", 5, 40), "x")]))
    model = quantized(network((6, 5), [("cell", cell("lstm", 5, 40), "x")]))
    # 30 codes in, 240 codes out, and for each of 40 units a state before, one after, and a cell, four bytes each.
    assert figures_of(graph, state_of(model, graph)).ram_bytes == 32 + 240 + 480


def test_that_sums_which_would_leave_their_room_are_refused_with_the_layer() -> None:
    wide = cell("rnn", 2, 700)
    model = network((3, 2), [("wide", wide, "x")])
    model.layer("wide").weight.data[:] = 1.0  # 700 states of 32767 times 127 need more than 31 bits
    with pytest.raises(UserError) as caught:
        program_of(quantized(model))
    assert caught.value.code == "export.c99_not_integer" and "wide" in caught.value.message()
    cubic = network(
        (2, 4, 4), [("first", nn.Conv2d(2, 2, 1), "x"), ("curves", Resize((8, 8), mode="cubic", corners=False), "")]
    )
    with pytest.raises(UserError, match="curves"):
        program_of(quantized(cubic))


def test_that_the_table_of_the_hyperbolic_tangent_is_its_formula() -> None:
    (table,) = re.findall(r"tanh_points\[513\] = \{([^}]*)\}", PARTS["tanh"].text())
    points = np.array([int(number) for number in table.split(",") if number.strip()])
    assert np.array_equal(points, np.rint(32768 * np.tanh(np.arange(513) / 64)))


def test_that_every_node_is_an_integer_one() -> None:
    for make in KINDS.values():
        assert lower(quantized(make())).is_integer
