"""Small networks with random weights, one for each structure that an export must carry."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from penjing.layer_graph import NetworkInput, NetworkOutput
from penjing.loading.build import build
from penjing.model.model import Model
from penjing.model.spec import NetworkSpec, NodeSpec


class Draft:
    """Collects nodes; every method returns the name of the layer that it adds."""

    def __init__(self, *shape: int, seed: int = 0, source: str = "image") -> None:
        self._generator = torch.Generator().manual_seed(seed)
        self._nodes: list[NodeSpec] = []
        self._inputs = (NetworkInput(name="x", source_name=source, shape=(1, *shape)),)

    def random(self, *shape: int, spread: float = 0.3) -> Tensor:
        return torch.randn(*shape, generator=self._generator) * spread

    def node(
        self, name: str, kind: str, *feeds: str, tensors: Mapping[str, Tensor] | None = None, **attributes: Any
    ) -> str:
        spec = NodeSpec(
            name=name, source_name=name, kind=kind, inputs=feeds, attributes=attributes, tensors=tensors or {}
        )
        self._nodes.append(spec)
        return name

    def conv(
        self,
        name: str,
        feed: str,
        channels: tuple[int, int],
        *,
        kernel: tuple[int, ...] = (3, 3),
        groups: int = 1,
        stride: int = 1,
        bias: bool = True,
    ) -> str:
        into, out = channels
        tensors = {"weight": self.random(out, into // groups, *kernel)}
        if bias:
            tensors["bias"] = self.random(out)
        axes = len(kernel)
        padding = tuple(extent // 2 for extent in kernel)
        return self.node(
            name,
            "conv",
            feed,
            tensors=tensors,
            stride=(stride,) * axes,
            padding=padding,
            dilation=(1,) * axes,
            groups=groups,
        )

    def norm(self, name: str, feed: str, channels: int, *, dims: int = 2) -> str:
        tensors = {
            "weight": 1 + self.random(channels),
            "bias": self.random(channels),
            "running_mean": self.random(channels),
            "running_var": 0.5 + self.random(channels).abs(),
        }
        return self.node(name, "batch_norm", feed, tensors=tensors, eps=1e-5, momentum=0.1, dims=dims)

    def linear(self, name: str, feed: str, into: int, out: int, *, bias: bool = True) -> str:
        tensors = {"weight": self.random(out, into)} | ({"bias": self.random(out)} if bias else {})
        return self.node(name, "linear", feed, tensors=tensors)

    def pool(self, name: str, feed: str, *, kind: str = "max_pool", axes: int = 2, ceil_mode: bool = False) -> str:
        extra: dict[str, Any] = {"dilation": (1,) * axes} if kind == "max_pool" else {"count_include_pad": False}
        return self.node(
            name, kind, feed, kernel=(2,) * axes, stride=(2,) * axes, padding=(0,) * axes, ceil_mode=ceil_mode, **extra
        )

    def build(self, *outputs: str, source: str = "scores") -> Model:
        made = tuple(
            NetworkOutput(source_name=source if index == 0 else f"{source}{index}", layer=layer, shape=())
            for index, layer in enumerate(outputs)
        )
        return build(NetworkSpec(inputs=self._inputs, nodes=tuple(self._nodes), outputs=made, opset=18))


def plain() -> Model:
    """Convolutions, batch norm, max and average pooling, flatten, dropout, linear."""
    draft = Draft(1, 12, 12)
    value = draft.norm("bn1", draft.conv("conv1", "x", (1, 6), bias=False), 6)
    value = draft.pool("pool1", draft.node("relu1", "relu", value))
    value = draft.node("relu2", "relu", draft.conv("conv2", value, (6, 8)))
    value = draft.pool("pool2", value, kind="avg_pool")
    value = draft.node("drop", "dropout", draft.node("flatten", "flatten", value, start_dim=1, end_dim=-1), p=0.25)
    value = draft.node("relu3", "relu", draft.linear("fc1", value, 72, 16))
    return draft.build(draft.linear("fc2", value, 16, 5))


def residual() -> Model:
    """A residual block with batch norm, a strided one with a projection, global pooling that keeps its axes."""
    draft = Draft(3, 8, 8)
    stem = draft.node("relu0", "relu", draft.norm("bn0", draft.conv("conv0", "x", (3, 8), bias=False), 8))
    value = draft.norm("bn1", draft.conv("conv1", stem, (8, 8), bias=False), 8)
    value = draft.node("relu1", "relu", draft.node("add1", "add", value, stem))
    left = draft.norm("bn2", draft.conv("conv2", value, (8, 12), stride=2, bias=False), 12)
    right = draft.conv("project", value, (8, 12), kernel=(1, 1), stride=2)
    value = draft.node("relu2", "relu", draft.node("add2", "add", left, right))
    value = draft.node("gap", "global_avg_pool", value, keepdim=True)
    value = draft.node("flat", "reshape", value, shape=(-1,))
    return draft.build(draft.linear("fc", value, 12, 4))


def depthwise() -> Model:
    """Depthwise separable convolutions, ReLU6, hard swish, global pooling without axes, softmax."""
    draft = Draft(2, 10, 10)
    value = draft.node("relu1", "relu6", draft.conv("conv1", "x", (2, 8), stride=2))
    value = draft.norm("bn", draft.conv("dw", value, (8, 8), groups=8, bias=False), 8)
    value = draft.node("swish", "hard_swish", value)
    value = draft.node("relu2", "relu6", draft.conv("pw", value, (8, 12), kernel=(1, 1)))
    value = draft.node("gap", "global_avg_pool", value, keepdim=False)
    return draft.build(draft.node("soft", "softmax", draft.linear("fc", value, 12, 6), dim=1))


def concat() -> Model:
    """Two branches side by side, a grouped convolution, and two outputs."""
    draft = Draft(4, 8, 8)
    left = draft.node("relu1", "relu", draft.conv("left", "x", (4, 6)))
    right = draft.node("relu2", "relu", draft.conv("right", "x", (4, 2), kernel=(1, 1)))
    joined = draft.node("cat", "concat", left, right, dim=1)
    value = draft.node("relu3", "relu", draft.conv("grouped", joined, (8, 8), groups=2))
    pooled = draft.node("gap", "global_avg_pool", value, keepdim=False)
    return draft.build(draft.linear("fc", pooled, 8, 3), draft.node("gate", "sigmoid", pooled))


def one_dimensional() -> Model:
    """A 1-D network as for a sensor: convolutions, batch norm, ceil-mode pooling, global pooling."""
    draft = Draft(6, 25)
    value = draft.norm("bn1", draft.conv("conv1", "x", (6, 8), kernel=(5,), bias=False), 8, dims=1)
    value = draft.pool("pool1", draft.node("relu1", "relu", value), axes=1, ceil_mode=True)
    value = draft.node("tanh", "tanh", draft.conv("conv2", value, (8, 8), kernel=(3,)))
    value = draft.node("gap", "global_avg_pool", value, keepdim=False)
    return draft.build(draft.linear("fc", value, 8, 7))


def perceptron() -> Model:
    """An MLP on a sequence: linear layers along the last axis of [n, time, features], with and without bias."""
    draft = Draft(5, 10)
    value = draft.node("relu1", "relu", draft.linear("fc1", "x", 10, 12))
    value = draft.node("sig", "hard_sigmoid", draft.linear("fc2", value, 12, 4, bias=False))
    value = draft.node("flatten", "flatten", value, start_dim=1, end_dim=-1)
    return draft.build(draft.linear("fc3", value, 20, 3))


NETWORKS: dict[str, Callable[[], Model]] = {
    made.__name__: made for made in (plain, residual, depthwise, concat, one_dimensional, perceptron)
}


def batch(model: Model, count: int, *, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, *model.inputs[0].shape[1:], generator=generator)
