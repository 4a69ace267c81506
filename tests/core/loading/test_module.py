"""Any torch module becomes module form and computes exactly the same."""

import pytest
import torch
from torch import Tensor, nn

from penjing.errors import UserError
from penjing.loading.architectures import lenet5
from penjing.loading.module import from_module
from tests.core.loading import networks


@pytest.mark.parametrize("name", networks.CLASSES)
@pytest.mark.parametrize("batch", [1, 2])
def test_that_a_traced_module_computes_the_same_at_any_batch(name: str, batch: int) -> None:
    module = networks.network(name)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    model = from_module(module, networks.example(name, batch))
    x = networks.example(name, 3)
    result = module(x)
    wanted = [part.detach().numpy() for part in (result if isinstance(result, tuple) else (result,))]
    got = networks.outputs(model, x)
    assert len(got) == len(wanted)
    for one, other in zip(got, wanted, strict=True):
        assert abs(one - other).max() <= 1e-6
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert model.inputs[0].shape == (1, *networks.SHAPES[name])


def test_that_a_module_in_training_mode_is_traced_in_evaluation_mode_and_left_alone() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5)).train()
    model = from_module(module, torch.zeros(1, 1, 5, 5))
    assert module.training
    assert [type(layer) for _, layer, _ in model.layers()] == [nn.Conv2d, nn.BatchNorm2d, nn.Dropout]
    assert not model.module.training


def test_that_an_in_place_operator_changes_what_later_operators_read() -> None:
    class InPlace(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            y = x * 2
            z = torch.relu_(y)
            return y + z

    x = torch.randn(4, 3)
    assert torch.equal(from_module(InPlace(), x)(x), 2 * torch.relu(2 * x))


def test_that_an_in_place_operator_on_a_view_is_refused() -> None:
    class View(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            y = x * 2
            torch.relu_(y.view(-1))
            return y

    with pytest.raises(UserError) as refusal:
        from_module(View(), torch.randn(4, 3))
    assert refusal.value.code == "load.unsupported_form"


def test_that_double_precision_becomes_single_with_a_warning() -> None:
    module = nn.Sequential(nn.Linear(3, 2)).double()
    model = from_module(module, torch.zeros(1, 3, dtype=torch.float64))
    x = torch.randn(5, 3)
    assert torch.allclose(model(x), module(x.double()).float(), atol=1e-6)
    assert any("float64" in warning.text() for warning in model.warnings)


def test_that_what_cannot_be_traced_is_said() -> None:
    class Branch(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if x.sum() > 0 else -x

    with pytest.raises(UserError) as refusal:
        from_module(Branch(), torch.zeros(1, 3))
    assert refusal.value.code == "load.not_traced"


def test_that_unknown_operators_are_named_at_once() -> None:
    class Strange(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.cumsum(torch.sort(x, -1)[0], -1)

    with pytest.raises(UserError) as refusal:
        from_module(Strange(), torch.zeros(1, 3))
    assert refusal.value.values["operator"] == "cumsum, sort"


def test_that_lenet5_is_lecuns() -> None:
    model = lenet5()
    assert sum(parameter.numel() for parameter in model.module.parameters()) == 61_706
    assert model.outputs[0].shape == (1, 10)
