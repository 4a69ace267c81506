"""Programs of torch.export that torchao's PT2E flow quantized: the same operators, written here by hand, as grids."""

import io
from pathlib import Path

import pytest
import torch
import torch.ao.quantization.fx._decomposed  # registers the operators
from torch import Tensor, nn

from penjing.compression.simulation import simulate
from penjing.errors import UserError
from penjing.inspection.graph import layer_graph
from penjing.loading.open import open_model
from penjing.model.model import Model

ops = torch.ops.quantized_decomposed
SIGNED, UNSIGNED = (-128, 127, torch.int8), (0, 255, torch.uint8)


def rounded(x: Tensor, scale: float, zero: int, codes: tuple[int, int, torch.dtype]) -> Tensor:
    return ops.dequantize_per_tensor(ops.quantize_per_tensor(x, scale, zero, *codes), scale, zero, *codes)


def rounded_while_running(x: Tensor) -> Tensor:
    scale, zero = ops.choose_qparams.tensor(x, 0, 255, 2**-12, torch.uint8)
    codes = ops.quantize_per_tensor.tensor(x, scale, zero, *UNSIGNED)
    return ops.dequantize_per_tensor.tensor(codes, scale, zero, *UNSIGNED)


class Coded(nn.Module):
    """Two fully connected layers whose weights are stored as codes, one scale a filter and one for all."""

    def __init__(self, *, while_running: bool, other_scale: float = 1 / 32) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.register_buffer("first", torch.randint(-128, 128, (8, 6), generator=generator, dtype=torch.int8))
        self.register_buffer("second", torch.randint(-128, 128, (3, 8), generator=generator, dtype=torch.int8))
        self.register_buffer("scales", torch.linspace(0.001, 0.01, 8))
        self.register_buffer("zeros", torch.zeros(8, dtype=torch.int64))
        self.bias = nn.Parameter(torch.linspace(-1, 1, 8))
        self.while_running, self.other_scale = while_running, other_scale

    def forward(self, x: Tensor) -> Tensor:
        weight = ops.dequantize_per_channel(self.first, self.scales, self.zeros, 0, *SIGNED)
        last = ops.dequantize_per_tensor(self.second, 0.02, 3, *SIGNED)
        if self.while_running:
            inner = torch.relu(nn.functional.linear(rounded_while_running(x), weight, self.bias))
            return nn.functional.linear(rounded_while_running(inner), last)
        inner = torch.relu(nn.functional.linear(rounded(x, 1 / 32, -5, SIGNED), weight, self.bias))
        codes = ops.quantize_per_tensor(inner, 1 / 32, 0, *UNSIGNED)
        return nn.functional.linear(ops.dequantize_per_tensor(codes, self.other_scale, 0, *UNSIGNED), last)


def opened(module: nn.Module, folder: Path) -> Model:
    shapes = ({0: torch.export.Dim("batch", min=1, max=64)},)
    content = io.BytesIO()
    torch.export.save(torch.export.export(module.eval(), (torch.randn(2, 6),), dynamic_shapes=shapes), content)
    path = folder / "coded.pt2"
    path.write_bytes(content.getvalue())
    return open_model(path)


def test_that_weights_and_tensors_have_their_grids(tmp_path: Path) -> None:
    module = Coded(while_running=False)
    model = opened(module, tmp_path)
    layers = layer_graph(model).layers
    assert [layer.type for layer in layers] == ["Linear", "ReLU", "Linear"]
    first, last = (model.weight_quantizers[layer.name] for layer in layers if layer.compressible)
    assert torch.equal(first.scale, module.scales) and bool((first.zero_point == 0).all())
    assert (float(last.scale), int(last.zero_point), last.bits) == (pytest.approx(0.02), 3, 8)
    inner = model.activation_quantizers[layers[1].name]
    assert (float(inner.scale), int(inner.zero_point)) == (1 / 32, -128)  # our codes are signed
    taken = model.activation_quantizers[model.inputs[0].name]
    assert (float(taken.scale), int(taken.zero_point)) == (1 / 32, -5)
    x = torch.randn((50, 6), generator=torch.Generator().manual_seed(4))
    found = simulate(model)(x)
    assert isinstance(found, Tensor)
    assert torch.allclose(found, module(x), rtol=1e-5, atol=1e-5)
    assert not model.warnings


def test_that_a_range_found_while_it_runs_is_that_of_each_example(tmp_path: Path) -> None:
    module = Coded(while_running=True)
    model = opened(module, tmp_path)
    layers = layer_graph(model).layers
    assert sum(layer.compressible for layer in layers) == 2
    assert set(model.weight_quantizers) == {layer.name for layer in layers if layer.compressible}
    x = torch.randn((5, 6), generator=torch.Generator().manual_seed(4))
    wanted = torch.cat([module(row[None]) for row in x])
    found = model(x)
    assert isinstance(found, Tensor)
    assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-5)
    assert {one.code for one in model.warnings} == {"load.one_by_one", "load.kept_whole"}


def test_that_codes_read_with_another_scale_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        opened(Coded(while_running=False, other_scale=1 / 16), tmp_path)
    assert refused.value.code == "load.unsupported_form"
