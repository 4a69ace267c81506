"""What packed and sparse weights take of time beside dense ones of 8 bits."""

import shutil
from pathlib import Path

import pytest
from torch import nn

from penjing.devices.profiles import device
from penjing.estimation.exact import figures_of
from penjing.estimation.finished import state_of
from penjing.estimation.kernel_time import RATIO_BAND, is_current, slowdown
from penjing.estimation.latency import work
from penjing.estimation.state import WeightState
from penjing.exporting.export import export_model
from penjing.exporting.samples import random_inputs
from penjing.inspection.graph import layer_graph
from penjing.layer_graph import Layer
from penjing.model.model import Model
from penjing.verification.runtimes import open_c99
from tests.support.calibration import quantized
from tests.support.networks import NETWORKS, network

L4R5, PI = device("stm32l4r5"), device("raspberry-pi-4")


def conv() -> Model:
    """A layer whose shape nothing was fitted to."""
    return network((24, 7, 7), [("conv", nn.Conv2d(24, 40, 3), "x")], seed=0)


def layer() -> Layer:
    (found,) = layer_graph(conv()).layers
    return found


def weight(bits: int, *, kept: float = 1.0, zeros: int = 0) -> WeightState:
    return WeightState(kept=round(kept * layer().weights), bits=bits, scales=40, zeros=zeros)


def test_that_the_kernels_are_those_that_were_counted() -> None:
    assert is_current(), "run python -m benchmarks.kernel_time: the kernels of generated C have changed"


def test_that_dense_weights_of_8_bits_take_what_was_published() -> None:
    assert slowdown(layer(), weight(8), L4R5) == 1


def test_that_only_exported_c_unpacks_and_skips() -> None:
    assert slowdown(layer(), weight(4), PI) == 1
    assert slowdown(layer(), weight(4), L4R5) > 2


def test_that_zeros_save_time_where_few_weights_are_left_and_cost_it_where_many_are() -> None:
    times = [slowdown(layer(), weight(8, kept=kept), L4R5) for kept in (1.0, 0.4, 0.1, 0.03)]
    assert times[0] == 1 < times[1] and times[1] > times[2] > times[3] and times[2] < 0.8


def test_that_the_time_of_a_network_counts_it_and_its_band_says_that_it_is_not_measured() -> None:
    model = NETWORKS["residual"](0)
    graph = layer_graph(model)
    eight, four = (
        figures_of(graph, state_of(quantized(model, weight_bits=bits), graph), device=L4R5) for bits in (8, 4)
    )
    assert eight.latency_ms is not None and four.latency_ms is not None
    assert 2 < four.latency_ms / eight.latency_ms < 4.5
    assert eight.latency_band is not None
    assert four.latency_band == pytest.approx(eight.latency_band + RATIO_BAND)


@pytest.mark.parametrize("bits", [4, 2])
def test_that_a_shape_that_was_not_counted_takes_what_is_told(bits: int, tmp_path: Path) -> None:
    if not (shutil.which("arm-none-eabi-gcc") and shutil.which("qemu-system-arm")):
        pytest.skip("needs gcc-arm-none-eabi and qemu-system-arm")
    counted = []
    for width in (8, bits):
        model = quantized(conv(), weight_bits=width)
        (tmp_path / str(width)).mkdir()
        files = export_model(model, tmp_path / str(width), format="c99")
        _, board = open_c99(tmp_path / str(width) / files[0].path, ("cortex-m4",))
        board.run(random_inputs(model, 2))
        assert board.board is not None and board.board.counts is not None
        counted.append(board.board.counts.instructions)
    assert slowdown(layer(), weight(bits), L4R5) == pytest.approx(counted[1] / counted[0], rel=0.15)


def test_that_a_time_measured_of_packed_weights_tells_the_rates_of_dense_ones() -> None:
    graph = layer_graph(NETWORKS["residual"](0))
    state = state_of(quantized(NETWORKS["residual"](0), weight_bits=4), graph)
    # Work and rates of the profile give the very time that the figures tell.
    rates = L4R5.rates("int8")
    assert rates is not None
    told = sum(1e3 * macs / rates.of(kind) for kind, macs in work(graph, state, L4R5)["int8"].items())
    assert told == pytest.approx(figures_of(graph, state, device=L4R5).latency_ms)
