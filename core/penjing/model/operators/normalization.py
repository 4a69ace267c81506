"""Batch normalization, kept unfolded as the file has it."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from penjing.layer_graph import WeightKind
from penjing.model.operators.channels import Channels, Flow
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.table import Attributes, Operator, parameter, register

_TYPES: dict[int, type[nn.BatchNorm1d] | type[nn.BatchNorm2d]] = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}


@register
class BatchNorm(Operator):
    """y = γ (x - μ) / √(σ² + ε) + β, a channel."""

    kind = "batch_norm"
    modules = (nn.BatchNorm1d, nn.BatchNorm2d)
    in_place = True

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

    def weight_kind(self, module: nn.Module) -> WeightKind:
        """One value a channel."""
        return "affine"

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """Its input's."""
        return flow.inputs[0]

    def select(self, module: nn.Module, *, outputs: Tensor | None, inputs: Tensor | None) -> nn.Module:
        """Fewer channels."""
        result: Any = copy.deepcopy(module)
        if outputs is not None:
            result.weight, result.bias = parameter(result.weight[outputs]), parameter(result.bias[outputs])
            result.running_mean = result.running_mean[outputs].clone()
            result.running_var = result.running_var[outputs].clone()
            result.num_features = len(outputs)
        return result  # type: ignore[no-any-return]
