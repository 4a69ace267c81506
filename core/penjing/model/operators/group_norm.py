"""Group normalization; with a group for every channel it is instance normalization, with one it is a whole layer's."""

import copy
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from penjing.layer_graph import WeightKind
from penjing.model.operators import integer_kernels
from penjing.model.operators.channels import Channels, Flow
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.reading import Activation, Array, AtenNode, Draft, OnnxNode, Reading, tensor
from penjing.model.operators.table import Attributes, Operator, Shape, parameter, register


@register
class GroupNormRow(Operator):
    """y = γ (x - μ) / √(σ² + ε) + β, a channel; μ and σ² are of its group, in the example itself (Wu 2018)."""

    kind = "group_norm"
    modules = (nn.GroupNorm,)
    integer = integer_kernels.GROUP_NORM
    reads = ("GroupNormalization", "InstanceNormalization")
    reads_aten = ("group_norm", "instance_norm")

    def read(self, node: OnnxNode) -> Reading:
        """Both; before opset 21 a group norm has one γ and β a group."""
        value = node.activation()
        scale, bias = node.needed(1), node.needed(2)
        channels = value.shape[1]
        groups = channels if node.op == "InstanceNormalization" else int(node.attributes.get("num_groups", 1))
        if len(scale) == groups and channels % groups == 0:
            scale, bias = (np.repeat(array, channels // groups) for array in (scale, bias))
        return self._norm(node, value, groups, (scale, bias), node.number("epsilon", None, 1e-5), node.origin(1))

    def read_aten(self, node: AtenNode) -> Reading:
        """Both; γ and β may be missing."""
        value = node.activation("input")
        if node.op == "instance_norm" and not node.get("use_input_stats", True):
            return None  # with statistics that are stored it is a batch norm
        groups = value.shape[1] if node.op == "instance_norm" else int(node.get("num_groups", 1))
        scale, bias = node.constant("weight"), node.constant("bias")
        scale = np.ones(value.shape[1], np.float32) if scale is None else scale
        bias = np.zeros(value.shape[1], np.float32) if bias is None else bias
        return self._norm(node, value, groups, (scale, bias), float(node.get("eps", 1e-5)), node.origin("weight"))

    def _norm(
        self,
        node: OnnxNode | AtenNode,
        value: Activation,
        groups: int,
        stored: tuple[Array, Array],
        eps: float,
        origin: str,
    ) -> Reading:
        channels = value.shape[1]
        if len(value.shape) < 3 or groups < 1 or channels % groups or any(one.shape != (channels,) for one in stored):
            raise node.unsupported(f"{groups} groups of a tensor of shape {list(value.shape)}")
        attributes = {"groups": groups, "eps": float(str(np.float32(eps)))}  # the decimal that is meant
        tensors = {"weight": tensor(stored[0]), "bias": tensor(stored[1])}
        return (Draft(kind=self.kind, inputs=(value.name,), attributes=attributes, tensors=tensors, weight=origin),)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: groups, eps."""
        weight, groups = tensors["weight"], int(attributes["groups"])
        with torch.device("meta"):
            module = nn.GroupNorm(groups, weight.numel(), eps=float(attributes["eps"]))
        module.weight, module.bias = parameter(weight), parameter(tensors["bias"])
        return module

    def attributes(self, module: nn.Module) -> Attributes:
        """The number of groups and ε."""
        assert isinstance(module, nn.GroupNorm)
        return {"groups": module.num_groups, "eps": module.eps}

    def title(self, module: nn.Module) -> str:
        """By how many groups there are."""
        assert isinstance(module, nn.GroupNorm)
        return "InstanceNorm" if module.num_groups == module.num_channels else "GroupNorm"

    def weight_kind(self, module: nn.Module) -> WeightKind:
        """One value a channel."""
        return "affine"

    def shape(self, module: nn.Module, inputs: tuple[Shape, ...]) -> Shape | None:
        """Its input's."""
        assert isinstance(module, nn.GroupNorm)
        fits = len(inputs[0]) > 2 and inputs[0][1] == module.num_channels and math.prod(inputs[0][2:]) > 1
        return inputs[0] if fits else None

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """An InstanceNormalization; of several channels together with the channels of a group put in a row first."""
        groups, (channels, *extents) = int(attributes["groups"]), writer.output_shape[1:]
        eps = float(attributes["eps"])
        weight, bias = writer.tensor("weight"), writer.tensor("bias")
        if groups == channels:
            writer.result("InstanceNormalization", writer.inputs[0], weight, bias, epsilon=eps)
            return
        ones, zeros = (
            writer.constant(name, np.full(groups, fill, np.float32)) for name, fill in (("one", 1), ("none", 0))
        )
        together = writer.constant("together", np.array((0, groups, -1), np.int64))
        apart = writer.constant("apart", np.array((-1, channels, *extents), np.int64))
        rows = writer.part("Reshape", writer.inputs[0], together)
        rows = writer.part("InstanceNormalization", rows, ones, zeros, epsilon=eps)
        values = writer.part("Reshape.apart", rows, apart)
        shape = writer.constant("shape", np.array((-1, *(1,) * len(extents)), np.int64))
        factor, offset = (
            writer.part(f"Reshape.{name}", stored, shape) for name, stored in (("w", weight), ("b", bias))
        )
        writer.result("Add", writer.part("Mul", values, factor), offset)

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """Its input's where each is alone in its group: the others' statistics would change with a cut."""
        assert isinstance(module, nn.GroupNorm)
        alone = module.num_groups == module.num_channels
        return flow.inputs[0] if alone and flow.inputs[0].axis == 1 else super().channels(module, flow)

    def select(self, module: nn.Module, *, outputs: Tensor | None, inputs: Tensor | None) -> nn.Module:
        """Fewer channels, each its own group."""
        result: Any = copy.deepcopy(module)
        if outputs is not None:
            result.weight, result.bias = parameter(result.weight[outputs]), parameter(result.bias[outputs])
            result.num_groups = result.num_channels = len(outputs)
        return result  # type: ignore[no-any-return]
