"""Predicted bytes of files against the files that are really written."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from penjing.compression.prune import prune
from penjing.compression.quantize import quantize
from penjing.estimation.containers import CONTAINERS, file_bytes
from penjing.estimation.finished import state_of
from penjing.estimation.state import NetworkState
from penjing.exporting.export import export_model
from penjing.inspection.graph import layer_graph
from penjing.loading.build import build
from penjing.loading.dataset import Dataset, Split
from penjing.loading.open import open_model
from penjing.model.model import Model
from penjing.model.modules import Mean, MultiplyConstant
from penjing.model.spec import spec_of
from penjing.plan import Plan
from tests.support import tiny_networks
from tests.support.networks import NETWORKS, network
from tests.support.sources import by_torch_export

EXACT = {"onnx": 0.0, "c99": 0.0, "onnx-int8": 0.0, "penjingnet": 0.01, "pt2": 0.01}
"""By format, how far off a prediction may be: attributes and the texts of torch are only known by their length."""
PLANS = {
    "as loaded": Plan(),
    "8 bits": Plan().with_defaults(weight_bits=8, activation_bits=8),
    "cut, sparse, 4 bits": Plan().with_defaults(weight_bits=4, activation_bits=8, filters=0.3, sparsity=0.6),
    "per tensor, 6-bit activations": Plan().with_defaults(weight_bits=8, activation_bits=6, granularity="per_tensor"),
    "weights alone": Plan().with_defaults(weight_bits=4),
    "half precision": Plan().with_defaults(weight_bits=16, scheme="float16"),
}


def calibration(model: Model) -> Dataset:
    x = np.random.default_rng(0).normal(size=(8, *model.inputs[0].shape[1:])).astype(np.float32)
    split = Split(x=x)
    return Dataset(train=split, val=split, test=split, metric="agreement")


def check(
    model: Model, plan: Plan, folder: Path, formats: tuple[str, ...], *, least: float = 0.0, with_data: bool = True
) -> None:
    pruned = prune(model, layer_graph(model), plan)
    finished = quantize(pruned.model, plan, calibration(model) if with_data else None)
    for format in formats:
        real = sum(file.bytes for file in export_model(finished, folder, format=format) if file.format == format)
        predicted = file_bytes(pruned.graph, state_of(finished, pruned.graph), format)
        assert predicted == pytest.approx(real, rel=max(EXACT[format], least)), format


KNOWN = [name for name in NETWORKS if name != "constants"]


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_that_onnx_files_have_exactly_the_predicted_bytes(name: str, plan: Plan, tmp_path: Path) -> None:
    check(NETWORKS[name](0), plan, tmp_path, ("onnx", "onnx-int8"))


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_that_penjingnet_files_have_the_predicted_bytes(name: str, plan: Plan, tmp_path: Path) -> None:
    check(NETWORKS[name](0), plan, tmp_path, ("penjingnet",))


def test_that_the_note_of_a_calibration_without_data_is_counted_even_in_a_tiny_file(tmp_path: Path) -> None:
    model = NETWORKS["1-D"](0)
    check(model, PLANS["8 bits"], tmp_path, ("penjingnet",), with_data=False)
    noted = (tmp_path / "model.penjingnet").stat().st_size
    check(model, PLANS["8 bits"], tmp_path, ("penjingnet",))
    assert noted > (tmp_path / "model.penjingnet").stat().st_size + 40


@pytest.mark.parametrize("name", ["plain", "residual", "1-D"])
def test_that_torch_archives_have_the_predicted_bytes(name: str, tmp_path: Path) -> None:
    check(NETWORKS[name](0), PLANS["cut, sparse, 4 bits"], tmp_path, ("pt2",))


def test_that_torch_archives_list_the_modules_around_layers_with_dots_in_their_names(tmp_path: Path) -> None:
    nodes = [(f"functional.dense_{index}.multiply.matrix", nn.Linear(6, 6), "") for index in range(4)]
    check(network((6,), nodes), PLANS["as loaded"], tmp_path, ("pt2",))


@pytest.mark.filterwarnings("ignore:The tensor attributes:UserWarning")  # torch says it of its own recurrent layers
@pytest.mark.parametrize("name", ["VGG", "LSTM, both ways, stacked", "transformer encoder"])
def test_that_torch_archives_of_what_torch_exported_have_the_predicted_bytes(name: str, tmp_path: Path) -> None:
    model = open_model(by_torch_export(name, tmp_path))
    check(model, PLANS["as loaded"], tmp_path, ("pt2",))


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_that_rare_operators_are_nearly_right_even_in_a_network_of_little_else(plan: Plan, tmp_path: Path) -> None:
    check(NETWORKS["constants"](0), plan, tmp_path, ("onnx", "onnx-int8", "penjingnet"), least=0.05)


def test_that_a_real_network_has_the_predicted_bytes_in_every_format(tmp_path: Path) -> None:
    check(tiny_networks.dscnn(), PLANS["8 bits"], tmp_path, tuple(CONTAINERS))


def test_that_both_kinds_of_gelu_have_their_bytes(tmp_path: Path) -> None:
    nodes = [("first", nn.Linear(6, 8), ""), ("near", nn.GELU("tanh"), ""), ("exact", nn.GELU(), "")]
    check(network((6,), nodes), PLANS["8 bits"], tmp_path, ("onnx", "onnx-int8"))


def test_that_one_number_an_example_has_its_bytes_too(tmp_path: Path) -> None:
    nodes = [("mean", Mean((1,), keepdim=False), ""), ("twice", MultiplyConstant(torch.tensor([2.0])), "")]
    check(network((3,), nodes), Plan(), tmp_path, ("onnx", "penjingnet", "pt2"), least=0.05, with_data=False)


def test_that_a_format_that_is_not_predicted_is_unknown_and_not_zero() -> None:
    assert file_bytes(layer_graph(NETWORKS["plain"](0)), NetworkState(), "c99") is None


def test_that_names_that_cannot_stand_in_a_file_are_not_counted_in_its_bytes(tmp_path: Path) -> None:
    spec = spec_of(NETWORKS["plain"](0))
    first, *others = spec.nodes
    nodes = (dataclasses.replace(first, source_name="n" * 10_240), *others)
    model = build(dataclasses.replace(spec, nodes=nodes))
    check(model, PLANS["8 bits"], tmp_path, ("onnx", "onnx-int8"))
