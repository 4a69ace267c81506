"""Files of networks whose weights share values: bit for bit, small, as predicted, and refused when damaged."""

from pathlib import Path

import numpy as np
import pytest
import torch

from penjing.compression.prune import prune
from penjing.compression.quantize import quantize
from penjing.errors import UserError
from penjing.estimation.containers import file_bytes
from penjing.estimation.exact import figures, figures_of
from penjing.estimation.finished import state_of
from penjing.exporting.export import export_model
from penjing.inspection.graph import layer_graph
from penjing.loading.penjingnet import from_bytes
from penjing.model.model import Model
from penjing.model.penjingnet_format import encode
from penjing.plan import Plan
from tests.core.loading.test_penjingnet import assert_equal, rechecked
from tests.support import tiny_networks
from tests.support.networks import NETWORKS

PLANS = {
    "dense": Plan().with_defaults(codebook=16),
    "pruned": Plan().with_defaults(codebook=16, sparsity=0.8),
    "on a grid": Plan().with_defaults(codebook=16, sparsity=0.5, weight_bits=8),
    "half": Plan().with_defaults(codebook=16, weight_bits=16, scheme="float16"),
    "too many values": Plan().with_defaults(codebook=256),
    "all pruned": Plan().with_defaults(codebook=4, sparsity=1.0),
}


def shared(model: Model, plan: Plan) -> Model:
    return quantize(prune(model, layer_graph(model), plan).model, plan, None)


@pytest.mark.parametrize("name", ["plain", "residual", "depthwise", "1-D"])
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_that_shared_weights_come_back_bit_for_bit(name: str, plan: Plan) -> None:
    model = shared(NETWORKS[name](0), plan)
    content = encode(model)
    loaded = from_bytes(content)
    assert_equal(model, loaded)
    assert encode(loaded) == content
    assert loaded.codebooks.keys() == model.codebooks.keys()
    for layer, codebook in model.codebooks.items():
        assert torch.equal(loaded.codebooks[layer], codebook)
        if layer in model.masks:
            assert torch.equal(loaded.masks[layer], model.masks[layer])


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_that_the_bytes_are_predicted(plan: Plan, tmp_path: Path) -> None:
    for network in (NETWORKS["plain"](0), NETWORKS["residual"](0), tiny_networks.dscnn()):
        graph = layer_graph(network)
        finished = shared(network, plan)
        for format, most in (("penjingnet", 0.02), ("onnx", 0.0)):
            real = export_model(finished, tmp_path, format=format)[0].bytes
            assert file_bytes(graph, state_of(finished, graph), format) == pytest.approx(real, rel=most)


def test_that_a_plan_alone_tells_them_roughly_and_the_dense_size_exactly() -> None:
    network, plan = tiny_networks.dscnn(), PLANS["pruned"]
    graph = layer_graph(network)
    finished = shared(network, plan)
    told, found = figures(graph, plan, format="penjingnet"), figures_of(graph, state_of(finished, graph))
    assert told.file_bytes == pytest.approx(len(encode(finished)), rel=0.1)
    assert told.size_bytes == found.size_bytes


def test_that_coded_weights_are_smaller_than_packed_ones() -> None:
    network = tiny_networks.dscnn()
    coded = shared(network, Plan().with_defaults(codebook=15, sparsity=0.8))
    packed = shared(network, Plan().with_defaults(weight_bits=4, sparsity=0.8))
    assert len(encode(coded)) < 0.95 * len(encode(packed))


def test_that_weights_that_left_their_codebook_are_stored_as_they_are() -> None:
    model = shared(NETWORKS["plain"](0), PLANS["dense"])
    layer = next(iter(model.codebooks))
    model.weight(layer).flatten()[0] += 0.25
    loaded = from_bytes(encode(model))
    assert torch.equal(loaded.weight(layer), model.weight(layer))
    assert layer not in loaded.codebooks


def test_that_damaged_files_load_or_are_refused_in_words() -> None:
    content = encode(shared(NETWORKS["plain"](0), PLANS["pruned"]))
    random = np.random.default_rng(5)
    refused = 0
    for _ in range(150):
        damaged = bytearray(content)
        for place in random.integers(len(damaged), size=int(random.integers(1, 4))):
            damaged[place] = random.integers(256)
        try:
            from_bytes(rechecked(bytes(damaged)))
        except UserError as error:
            assert error.message()
            refused += 1
    assert refused > 30
