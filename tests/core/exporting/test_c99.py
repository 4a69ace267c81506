"""Exported C, compiled with sanitizers and run, against the integer reference; sizes against hand counts."""

import dataclasses
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from penjing.compression.integer import run as run_integers
from penjing.compression.lowering import lower
from penjing.compression.prune import prune
from penjing.errors import UserError
from penjing.estimation.c99_bytes import c99_bytes, constant_bytes
from penjing.estimation.exact import figures_of
from penjing.estimation.finished import state_of
from penjing.exporting.c99.program import program_of
from penjing.exporting.export import export_model
from penjing.inspection.graph import layer_graph
from penjing.layer_graph import NetworkInput, NetworkOutput
from penjing.loading.build import build as build_network
from penjing.model.model import Model
from penjing.model.modules import Concat, Erf, GlobalMaxPool, Mean, Multiply, Pad, Reshape, Slice, Transpose
from penjing.model.operators.table import operator_of
from penjing.model.spec import NetworkSpec, NodeSpec
from penjing.plan import Plan
from tests.core.compression.test_integer import scaled_and_joined
from tests.support.c99 import build, outputs, run
from tests.support.calibration import quantized
from tests.support.networks import NETWORKS, cumulative_sum, network, randomised, sample_input

CASES: tuple[tuple[int, str], ...] = ((8, "symmetric"), (4, "symmetric"), (3, "affine"), (2, "symmetric"))


def mlp(seed: int = 0) -> Model:
    """Linear layers alone."""
    layers = [("fc1", nn.Linear(20, 17), ""), ("relu", nn.ReLU(), ""), ("fc2", nn.Linear(17, 5), "")]
    return network((20,), layers, seed=seed)


def movers(seed: int = 0) -> Model:
    """Padding, upsampling, axes in another order, a gate of one value a channel, dilation; the result is an image."""
    return network(
        (3, 6, 5),
        [
            ("pad", Pad((0, 1, 2), (0, 0, 1), mode="reflect", value=0.0), "x"),
            ("conv", nn.Conv2d(3, 6, 3, dilation=2, padding=2, stride=(2, 1)), ""),
            ("up", nn.Upsample(scale_factor=(1.0, 2.0), mode="nearest"), ""),
            ("turned", Transpose((0, 1, 3, 2)), ""),
            ("hang", nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True), ""),
            ("means", Mean((2, 3), keepdim=True), "hang"),
            ("gate", nn.Sigmoid(), ""),
            ("gated", Multiply(), "hang gate"),
            ("average", nn.AvgPool2d(2, stride=1, padding=1, count_include_pad=False), ""),
            ("zeros", Pad((1, 0, 0), (0, 1, 1), mode="constant", value=0.0), ""),
            ("last", nn.Conv2d(7, 4, 1), ""),
        ],
        seed=seed,
    )


def flattened(seed: int = 0) -> Model:
    """A flattened image as the result, in another order than the image lies in."""
    return network(
        (2, 4, 4),
        [
            ("a", nn.Conv2d(2, 3, 3), "x"),
            ("b", nn.Conv2d(2, 3, 3), "x"),
            ("join", Concat(1), "a b"),
            ("flat", nn.Flatten(), ""),
        ],
        seed=seed,
    )


def two_ended(seed: int = 0) -> Model:
    """An image and a vector in; a vector, an image in another scale and what is inside both out."""
    nodes: list[Any] = [
        ("conv", nn.Conv2d(2, 4, 3, padding=1), "x"),
        ("relu", nn.ReLU(), ""),
        ("means", Mean((2, 3), keepdim=False), ""),
        ("fc", nn.Linear(5, 4), "z"),
        ("join", Concat(1), "means fc"),
        ("last", nn.Linear(8, 3), ""),
        ("image", nn.Conv2d(4, 2, 1), "relu"),
        ("turned", Transpose((0, 1, 3, 2)), ""),
    ]
    specs = [
        NodeSpec(
            name=name,
            source_name=name,
            kind=operator_of(module).kind,
            inputs=tuple(feeds.split()) or (nodes[place - 1][0],),
            attributes=operator_of(module).attributes(module),
            tensors=operator_of(module).tensors(module),
        )
        for place, (name, module, feeds) in enumerate(nodes)
    ]
    entries = tuple(
        NetworkInput(name=name, source_name=name, shape=shape) for name, shape in (("x", (1, 2, 4, 3)), ("z", (1, 5)))
    )
    outputs = tuple(NetworkOutput(source_name=name, layer=name, shape=()) for name in ("last", "turned", "relu"))
    return randomised(build_network(NetworkSpec(inputs=entries, nodes=tuple(specs), outputs=outputs)), seed)


def dilated(seed: int = 0) -> Model:
    """Filters with gaps between their values, dense, tall and one a channel; an ELU."""
    return network(
        (3, 8, 7),
        [
            ("wide", nn.Conv2d(3, 4, 3, dilation=2, padding=2), "x"),
            ("bent", nn.ELU(), ""),
            ("deep", nn.Conv2d(4, 4, 3, dilation=(1, 2), padding=(1, 2), groups=4), ""),
            ("tall", nn.Conv2d(4, 5, (3, 1), dilation=2), ""),
        ],
        seed=seed,
    )


def sliced(seed: int = 0) -> Model:
    """Parts of channels, of positions, every other one, the last step; as a layer's input and as the result."""
    return network(
        (4, 6, 5),
        [
            ("conv", nn.Conv2d(4, 6, 3, padding=1), "x"),
            ("left", Slice(1, 0, 3), "conv"),
            ("right", Slice(1, 3, 6), "conv"),
            ("deep", nn.Conv2d(3, 3, 3, padding=1, groups=3), ""),
            ("both", Concat(1), "left deep"),
            ("few", Slice(2, 1, 6, 2), ""),
            ("last", Slice(3, 4, 5, drop=True), ""),
            ("point", nn.Conv1d(6, 4, 1), ""),
            ("end", Slice(2, 1, 3), ""),
        ],
        seed=seed,
    )


def functions(seed: int = 0) -> Model:
    """What nothing else here has: PReLU with one slope, SiLU, erf, a reshape, identities, the largest value of all."""
    return network(
        (3, 5, 4),
        [
            ("conv", nn.Conv2d(3, 6, (3, 1), stride=(2, 1)), "x"),
            ("slopes", nn.PReLU(6), ""),
            ("silu", nn.SiLU(), ""),
            ("same", nn.Identity(), ""),
            ("erf", Erf(), "conv"),
            ("both", Concat(1), "same erf"),
            ("most", GlobalMaxPool(keepdim=True), ""),
            ("shaped", Reshape((12,)), ""),
            ("last", nn.Linear(12, 4), ""),
            ("slope", nn.PReLU(), ""),
        ],
        seed=seed,
    )


def signals(seed: int = 0) -> Model:
    """One axis of positions: grouped and dilated convolutions, pads, pools, a join, softmax."""
    return network(
        (4, 17),
        [
            ("pad", Pad((0, 2), (0, 1), mode="replicate", value=0.0), "x"),
            ("conv", nn.Conv1d(4, 6, 3, dilation=2, padding=2), ""),
            ("grouped", nn.Conv1d(6, 8, 3, groups=2, stride=2), ""),
            ("relu", nn.ReLU6(), ""),
            ("most", nn.MaxPool1d(3, stride=2, padding=1), ""),
            ("mean", nn.AvgPool1d(3, stride=2, padding=1, count_include_pad=True), "relu"),
            ("join", Concat(1), "most mean"),
            ("depthwise", nn.Conv1d(16, 16, 3, groups=16, padding=1), ""),
            ("tanh", nn.Tanh(), ""),
            ("all", Mean((2,), keepdim=False), ""),
            ("last", nn.Linear(16, 5), ""),
            ("shares", nn.Softmax(1), ""),
        ],
        seed=seed,
    )


EVERY = {
    **NETWORKS,
    "dilated": dilated,
    "functions": functions,
    "sliced": sliced,
    "signals": signals,
    "two ended": two_ended,
    "mlp": mlp,
    "scaled and joined": scaled_and_joined,
    "movers": movers,
    "flattened": flattened,
}
UNSEEN = {"movers", "flattened", "signals"}
"""Have what a layer graph does not show: dilation, windows that hang over, a result that is put in order."""


@pytest.mark.parametrize("name", EVERY)
def test_that_the_compiled_network_is_the_integer_reference_bit_for_bit(name: str, tmp_path: Path) -> None:
    for bits, scheme in CASES:
        model = quantized(EVERY[name](0), weight_bits=bits, scheme=scheme)
        folder = tmp_path / f"{bits}"
        assert run(build(folder, model)) == "16 samples, 0 differ\n"
        assert len(np.unique(outputs(folder), axis=0)) > 8  # answers that say something


def test_that_the_samples_are_real_inputs_and_the_answers_of_the_screen(tmp_path: Path) -> None:
    model = quantized(NETWORKS["plain"](0))
    inputs = sample_input(model, count=16, seed=9)
    build(tmp_path, model, inputs=(inputs,))
    (wanted,) = run_integers(lower(model), inputs.numpy())
    codes = model.activation_quantizers[model.outputs[0].layer]
    real = (outputs(tmp_path).astype(np.float32) - np.float32(codes.zero_point)) * np.float32(codes.scale)
    assert np.array_equal(real, wanted)
    source = model.activation_quantizers["x"]
    first = np.fromfile(tmp_path / "samples" / "input_3.bin", np.int8)
    by_hand = torch.clamp(torch.round(inputs[3] / source.scale) + source.zero_point, -128, 127)
    assert np.array_equal(first, by_hand.permute(1, 2, 0).reshape(-1).numpy())  # NHWC


def test_that_double_rounding_and_narrow_activations_run_too(tmp_path: Path) -> None:
    assert run(build(tmp_path / "a", quantized(NETWORKS["residual"](1)), rounding="double")) == "16 samples, 0 differ\n"
    narrow = quantized(NETWORKS["plain"](0), activation_bits=5)
    assert run(build(tmp_path / "b", narrow)) == "16 samples, 0 differ\n"


def sparse_networks() -> dict[str, Model]:
    """Rows of 288 and of 600 places, so that one byte cannot count them; padding on all sides; a linear layer."""
    image = [
        ("stem", nn.Conv2d(4, 96, 3, padding=1, stride=2), "x"),
        ("relu", nn.ReLU(), ""),
        ("wide", nn.Conv2d(96, 20, 3, padding=2), ""),
        ("flat", nn.Flatten(), ""),
        ("fc", nn.Linear(20 * 25, 12), ""),
    ]
    signal = [("wide", nn.Conv1d(200, 12, 3, padding=1), "x"), ("fc", nn.Conv1d(12, 3, 1), "")]
    return {"image": network((4, 6, 6), image), "signal": network((200, 5), signal)}


@pytest.mark.parametrize("name", ["image", "signal"])
@pytest.mark.parametrize(("sparsity", "bits"), [(0.7, 8), (0.97, 8), (0.9, 4)])
def test_that_kept_weights_alone_compute_the_same_and_take_what_is_estimated(
    name: str, sparsity: float, bits: int, tmp_path: Path
) -> None:
    loaded = sparse_networks()[name]
    plan = Plan().with_defaults(sparsity=sparsity)
    pruned = prune(loaded, layer_graph(loaded), plan).model
    model = quantized(pruned, weight_bits=bits)
    assert run(build(tmp_path, model)) == "16 samples, 0 differ\n"
    kernels = {step.kernel for placed in program_of(model).nodes for step in placed.steps}
    assert "conv_sparse" in kernels
    graph, state = layer_graph(loaded), state_of(model, layer_graph(loaded))
    assert constant_bytes(graph, state) == program_of(model).const_size
    (tmp_path / "out").mkdir()
    files = export_model(model, tmp_path / "out", format="c99")
    assert c99_bytes(graph, state) == sum(file.bytes for file in files if file.format == "c99")
    dense = constant_bytes(graph, state_of(quantized(loaded, weight_bits=bits), graph))
    assert dense is not None and program_of(model).const_size < dense


def test_that_zeros_are_stored_where_that_is_smaller() -> None:
    # A kept weight takes two bytes: with half of them kept there is nothing to gain; nor in a layer of 340 weights.
    for loaded, sparsity in ((sparse_networks()["image"], 0.5), (mlp(), 0.95)):
        pruned = prune(loaded, layer_graph(loaded), Plan().with_defaults(sparsity=sparsity)).model
        kernels = {step.kernel for placed in program_of(quantized(pruned)).nodes for step in placed.steps}
        assert kernels == {"conv_8bit"} | ({"clamp"} & kernels)


def macros(folder: Path, name: str) -> dict[str, str]:
    found = re.findall(rf'#define {name.upper()}_(\w+) \(?\s*"?([^")\s]+)', (folder / f"{name}.h").read_text())
    return dict(found)


def test_that_the_header_says_what_the_network_needs(tmp_path: Path) -> None:
    model = quantized(mlp())
    export_model(model, tmp_path, format="c99")
    found = macros(tmp_path / "model_c99", "model")
    assert set(found) == {
        *("INPUT_SIZE", "OUTPUT_SIZE", "INPUT_SCALE", "INPUT_ZERO_POINT", "OUTPUT_SCALE", "OUTPUT_ZERO_POINT"),
        *("INPUT_LAYOUT", "INPUT_AXES", "OUTPUT_AXES", "ARENA_SIZE", "CONST_SIZE", "ROUNDING"),
    }
    assert (found["INPUT_SIZE"], found["OUTPUT_SIZE"], found["INPUT_LAYOUT"]) == ("20", "5", "NC")
    assert np.float32(found["INPUT_SCALE"].rstrip("f")) == np.float32(model.activation_quantizers["x"].scale)
    # A byte a weight; four for a bias, four for a multiplier and one for a shift of every filter.
    assert int(found["CONST_SIZE"]) == 20 * 17 + 17 * 5 + 9 * (17 + 5)
    assert int(found["ARENA_SIZE"]) == 32 + 32  # 20 and 17 values, or 17 and 5, rounded up to 16 each


@pytest.mark.parametrize("name", EVERY)
def test_that_constants_arena_and_text_are_as_estimated(name: str, tmp_path: Path) -> None:
    variants: tuple[dict[str, Any], ...] = ({}, {"weight_bits": 4}, {"scheme": "affine", "granularity": "per_tensor"})
    for number, options in enumerate(variants):
        loaded = EVERY[name](0)
        model = quantized(loaded, **options)
        graph = layer_graph(loaded)
        state, program = state_of(model, graph), program_of(model)
        (tmp_path / f"{number}").mkdir()
        files = export_model(model, tmp_path / f"{number}", format="c99")
        real = sum(file.bytes for file in files if file.format == "c99")
        assert [file.path for file in files][:2] == ["model_c99/model.c", "model_c99/model.h"]
        if name not in UNSEEN:
            assert c99_bytes(graph, state) == real
            assert constant_bytes(graph, state) == program.const_size
        assert figures_of(graph, state).ram_bytes == program.arena_size


def test_that_layers_without_integers_are_listed_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        export_model(NETWORKS["plain"](0), tmp_path, format="c99")
    assert caught.value.code == "export.c99_not_integer"
    assert "conv1" in caught.value.message() and "fc2" in caught.value.message()
    assert list(tmp_path.iterdir()) == []
    told = network((4, 5, 5), [("conv", nn.Conv2d(4, 4, 1), ""), ("sums", cumulative_sum((4, 5, 5)), "")])
    with pytest.raises(UserError, match="sums"):
        export_model(quantized(told), tmp_path, format="c99")


def test_that_a_maximum_of_everything_is_one_value_a_channel() -> None:
    pool: list[Any] = [("conv", nn.Conv2d(2, 3, 1), ""), ("max", GlobalMaxPool(keepdim=False), "")]
    assert program_of(quantized(network((2, 4, 4), pool))).outputs[0].tensor.count == 3


def test_that_an_input_that_no_layer_reads_is_taken_and_left_alone(tmp_path: Path) -> None:
    module = nn.Linear(4, 3)
    node = NodeSpec(
        name="fc",
        source_name="fc",
        kind="linear",
        inputs=("x",),
        attributes=operator_of(module).attributes(module),
        tensors=operator_of(module).tensors(module),
    )
    entries = tuple(NetworkInput(name=name, source_name=name, shape=(1, size)) for name, size in (("x", 4), ("z", 5)))
    ends = (NetworkOutput(source_name="y", layer="fc", shape=()),)
    loaded = randomised(build_network(NetworkSpec(inputs=entries, nodes=(node,), outputs=ends)), 0)
    model, graph = quantized(loaded), layer_graph(loaded)
    assert run(build(tmp_path / "run", model)) == "16 samples, 0 differ\n"
    files = export_model(model, tmp_path, format="c99")
    assert macros(tmp_path / "model_c99", "model")["INPUT_SIZE"] == "9"
    assert c99_bytes(graph, state_of(model, graph)) == sum(file.bytes for file in files if file.format == "c99")


@pytest.mark.parametrize("name", ["*/ system(0); /*", 'a"b\\', "名字\n#error", "x" * 10_000, "??/", "// \\"])
def test_that_no_name_gets_out_of_its_comment(name: str, tmp_path: Path) -> None:
    model = dataclasses.replace(quantized(mlp()), source_names={"fc1": name, "relu": name, "fc2": name})
    assert run(build(tmp_path, model)) == "16 samples, 0 differ\n"
    assert "system(0);" not in (tmp_path / "net.c").read_text()


@pytest.mark.parametrize(
    "name", ["main", "stdint", "string", "int", "模型", "a b/../c", "9", "*/ #error", "x" * 10_000]
)
def test_that_an_export_of_any_name_compiles(name: str, tmp_path: Path) -> None:
    files = export_model(quantized(mlp()), tmp_path, format="c99", name=name)
    source = tmp_path / files[0].path
    assert source.is_file() and source.parent.parent == tmp_path and len(source.name) < 60
    assert re.fullmatch(r"[A-Za-z]\w*", source.stem)
    done = subprocess.run(
        ["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-I.", "-o", "example", "main.c", source.name],
        cwd=source.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert run(source.parent / "example") == "16 samples, 0 differ\n"


def test_that_two_networks_can_be_linked_into_one_program(tmp_path: Path) -> None:
    for name in ("one", "two"):
        build(tmp_path / name, quantized(mlp()), name=name)
    main = '#include "one/one.h"\n#include "two/two.h"\nstatic int8_t x[20], y[5];\n'
    main += "int main(void) { one_run(x, y); two_run(x, y); return 0; }\n"
    (tmp_path / "both.c").write_text(main)
    done = subprocess.run(["gcc", "-std=c99", "-o", "both", "both.c", "one/one.c", "two/two.c"], cwd=tmp_path)
    assert done.returncode == 0
