"""Batch normalization, kept unfolded as the file has it."""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from penjing.errors import UserError
from penjing.layer_graph import WeightKind
from penjing.model.operators import integer_kernels
from penjing.model.operators.channels import Channels, Flow
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.reading import Activation, Array, AtenNode, Draft, OnnxNode, Reading, tensor
from penjing.model.operators.table import Attributes, Operator, Shape, parameter, register

_TYPES: dict[int, type[nn.BatchNorm1d] | type[nn.BatchNorm2d]] = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}


@register
class BatchNorm(Operator):
    """y = γ (x - μ) / √(σ² + ε) + β, a channel."""

    kind = "batch_norm"
    modules = (nn.BatchNorm1d, nn.BatchNorm2d)
    integer = integer_kernels.NORMALIZATION
    in_place = True
    reads = ("BatchNormalization",)
    reads_aten = ("batch_norm", "_native_batch_norm_legit_no_training")

    def read(self, node: OnnxNode) -> Reading:
        """Batch norm as it is outside training; momentum counts the other way round in ONNX."""
        if node.attributes.get("training_mode", 0):
            raise node.unsupported("batch norm in training mode: export the network in evaluation mode")
        names = ("weight", "bias", "running_mean", "running_var")
        arrays = {name: node.needed(index) for index, name in enumerate(names, start=1)}
        eps = float(str(np.float32(node.number("epsilon", None, 1e-5))))  # the decimal that is meant
        momentum = round(1 - node.number("momentum", None, 0.9), 7)
        return self._norm(node, node.activation(0), arrays, (eps, momentum), node.origin(1))

    def read_aten(self, node: AtenNode) -> Reading:
        """The same; γ and β may be missing."""
        if node.get("training", False):
            raise node.unsupported("batch norm in training mode: call eval() before exporting")
        arrays = {name: node.needed(name) for name in ("running_mean", "running_var")}
        arrays |= {name: array for name in ("weight", "bias") if (array := node.constant(name)) is not None}
        settings = (float(node.get("eps", 1e-5)), float(node.get("momentum", 0.1)))
        origin = node.origin("weight") or node.origin("running_mean")
        return self._norm(node, node.activation("input"), arrays, settings, origin)

    def _norm(
        self,
        node: OnnxNode | AtenNode,
        value: Activation,
        arrays: Mapping[str, Array],
        settings: tuple[float, float],
        origin: str,
    ) -> Reading:
        rank = len(value.shape)
        if rank not in (2, 3, 4) or any(array.shape != (value.shape[1],) for array in arrays.values()):
            raise node.unsupported(f"statistics that do not fit a tensor of shape {list(value.shape)}")
        if (arrays["running_var"] <= -settings[0]).any():  # nothing can be divided by its root
            raise UserError("load.bad_variance", layer=node.name or node.op)
        attributes = {"eps": settings[0], "momentum": settings[1], "dims": 2 if rank == 4 else 1}
        tensors = {name: tensor(array) for name, array in arrays.items()}
        return (Draft(kind=self.kind, inputs=(value.name,), attributes=attributes, tensors=tensors, weight=origin),)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: eps, momentum, dims (1: [n, c] or [n, c, l]; 2: [n, c, h, w])."""
        mean = tensors["running_mean"]
        with torch.device("meta"):
            module = _TYPES[int(attributes["dims"])](
                mean.numel(), eps=float(attributes["eps"]), momentum=float(attributes["momentum"])
            )
        module.weight = parameter(tensors.get("weight", torch.ones_like(mean)))
        module.bias = parameter(tensors.get("bias", torch.zeros_like(mean)))
        module.running_mean = mean.detach().to(torch.float32).clone()
        module.running_var = tensors["running_var"].detach().to(torch.float32).clone()
        module.num_batches_tracked = torch.tensor(0)
        return module

    def attributes(self, module: nn.Module) -> Attributes:
        """The ε, momentum and dimensions."""
        assert isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
        momentum = 0.1 if module.momentum is None else module.momentum
        return {"eps": module.eps, "momentum": momentum, "dims": 2 if isinstance(module, nn.BatchNorm2d) else 1}

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """One BatchNormalization."""
        tensors = [writer.tensor(key) for key in ("weight", "bias", "running_mean", "running_var")]
        writer.result("BatchNormalization", writer.inputs[0], *tensors, epsilon=float(attributes["eps"]))

    def tensors(self, module: nn.Module) -> dict[str, Tensor]:
        """The γ, β, μ and σ²; the count of batches is the optimizer's matter."""
        found = super().tensors(module)
        found.pop("num_batches_tracked", None)
        return found

    def shape(self, module: nn.Module, inputs: tuple[Shape, ...]) -> Shape | None:
        """Its input's."""
        assert isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
        ranks = (2, 3) if isinstance(module, nn.BatchNorm1d) else (4,)
        fits = len(inputs[0]) in ranks and inputs[0][1] == module.num_features
        return inputs[0] if fits else None

    def weight_kind(self, module: nn.Module) -> WeightKind:
        """One value a channel."""
        return "affine"

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """Its input's, if they lie along axis 1."""
        return flow.inputs[0] if flow.inputs[0].axis == 1 else super().channels(module, flow)

    def select(self, module: nn.Module, *, outputs: Tensor | None, inputs: Tensor | None) -> nn.Module:
        """Fewer channels."""
        result: Any = copy.deepcopy(module)
        if outputs is not None:
            result.weight, result.bias = parameter(result.weight[outputs]), parameter(result.bias[outputs])
            result.running_mean = result.running_mean[outputs].clone()
            result.running_var = result.running_var[outputs].clone()
            result.num_features = len(outputs)
        return result  # type: ignore[no-any-return]
