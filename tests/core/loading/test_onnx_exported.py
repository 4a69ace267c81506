"""Networks that torch's two exporters wrote compute the same after loading."""

from pathlib import Path

import pytest
import torch
from torch import nn

from penjing.loading.open import open_model
from penjing.model.model import Model
from tests.core.loading import networks

LEGACY = [(name, opset) for name in networks.CLASSES for opset in (13 if name == "Mobile" else 11, 17)]
"""HardSwish is newer than opset 11."""


def check(path: Path, name: str, *, batch: int) -> Model:
    model = open_model(path)
    x = networks.example(name, batch)
    networks.assert_parity(networks.outputs(model, x), networks.runtime(path, x.numpy()))
    return model


@pytest.mark.parametrize(("name", "opset"), LEGACY)
def test_that_the_legacy_exporters_networks_load(name: str, opset: int, tmp_path: Path) -> None:
    x = networks.example(name, 1)
    path = networks.export(
        networks.network(name), x, tmp_path / "m.onnx", dynamo=False, opset=opset, open_batch=opset == 17
    )
    model = check(path, name, batch=3 if opset == 17 else 1)
    assert model.opset == opset
    # A batch that the file fixes is free in module form.
    module = networks.network(name)
    result = module(networks.example(name))
    wanted = [part.detach().numpy() for part in (result if isinstance(result, tuple) else (result,))]
    networks.assert_parity(networks.outputs(model, networks.example(name)), wanted)


@pytest.mark.parametrize(("name", "opset"), [(name, 23 if name == "Inception" else 18) for name in networks.CLASSES])
def test_that_the_dynamo_exporters_networks_load(name: str, opset: int, tmp_path: Path) -> None:
    x = networks.example(name, 2)
    path = networks.export(
        networks.network(name), x, tmp_path / "m.onnx", dynamo=True, opset=opset, open_batch=opset == 18
    )
    check(path, name, batch=2)


def test_that_layers_are_called_as_the_modules_were(tmp_path: Path) -> None:
    x = networks.example("Residual", 1)
    legacy = networks.export(
        networks.network("Residual"), x, tmp_path / "l.onnx", dynamo=False, opset=17, open_batch=False
    )
    dynamo = networks.export(
        networks.network("Residual"), x, tmp_path / "d.onnx", dynamo=True, opset=18, open_batch=False
    )
    for path in (legacy, dynamo):
        model = open_model(path)
        names = [name for name, module, _ in model.layers() if isinstance(module, nn.Conv2d | nn.Linear)]
        assert sorted(names) == ["conv1", "conv2", "down.0", "fc", "stem"]
        assert model.inputs[0].shape == (1, 3, 12, 12)
        assert model.outputs[0].shape == (1, 5)
    assert open_model(legacy).source_names["down.0"] == "/down/down.0/Conv"


def test_that_batch_norm_is_kept_where_the_file_has_it(tmp_path: Path) -> None:
    class Kept(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bn = nn.BatchNorm2d(3, eps=1e-3, momentum=0.25)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.bn(x))

    path = networks.export(
        Kept().eval(), torch.randn(1, 3, 4, 4), tmp_path / "b.onnx", dynamo=False, opset=17, open_batch=False
    )
    (name, module, _), *_ = list(open_model(path).layers())
    assert name == "bn"
    assert isinstance(module, nn.BatchNorm2d)
    assert module.eps == pytest.approx(1e-3)
    assert module.momentum == pytest.approx(0.25)
