"""Exported C that calls CMSIS-NN, with plain loops of our own in its place, against the integer reference."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from penjing.compression.prune import prune
from penjing.exporting.c99.cmsis_nn import ENDING, may_tie, scratch_of, with_cmsis_nn
from penjing.exporting.c99.program import program_of
from penjing.exporting.export import export_model
from penjing.inspection.graph import layer_graph
from penjing.model.c_kernels.parts import Rounding
from penjing.model.model import Model
from penjing.model.modules import Multiply
from penjing.plan import Plan
from tests.core.exporting.test_c99 import EVERY, sparse_networks
from tests.support.c99 import build_with_cmsis_nn, cmsis_nn, compiled, run
from tests.support.calibration import quantized
from tests.support.networks import NETWORKS, network

ROUNDINGS: tuple[Rounding, ...] = ("single", "double")


def products(seed: int = 0) -> Model:
    """Two convolutions multiplied value by value, a depthwise one of many taps, a dilated one, a linear layer."""
    layers: list[tuple[str, nn.Module, str]] = [
        ("a", nn.Conv2d(3, 6, 3, padding=1), "x"),
        ("b", nn.Conv2d(3, 6, 1, stride=2), "x"),
        ("up", nn.Upsample(scale_factor=(2.0, 2.0), mode="nearest"), ""),
        ("both", Multiply(), "a up"),
        ("wide", nn.Conv2d(6, 6, 5, padding=2, groups=6), ""),
        ("dilated", nn.Conv2d(6, 5, 3, dilation=2), ""),
        ("flat", nn.Flatten(), ""),
        ("last", nn.Linear(5 * 4 * 4, 7), ""),
    ]
    return network((3, 8, 8), layers, seed=seed)


def kernels(model: Model, rounding: Rounding = "single") -> list[str]:
    program = with_cmsis_nn(program_of(model), rounding)
    return [] if program is None else [step.kernel for node in program.nodes for step in node.steps]


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("name", ["products", "depthwise", "signals"])
def test_that_the_network_with_calls_is_the_integer_reference_bit_for_bit(
    name: str, rounding: Rounding, tmp_path: Path
) -> None:
    model = quantized({**EVERY, "products": products}[name](0))
    assert "cmsis_conv" in kernels(model, rounding)
    assert run(build_with_cmsis_nn(tmp_path, model, rounding=rounding)) == "16 samples, 0 differ\n"


def test_that_every_function_that_computes_the_same_is_called() -> None:
    found = kernels(quantized(products()))
    assert found == [
        "cmsis_conv",
        "cmsis_conv",
        "move",
        "cmsis_multiply",
        "cmsis_depthwise",
        "cmsis_conv",
        "cmsis_linear",
    ]
    assert "cmsis_max_pool" in kernels(quantized(NETWORKS["plain"](0)))


def test_that_what_is_stored_or_rounded_otherwise_stays_with_our_own_kernels() -> None:
    assert "conv_general_8bit" in kernels(quantized(NETWORKS["grouped"](0)))
    assert not {"cmsis_conv", "cmsis_depthwise", "cmsis_linear"}.intersection(
        kernels(quantized(NETWORKS["plain"](0), weight_bits=4))
    )
    residual = kernels(quantized(NETWORKS["residual"](0)))
    assert residual.count("add") == 2 and "mean_pool" in residual
    loaded = sparse_networks()["image"]
    pruned = prune(loaded, layer_graph(loaded), Plan().with_defaults(sparsity=0.9)).model
    assert kernels(quantized(pruned)) == []  # every layer is stored sparse: there is nothing to call


def test_that_a_tie_is_found_wherever_there_is_one() -> None:
    for multiplier, shift, reach in itertools.product((1, 2, 3, 4, 6, 12, 16), range(1, 7), (1, 2, 3, 7, 16)):
        products = np.arange(-reach, reach + 1) * multiplier
        ties = bool(np.any(products % (1 << shift) == 1 << (shift - 1)))
        assert may_tie(reach, multiplier, shift) == ties, (multiplier, shift, reach)
    assert not may_tie(1 << 20, 0, 5)


def test_that_a_layer_that_may_round_a_half_calls_it_only_where_halves_round_alike() -> None:
    # Scales that are powers of two make the multiplier 2^30: its sums fall on halves.
    model = quantized(network((4,), [("last", nn.Linear(4, 3), "")], seed=0))
    program = program_of(model)
    (node,) = program.nodes
    (step,) = node.steps
    step.arrays["multiplier"].values[:] = 1 << 30
    assert with_cmsis_nn(program, "single") is None
    assert with_cmsis_nn(program, "double") is not None


def test_that_the_library_must_round_as_the_network_does(tmp_path: Path) -> None:
    build_with_cmsis_nn(tmp_path, quantized(EVERY["mlp"](0)))
    done = compiled(tmp_path, "net_cmsis_nn.c", *cmsis_nn("double"))
    assert done.returncode != 0 and "CMSIS_NN_USE_SINGLE_ROUNDING" in done.stderr


def test_that_a_library_that_needs_more_room_never_writes_outside_it(tmp_path: Path) -> None:
    example = build_with_cmsis_nn(tmp_path, quantized(NETWORKS["plain"](0)))
    source = tmp_path / "net_cmsis_nn.c"
    text = source.read_text()
    source.write_text(re.sub(r"#define SCRATCH_SIZE \d+", "#define SCRATCH_SIZE 8", text))
    assert compiled(tmp_path, source.name, *cmsis_nn("single")).returncode == 0
    with pytest.raises(AssertionError, match=r"16 samples, 16 differ\n$"):  # no sanitizer has anything to say
        run(example)


def test_that_the_room_is_two_columns_of_the_widest_window_in_16_bits() -> None:
    program = with_cmsis_nn(program_of(quantized(products())), "single")
    assert program is not None
    # The dilated convolution has 3 · 3 · 6 = 54 taps, 56 in fours; the depthwise one 5 · 5 taps of 6 channels.
    assert scratch_of(program).other == max(2 * 2 * 56, 2 * 25 * 6)
    assert scratch_of(program).vectors == 4 * 124 * 25


def test_that_the_source_stands_beside_the_portable_one_and_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "with").mkdir(), (tmp_path / "without").mkdir()
    model = quantized(NETWORKS["residual"](0))
    with_calls = export_model(model, tmp_path / "with", format="c99", kernels="cmsis-nn")
    without = export_model(model, tmp_path / "without", format="c99")
    told = {file.path: file.format for file in with_calls}
    assert told[f"model_c99/model{ENDING}.c"] == "c99-cmsis-nn"
    same = [file.path for file in without if not file.path.endswith((".md", ".txt"))]
    assert all((tmp_path / "with" / path).read_bytes() == (tmp_path / "without" / path).read_bytes() for path in same)
    readme = (tmp_path / "with" / "model_c99" / "README.md").read_text()
    assert "CMSIS_NN_DIR" in readme and "Own kernels, where" in readme
