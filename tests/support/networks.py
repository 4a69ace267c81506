"""Small networks of every shape that couples channels, with random weights and random batch-norm statistics."""

from collections.abc import Callable, Sequence

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import nn

from penjing.layer_graph import NetworkInput, NetworkOutput
from penjing.loading.build import build
from penjing.model.model import Model
from penjing.model.modules import (
    Add,
    AddConstant,
    Concat,
    GlobalAveragePool,
    GlobalMaxPool,
    Multiply,
    MultiplyConstant,
)
from penjing.model.opaque import Opaque
from penjing.model.operators.table import operator_of
from penjing.model.spec import NetworkSpec, NodeSpec

Node = tuple[str, nn.Module, str]
"""Name, module, and the names of what feeds it, separated by spaces ("" for the node before)."""


def network(shape: tuple[int, ...], nodes: Sequence[Node], *, outputs: str = "", seed: int = 0) -> Model:
    """A model from modules; `shape` is that of its input `x` without the batch axis."""
    specs, before = [], "x"
    for name, module, feeds in nodes:
        operator = operator_of(module)
        specs.append(
            NodeSpec(
                name=name,
                source_name=name,
                kind=operator.kind,
                inputs=tuple(feeds.split()) or (before,),
                attributes=operator.attributes(module),
                tensors=operator.tensors(module),
            )
        )
        before = name
    entry = NetworkInput(name="x", source_name="x", shape=(1, *shape))
    made = tuple(
        NetworkOutput(source_name=f"y{i}", layer=name, shape=()) for i, name in enumerate(outputs.split() or [before])
    )
    return randomised(build(NetworkSpec(inputs=(entry,), nodes=tuple(specs), outputs=made)), seed)


def randomised(model: Model, seed: int = 0) -> Model:
    """The model with weights, biases and batch-norm statistics drawn anew."""
    generator = torch.Generator().manual_seed(seed)
    for _, module, _ in model.layers():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.normal_(generator=generator)
            module.running_var.uniform_(0.5, 2.0, generator=generator)
            module.weight.data.uniform_(0.5, 1.5, generator=generator)
            module.bias.data.normal_(generator=generator)
        else:
            for parameter in module.parameters():
                fan_in = max(1, parameter[0].numel()) if parameter.dim() > 1 else 1
                parameter.data.normal_(std=(2 / fan_in) ** 0.5 if parameter.dim() > 1 else 0.5, generator=generator)
    return model


def plain(seed: int = 0) -> Model:
    """Convolutions with batch norm, flattened into linear layers."""
    return network(
        (3, 8, 8),
        [
            ("conv1", nn.Conv2d(3, 8, 3, padding=1), ""),
            ("bn1", nn.BatchNorm2d(8), ""),
            ("relu1", nn.ReLU(), ""),
            ("pool1", nn.MaxPool2d(2), ""),
            ("conv2", nn.Conv2d(8, 12, 3, padding=1, bias=False), ""),
            ("bn2", nn.BatchNorm2d(12), ""),
            ("relu2", nn.ReLU(), ""),
            ("flat", nn.Flatten(), ""),
            ("fc1", nn.Linear(12 * 16, 10), ""),
            ("bn3", nn.BatchNorm1d(10), ""),
            ("relu3", nn.ReLU(), ""),
            ("fc2", nn.Linear(10, 4), ""),
        ],
        seed=seed,
    )


def residual(seed: int = 0) -> Model:
    """Two residual blocks, the second with a projection; a stem that belongs to the first sum."""
    return network(
        (3, 8, 8),
        [
            ("stem", nn.Conv2d(3, 8, 3, padding=1), ""),
            ("bn0", nn.BatchNorm2d(8), ""),
            ("relu0", nn.ReLU(), ""),
            ("a1", nn.Conv2d(8, 6, 3, padding=1, bias=False), ""),
            ("bna1", nn.BatchNorm2d(6), ""),
            ("relua1", nn.ReLU(), ""),
            ("a2", nn.Conv2d(6, 8, 3, padding=1, bias=False), ""),
            ("bna2", nn.BatchNorm2d(8), ""),
            ("adda", Add(), "bna2 relu0"),
            ("relua2", nn.ReLU(), ""),
            ("b1", nn.Conv2d(8, 10, 3, padding=1, stride=2), ""),
            ("relub1", nn.ReLU(), ""),
            ("b2", nn.Conv2d(10, 12, 3, padding=1), ""),
            ("project", nn.Conv2d(8, 12, 1, stride=2), "relua2"),
            ("addb", Add(), "b2 project"),
            ("relub2", nn.ReLU(), ""),
            ("gap", GlobalAveragePool(keepdim=False), ""),
            ("fc", nn.Linear(12, 5), ""),
        ],
        seed=seed,
    )


def depthwise(seed: int = 0) -> Model:
    """Depthwise-separable blocks with a squeeze-and-excitation gate, so that a cut channel is not simply 0 inside."""
    return network(
        (3, 8, 8),
        [
            ("conv", nn.Conv2d(3, 8, 3, padding=1), ""),
            ("relu", nn.ReLU6(), ""),
            ("dw", nn.Conv2d(8, 8, 3, padding=1, groups=8), ""),
            ("bn", nn.BatchNorm2d(8), ""),
            ("swish", nn.Hardswish(), ""),
            ("squeeze", GlobalAveragePool(keepdim=True), ""),
            ("reduce", nn.Conv2d(8, 4, 1), ""),
            ("relu2", nn.ReLU(), ""),
            ("expand", nn.Conv2d(4, 8, 1), ""),
            ("gate", nn.Hardsigmoid(), ""),
            ("excite", Multiply(), "swish gate"),
            ("pw", nn.Conv2d(8, 10, 1), ""),
            ("sigmoid", nn.Sigmoid(), ""),
            ("pool", nn.AvgPool2d(2), ""),
            ("flat", nn.Flatten(), ""),
            ("fc", nn.Linear(160, 5), ""),
        ],
        seed=seed,
    )


def concatenated(seed: int = 0) -> Model:
    """Branches joined side by side, then added to a third layer."""
    return network(
        (3, 8, 8),
        [
            ("left", nn.Conv2d(3, 4, 3, padding=1), ""),
            ("right", nn.Conv2d(3, 6, 1), "x"),
            ("join", Concat(1), "left right"),
            ("bn", nn.BatchNorm2d(10), ""),
            ("relu", nn.ReLU(), ""),
            ("mix", nn.Conv2d(10, 10, 3, padding=1), ""),
            ("add", Add(), "mix relu"),
            ("next", nn.Conv2d(10, 6, 3), ""),
            ("again", Concat(1), "next"),
            ("gap", GlobalAveragePool(keepdim=False), ""),
            ("fc", nn.Linear(6, 5), ""),
        ],
        seed=seed,
    )


def grouped(seed: int = 0) -> Model:
    """A grouped convolution between plain ones."""
    return network(
        (3, 8, 8),
        [
            ("conv1", nn.Conv2d(3, 12, 3, padding=1), ""),
            ("relu1", nn.ReLU(), ""),
            ("grouped", nn.Conv2d(12, 16, 3, padding=1, groups=4), ""),
            ("bn", nn.BatchNorm2d(16), ""),
            ("relu2", nn.ReLU(), ""),
            ("conv2", nn.Conv2d(16, 8, 1), ""),
            ("gap", GlobalAveragePool(keepdim=True), ""),
            ("flat", nn.Flatten(), ""),
            ("fc", nn.Linear(8, 5), ""),
        ],
        seed=seed,
    )


def signal(seed: int = 0) -> Model:
    """A 1-D network: convolutions over time, depthwise too."""
    return network(
        (6, 32),
        [
            ("conv1", nn.Conv1d(6, 8, 5, padding=2, bias=False), ""),
            ("bn1", nn.BatchNorm1d(8), ""),
            ("relu1", nn.ReLU(), ""),
            ("pool1", nn.MaxPool1d(2), ""),
            ("dw", nn.Conv1d(8, 8, 3, padding=1, groups=8), ""),
            ("pw", nn.Conv1d(8, 12, 1), ""),
            ("bn2", nn.BatchNorm1d(12), ""),
            ("relu2", nn.ReLU(), ""),
            ("flat", nn.Flatten(), ""),
            ("fc1", nn.Linear(12 * 16, 16), ""),
            ("relu3", nn.ReLU(), ""),
            ("fc2", nn.Linear(16, 7), ""),
        ],
        seed=seed,
    )


def constants(seed: int = 0) -> Model:
    """Slopes and constants of each channel's own, constants for all, padding and positions that are moved."""
    return network(
        (3, 8, 8),
        [
            ("scale", MultiplyConstant(torch.ones(1, 3, 1, 1)), ""),
            ("conv1", nn.Conv2d(3, 8, 3), ""),
            ("shift", AddConstant(torch.ones(8, 1, 1)), ""),
            ("prelu", nn.PReLU(8), ""),
            ("grow", nn.Upsample(scale_factor=(2.0, 2.0), mode="nearest"), ""),
            ("dw", nn.Conv2d(8, 8, 3, groups=8, stride=2), ""),
            ("halve", MultiplyConstant(torch.ones(())), ""),
            ("gelu", nn.GELU(), ""),
            ("pool", GlobalMaxPool(keepdim=False), ""),
            ("fc1", nn.Linear(8, 6), ""),
            ("silu", nn.SiLU(), ""),
            ("fc2", nn.Linear(6, 4), ""),
        ],
        seed=seed,
    )


NETWORKS: dict[str, Callable[[int], Model]] = {
    "plain": plain,
    "residual": residual,
    "depthwise": depthwise,
    "concat": concatenated,
    "grouped": grouped,
    "1-D": signal,
    "constants": constants,
}
"""Every kind of coupling by name."""


def sample_input(model: Model, *, count: int = 5, seed: int = 1) -> torch.Tensor:
    """Random inputs for a model with one input, [count, …]."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, *model.inputs[0].shape[1:], generator=generator)


def cumulative_sum(shape: tuple[int, ...]) -> Opaque:
    """An operator without a row: sums along axis 2 of [n, *shape]."""
    node = helper.make_node("CumSum", ["x0", "k0"], ["y"])
    entries = [helper.make_tensor_value_info("x0", 1, None)], [onnx.ValueInfoProto(name="y")]
    graph = helper.make_graph([node], "piece", *entries, [numpy_helper.from_array(np.array(2), "k0")])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return Opaque(proto.SerializeToString(), {}, shape=shape, one_by_one=False)
