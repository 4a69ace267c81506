"""Small torch networks of the kinds that people bring, and what it takes to compare them with a loaded model."""

import io
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch import Tensor, nn

from penjing.loading.open import open_model
from penjing.model.model import Model


class Residual(nn.Module):
    """Two residual blocks, one with a projection; functional and in-place operators between modules."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.conv1, self.bn1 = nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.conv2, self.bn2 = nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16)
        self.down = nn.Sequential(nn.Conv2d(8, 16, 1, stride=2, bias=False), nn.BatchNorm2d(16))
        self.relu = nn.ReLU(inplace=True)
        self.fc = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self.stem(x))
        y = self.bn1(self.conv1(x))
        y += x
        x = self.relu(y)
        x = self.relu(self.bn2(self.conv2(x)) + self.down(x))
        x = F.dropout(F.adaptive_avg_pool2d(x, 1).flatten(1), 0.3, self.training)
        return self.fc(x)


class Mobile(nn.Module):
    """Depthwise-separable and inverted-residual layers, hard activations, squeeze and excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.expand = nn.Sequential(nn.Conv2d(1, 12, 1, bias=False), nn.BatchNorm2d(12), nn.Hardswish())
        self.depth = nn.Sequential(
            nn.Conv2d(12, 12, 3, stride=2, padding=1, groups=12, bias=False), nn.BatchNorm2d(12), nn.ReLU6()
        )
        self.squeeze, self.excite = nn.Conv2d(12, 4, 1), nn.Conv2d(4, 12, 1)
        self.project = nn.Conv2d(12, 6, 1)
        self.grouped = nn.Conv2d(6, 6, 3, padding=2, dilation=2, groups=2)
        self.fc = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.depth(self.expand(x))
        scale = F.hardsigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(x, 1)))))
        x = self.project(x * scale)
        x = x + self.grouped(x)
        return torch.softmax(self.fc(x.mean((2, 3))), 1)


class Inception(nn.Module):
    """Parallel branches joined along the channels, and both kinds of pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.three = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 6, 3, padding=1)
        self.bn = nn.BatchNorm2d(13)
        self.fc1, self.fc2 = nn.Linear(13 * 4 * 4, 7), nn.Linear(7, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        pooled = F.max_pool2d(x, 3, stride=1, padding=1)
        x = torch.cat([self.one(x), self.three(x), pooled], 1)
        x = F.avg_pool2d(F.leaky_relu(self.bn(x), 0.1), 3, stride=2, padding=1, ceil_mode=True)
        features = torch.tanh(self.fc1(x.reshape(x.size(0), -1)))
        return self.fc2(features), features


class Wearable(nn.Module):
    """A 1-D convolutional network with a transposition and a mean."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv1d(6, 8, 5, padding="same"), nn.BatchNorm1d(8)
        self.conv2, self.bn2 = nn.Conv1d(8, 8, 3, padding=2, dilation=2, groups=8), nn.BatchNorm1d(8)
        self.act = nn.PReLU(8)
        self.fc = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool1d(torch.sigmoid(self.bn1(self.conv1(x.transpose(1, 2)))), 2)
        x = self.act(self.bn2(self.conv2(x)))
        return F.log_softmax(self.fc(F.adaptive_avg_pool1d(x, 1).squeeze(-1)), dim=-1)


class Perceptron(nn.Module):
    """Linear layers with constants before and between them."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.linspace(-1, 1, 10))
        self.layers = nn.Sequential(nn.Linear(10, 12), nn.BatchNorm1d(12), nn.GELU(), nn.Linear(12, 6), nn.SiLU())
        self.last = nn.Linear(6, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = (x - self.mean) / 2.5
        return 1 - self.last(torch.clamp(self.layers(x), -0.5, 0.75))


SHAPES: Mapping[str, tuple[int, ...]] = {
    "Residual": (3, 12, 12),
    "Mobile": (1, 9, 9),
    "Inception": (3, 7, 7),
    "Wearable": (20, 6),
    "Perceptron": (10,),
}
"""The shape of one example."""

CLASSES = {kind.__name__: kind for kind in (Residual, Mobile, Inception, Wearable, Perceptron)}


def network(name: str) -> nn.Module:
    """A network in evaluation mode whose batch norm has something to do."""
    torch.manual_seed(7)
    made = CLASSES[name]()
    for module in made.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
    return made.eval()


def example(name: str, count: int = 3) -> Tensor:
    """Random examples that the network takes."""
    return torch.randn((count, *SHAPES[name]), generator=torch.Generator().manual_seed(1))


def export(module: nn.Module, x: Tensor, path: Path, *, dynamo: bool, opset: int, open_batch: bool) -> Path:
    """What torch's exporters write; they warn about themselves."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    shapes = ({0: torch.export.Dim("batch", min=1, max=64)},) if open_batch else None
    axes = {"input": {0: "batch"}} if open_batch else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            torch.onnx.export(
                module,
                (x,),
                path,
                dynamo=True,
                opset_version=opset,
                dynamic_shapes=shapes,
                external_data=False,
                verbose=False,
            )
        else:
            torch.onnx.export(
                module, (x,), str(path), dynamo=False, opset_version=opset, input_names=["input"], dynamic_axes=axes
            )
    return path


def export_pt2(module: nn.Module, x: Tensor, *, open_batch: bool = True, core: bool = False) -> bytes:
    """A torch.export archive; `core` decomposes it to core aten first."""
    shapes = ({0: torch.export.Dim("batch", min=1, max=64)},) if open_batch else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(module, (x,), dynamic_shapes=shapes)
        program = program.run_decompositions() if core else program
        written = io.BytesIO()
        torch.export.save(program, written)
    return written.getvalue()


def graph(
    nodes: list[onnx.NodeProto],
    shape: list[int | str],
    *,
    tensors: Mapping[str, NDArray[np.generic]] | None = None,
    opset: int = 17,
    outputs: tuple[str, ...] = ("y",),
    elem_type: int = onnx.TensorProto.FLOAT,
    result_type: int | None = None,
) -> onnx.ModelProto:
    """A hand-made ONNX network with one input `x`; what it gives has `elem_type`, too, unless `result_type` is said."""
    made = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info("x", elem_type, shape)],
        [helper.make_tensor_value_info(name, result_type or elem_type, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in (tensors or {}).items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def load(proto: onnx.ModelProto, folder: Path, **options: Any) -> Model:
    """The network of a file that is written for it; `options` are those of `open_model`."""
    path = folder / "made.onnx"
    path.write_bytes(proto.SerializeToString())
    return open_model(path, **options)


def runtime(content: bytes | Path, x: NDArray[np.generic]) -> list[NDArray[np.float32]]:
    """What onnxruntime computes, unoptimized."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    source = content if isinstance(content, bytes) else str(content)
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})


def outputs(model: Model, x: Tensor | NDArray[np.generic]) -> list[NDArray[np.float32]]:
    """What the loaded model computes, as a list."""
    given = x if isinstance(x, Tensor) else torch.from_numpy(np.asarray(x, np.float32))
    result = model(given)
    return [part.numpy() for part in (result if isinstance(result, tuple) else (result,))]


def assert_parity(got: list[NDArray[np.float32]], wanted: list[NDArray[np.float32]]) -> None:
    """DESIGN.md §4: max|a - b| ≤ 1e-4 · max|b| + 1e-6."""
    assert len(got) == len(wanted)
    for one, other in zip(got, wanted, strict=True):
        assert one.shape == other.shape
        assert np.abs(one - other).max() <= 1e-4 * np.abs(other).max() + 1e-6
