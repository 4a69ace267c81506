"""Every exact figure: hand counts, published constants, and the prediction against the finished network."""

import subprocess
import sys

import msgspec
import pytest
from torch import nn

from penjing.compression.prune import prune
from penjing.compression.quantize import quantize
from penjing.devices.profiles import device
from penjing.estimation.deployed import fold, scale_bytes, size_bytes
from penjing.estimation.exact import figures, figures_of
from penjing.estimation.finished import state_of
from penjing.estimation.gathering import tables_for
from penjing.estimation.state import FILTERED, NetworkState, WeightState
from penjing.inspection.graph import layer_graph
from penjing.layer_graph import LayerGraph
from penjing.model.c_kernels import code_size
from penjing.model.model import Model
from penjing.plan import Plan
from tests.support import tiny_networks
from tests.support.networks import NETWORKS, network

L4R5 = device("stm32l4r5")
KNOWN = msgspec.structs.replace(L4R5, kernel_bytes=2253)
"""A runtime of the user's own, of which the bytes of its kernels are known."""


def small() -> Model:
    return network(
        (1, 4, 4),
        [
            ("conv", nn.Conv2d(1, 3, 3, padding=1, bias=False), ""),
            ("bn", nn.BatchNorm2d(3), ""),
            ("relu", nn.ReLU(), ""),
            ("flat", nn.Flatten(), ""),
            ("fc", nn.Linear(48, 2), ""),
        ],
    )


def test_that_figures_as_loaded_are_those_of_a_hand_count() -> None:
    found = figures(layer_graph(small()))
    # conv 27, batch norm 2 · 3, fc 96 + 2.
    assert (found.params, found.nonzero) == (131, 131)
    # conv 27 weights at 16 places, fc 96.
    assert found.macs == 27 * 16 + 96
    # Batch norm folded: conv gains a bias of 3; everything float32.
    assert found.size_bytes == 4 * (27 + 3 + 96 + 2)
    # conv's result (48 values, batch norm, ReLU and flatten in the same memory) beside the input (16 values).
    assert found.ram_bytes == 4 * (48 + 16)
    assert found.flash_bytes is found.latency_ms is found.energy_mj is found.file_bytes is found.accuracy is None


def test_that_an_8_bit_plan_has_the_figures_of_a_hand_count() -> None:
    plan = Plan().with_defaults(weight_bits=8, activation_bits=8)
    found = figures(layer_graph(small()), plan, device=L4R5)
    assert found.params == 131
    assert found.size_bytes == 27 + 96 + 4 * (3 + 2)
    # An int32 multiplier and an int8 shift for each of 5 filters; 1 byte after 27 weights, 1 and 2 after the shifts;
    # parameters of two calls, 25 words each; the kernels (the ReLU is fused), and what calls them.
    constants = found.size_bytes + 5 * 5 + 1 + 1 + 2
    kernels = code_size.code_bytes("cortex-m4", ["conv_8bit"]) + code_size.run_bytes("cortex-m4", [1, 1])
    assert found.flash_bytes == constants + 2 * 25 * 4 + kernels
    assert found.flash_bytes == figures(layer_graph(small()), plan, device=KNOWN).flash_bytes - 2253 + 4 + 200 + kernels
    assert found.ram_bytes == 48 + 16
    # MMAC/s of the profile: 37.1 for a convolution that reads fewer than four channels, dense 31.
    assert found.latency_ms == pytest.approx(432 / 37.1e3 + 96 / 31e3)
    assert found.latency_ms is not None and L4R5.power_mw is not None
    assert found.energy_mj == pytest.approx(found.latency_ms * L4R5.power_mw / 1e3)
    assert found.latency_band == 0.2
    # Nothing ties the errors of time and power (0.3) together: they add as squares.
    assert found.energy_band == pytest.approx((0.2**2 + 0.3**2) ** 0.5)


def test_that_a_sparsity_counts_round_half_even_zeros_that_dense_storage_keeps() -> None:
    found = figures(layer_graph(small()), Plan().with_layer("conv", sparsity=0.5), device=L4R5)
    assert found.nonzero == 131 - round(27 / 2) and found.params == 131
    assert found.size_bytes == figures(layer_graph(small())).size_bytes


def test_that_sparse_storage_makes_zeros_pay() -> None:
    sparse = msgspec.structs.replace(KNOWN, sparse_storage=("bitmask",))
    plan = Plan().with_defaults(weight_bits=8).with_layer("fc", sparsity=0.5)
    found = figures(layer_graph(small()), plan, device=sparse)
    # fc: 96 bits of mask and 48 kept values; conv stays dense.
    assert found.size_bytes == 27 + (12 + 48) + 4 * (3 + 2)


def test_that_bits_are_stored_as_wide_as_the_device_can_and_exactly_without_one() -> None:
    graph, plan = layer_graph(small()), Plan().with_defaults(weight_bits=3)
    biases = 4 * (3 + 2)
    assert figures(graph, plan).size_bytes == 11 + 36 + biases  # ⌈27 · 3 / 8⌉, 96 · 3 / 8
    assert figures(graph, plan, device=L4R5).size_bytes == 14 + 48 + biases  # at 4 bits
    no_pack = msgspec.structs.replace(L4R5, weight_bits=(8, 32))
    assert figures(graph, plan, device=no_pack).size_bytes == 27 + 96 + biases


def test_that_cut_filters_take_their_weights_norms_and_readers_with_them() -> None:
    model = small()
    graph = layer_graph(model)
    plan = Plan().with_layer("conv", filters=0.34)
    found = figures(graph, plan, tables=tables_for(model, graph, plan))
    # One of three filters: conv 18, batch norm 4, fc 2 · 32 + 2.
    assert found.params == 18 + 4 + 66
    assert found.macs == 18 * 16 + 64
    assert found.ram_bytes == 4 * (32 + 16)


def test_that_steps_that_are_not_in_the_pipeline_change_nothing() -> None:
    model = small()
    graph = layer_graph(model)
    plan = msgspec.structs.replace(Plan().with_defaults(sparsity=0.5, weight_bits=8), pipeline=("distill",))
    assert figures(graph, plan) == figures(graph)


def test_that_time_is_unknown_where_a_layer_stays_float_on_a_device_without_a_float_rate() -> None:
    plan = Plan().with_defaults(weight_bits=8, activation_bits=8).with_layer("fc", weight_bits=32)
    found = figures(layer_graph(small()), plan, device=L4R5)
    assert found.latency_ms is found.energy_mj is found.latency_band is None
    assert figures(layer_graph(small()), plan, device=device("raspberry-pi-4")).latency_ms is not None


def test_that_energy_is_unknown_without_a_sourced_power() -> None:
    plan = Plan().with_defaults(weight_bits=8, activation_bits=8)
    found = figures(layer_graph(small()), plan, device=device("nrf52840"))
    assert found.latency_ms is not None and found.energy_mj is None


# EXPORT §5: MMAC and thousand parameters, as published (theirs count folded networks).
@pytest.mark.parametrize(
    ("made", "mmac", "weights"),
    [
        (tiny_networks.resnet8, 12.50, 77.7),
        (tiny_networks.dscnn, 2.657, 22.6),
        (tiny_networks.mobilenet, 7.49, 210.9),
        (tiny_networks.autoencoder, 0.264, 265.9),
    ],
    ids=["resnet8", "dscnn", "mobilenet", "autoencoder"],
)
def test_that_counts_are_those_published_for_mlperf_tiny(made, mmac: float, weights: float) -> None:  # type: ignore[no-untyped-def]
    graph = layer_graph(made())
    assert sum(layer.macs for layer in graph.layers) / 1e6 == pytest.approx(mmac, rel=1e-3)
    assert sum(layer.params for layer in fold(graph).layers) / 1e3 == pytest.approx(weights, rel=5e-3)


def test_that_constants_of_resnet8_are_the_bytes_that_a_linked_image_had() -> None:
    graph = layer_graph(tiny_networks.resnet8())
    weights = {
        layer.name: WeightState(
            kept=layer.weights, bits=8, scales=1 if layer.kind == "linear" else (layer.weight_shape or (0,))[0]
        )
        for layer in graph.layers
        if layer.weight_kind in FILTERED
    }
    names = [*(entry.name for entry in graph.inputs), *(layer.name for layer in graph.layers)]
    state = NetworkState(weights=weights, tensor_bits=dict.fromkeys(names, 8))
    assert size_bytes(graph, state, L4R5) + scale_bytes(graph, state, L4R5) == 80_429  # EXPORT §2


PLANS = {
    "filters and 8 bits": Plan().with_defaults(filters=0.4, weight_bits=8, activation_bits=8),
    "sparse 4 bits": Plan().with_defaults(sparsity=0.55, weight_bits=4, activation_bits=8, granularity="per_tensor"),
    "threshold": Plan().with_defaults(threshold=0.2, filters=0.25, weight_bits=3),
    "global": Plan().with_defaults(sparsity=0.6, scope="global", filters=0.3),
    "global filters": Plan().with_defaults(filters=0.3, scope="global", filter_criterion="l2"),
    "2:4 and a threshold": Plan().with_defaults(nm=(2, 4), threshold=0.1),
    "2:4": Plan().with_defaults(nm=(2, 4), filters=0.2, weight_bits=16, scheme="float16"),
    "6-bit activations": Plan().with_defaults(activation_bits=6),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_that_predicted_figures_are_those_of_the_finished_network(name: str, plan: Plan) -> None:
    model = NETWORKS[name](0)
    graph = layer_graph(model)
    tables = tables_for(model, graph, plan)
    pruned = prune(model, graph, plan)
    finished = quantize(pruned.model, plan, None)
    own = layer_graph(finished)
    for on in (None, L4R5):
        predicted = figures(graph, plan, tables=tables, device=on, format="onnx-int8")
        found = figures_of(pruned.graph, state_of(finished, pruned.graph), device=on, format="onnx-int8")
        assert found == predicted
        # The folded network's own graph says the same, but for parameters as loaded.
        folded = figures_of(own, state_of(finished, own), device=on, format="onnx-int8")
        unlike = {"params": 0, "nonzero": 0}
        assert msgspec.structs.replace(folded, **unlike) == msgspec.structs.replace(predicted, **unlike)


def test_that_an_empty_network_has_no_figures_but_zero() -> None:
    found = figures_of(LayerGraph(inputs=(), outputs=(), layers=()), device=L4R5)
    assert (found.params, found.macs, found.size_bytes, found.ram_bytes) == (0, 0, 0, 0)
    assert found.latency_ms is None


def test_that_exact_figures_and_planning_never_load_torch() -> None:
    code = (
        "import sys, penjing.estimation.exact, penjing.estimation.live, penjing.planning.fit, penjing.planning.check, "
        "penjing.planning.presets, penjing.devices.profiles; "
        "print([name for name in ('torch', 'onnx', 'onnxruntime') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
