"""A network in module form: an fx graph of ordinary modules plus what compression knows about it.

>>> from penjing.loading.architectures import lenet5        # doctest: +SKIP
>>> [node.target for node in lenet5().module.graph.nodes]   # doctest: +SKIP
"""

import copy
import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, fx, nn

from penjing.errors import Note
from penjing.layer_graph import NetworkInput, NetworkOutput


@dataclass(frozen=True, kw_only=True)
class Quantizer:
    """How one tensor is quantized: q = clip(round_half_even(r / scale) + zero_point), r̂ = scale (q - zero_point).

    `scale` and `zero_point` are float32 and int32, of shape [] or [channels] along `axis`. With `float16` the
    tensor is only stored as IEEE half precision and the other fields say nothing.
    """

    bits: int
    scale: Tensor
    zero_point: Tensor
    axis: int | None = None
    symmetric: bool = True
    float16: bool = False

    @property
    def q_min(self) -> int:
        """Smallest code: symmetric codes leave out -2^(b-1), so that -r has a code whenever r has."""
        return -(1 << (self.bits - 1)) + (1 if self.symmetric else 0)

    @property
    def q_max(self) -> int:
        """Largest code."""
        return (1 << (self.bits - 1)) - 1

    def encode(self, values: Tensor) -> Tensor:
        """The codes q of real values, int32."""
        codes = torch.round(values / self._along(self.scale, values)) + self._along(self.zero_point, values)
        return codes.clamp(self.q_min, self.q_max).to(torch.int32)

    def decode(self, codes: Tensor) -> Tensor:
        """The real values r̂ of codes, float32."""
        return (codes - self._along(self.zero_point, codes)).float() * self._along(self.scale, codes)

    def on_grid(self, values: Tensor) -> Tensor:
        """The nearest values that have a code (or a half-precision form)."""
        return values.half().float() if self.float16 else self.decode(self.encode(values))

    def _along(self, parts: Tensor, values: Tensor) -> Tensor:
        if self.axis is None:
            return parts
        axis = self.axis % values.dim()
        return parts.reshape([-1 if place == axis else 1 for place in range(values.dim())])


@dataclass(frozen=True, kw_only=True)
class Model:
    """A network and its compression state; a value: stages return a new one and never change it.

    `module` has placeholders, `call_module` nodes whose target is the layer's name, and one output that is a
    tensor (one output) or a tuple. It is in evaluation mode. Weights of a quantized layer already lie on its grid.
    """

    module: fx.GraphModule
    inputs: tuple[NetworkInput, ...]
    outputs: tuple[NetworkOutput, ...]
    source_names: Mapping[str, str] = field(default_factory=dict)
    opset: int | None = None
    warnings: tuple[Note, ...] = ()
    masks: Mapping[str, Tensor] = field(default_factory=dict)
    """By layer: bool, shaped like its weight; False is a weight pruned to zero."""
    codebooks: Mapping[str, Tensor] = field(default_factory=dict)
    """By layer: sorted float32 [k], k ≤ 256; every weight of the layer is one of these values, or masked and 0. If
    the layer has a quantizer, too, the values lie on its grid."""
    weight_quantizers: Mapping[str, Quantizer] = field(default_factory=dict)
    activation_quantizers: Mapping[str, Quantizer] = field(default_factory=dict)
    """By layer or network input: how that tensor is quantized; missing: it stays float, or it is no tensor at all
    because the ReLU that alone reads it has a quantizer and is fused into the layer."""

    def layers(self) -> Iterator[tuple[str, nn.Module, tuple[str, ...]]]:
        """(name, module, names of what feeds it) in execution order."""
        names = {node: str(node.target) for node in self.module.graph.nodes}
        for node in self.module.graph.nodes:
            if node.op == "call_module":
                feeds = tuple(names[source] for source in node.args if isinstance(source, fx.Node))
                yield str(node.target), self.module.get_submodule(str(node.target)), feeds

    def layer(self, name: str) -> nn.Module:
        """The module of one layer."""
        return self.module.get_submodule(name)

    def weight(self, name: str) -> Tensor:
        """The weight of one layer (not a copy; do not change it)."""
        weight = self.layer(name).weight
        assert isinstance(weight, Tensor)
        return weight.detach()

    def copy(self) -> "Model":
        """A model with modules and tensors of its own, for a stage that is about to train or rewrite them."""
        return dataclasses.replace(self, module=copy.deepcopy(self.module))

    def replace_layers(self, modules: Mapping[str, nn.Module]) -> "Model":
        """A new model in which some layers are other modules of the same operator; the rest is copied."""
        result = self.copy()
        for name, module in modules.items():
            result.module.set_submodule(name, module)
        return result

    def __call__(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The float network's outputs, without gradients."""
        with torch.no_grad():
            result: Tensor | tuple[Tensor, ...] = self.module(*inputs)
        return result
