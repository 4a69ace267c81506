"""What is exported can be opened again, and is the same network: layers, names, numbers."""

from pathlib import Path

import pytest

from penjing.compression.quantize import quantize
from penjing.compression.simulation import simulate
from penjing.exporting.export import export_model
from penjing.loading.open import open_model
from penjing.model.model import Model
from penjing.plan import Plan
from tests.core.exporting.networks import NETWORKS, batch

SHAPELESS = {"Dropout", "Flatten", "Reshape"}
"""Layers that move or keep values: ONNX says some of them otherwise (a mean without axes is a mean and a Flatten)."""


def skeleton(model: Model) -> list[str]:
    """The types of the layers that compute something, in order."""
    return [name for _, module, _ in model.layers() if (name := type(module).__name__) not in SHAPELESS]


@pytest.mark.parametrize("name", NETWORKS)
def test_that_names_structure_and_numbers_survive_onnx(name: str, tmp_path: Path) -> None:
    model = NETWORKS[name]()
    file = export_model(model, tmp_path, format="onnx")[0]
    again = open_model(tmp_path / file.path)
    assert [entry.source_name for entry in again.inputs] == [entry.source_name for entry in model.inputs]
    assert [entry.source_name for entry in again.outputs] == [entry.source_name for entry in model.outputs]
    assert skeleton(again) == skeleton(model)
    weights = {layer: module.weight for layer, module, _ in model.layers() if hasattr(module, "weight")}
    assert all((again.weight(layer) == weight).all() for layer, weight in weights.items())
    values = batch(model, 4)
    got, wanted = again(values), model(values)
    for one, other in zip(
        got if isinstance(got, tuple) else (got,), wanted if isinstance(wanted, tuple) else (wanted,), strict=True
    ):
        assert (one - other).abs().max() <= 1e-4 * other.abs().max() + 1e-6


@pytest.mark.parametrize("name", NETWORKS)
def test_that_penjingnet_gives_back_the_very_same_integers(name: str, tmp_path: Path) -> None:
    model = quantize(NETWORKS[name](), Plan().with_defaults(weight_bits=3, activation_bits=8), None)
    file = export_model(model, tmp_path, format="penjingnet")[0]
    again = open_model(tmp_path / file.path)
    values = batch(model, 8)
    got, wanted = simulate(again)(values), simulate(model)(values)
    for one, other in zip(
        got if isinstance(got, tuple) else (got,), wanted if isinstance(wanted, tuple) else (wanted,), strict=True
    ):
        assert (one == other).all()
