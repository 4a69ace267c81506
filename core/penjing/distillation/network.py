"""Networks as training sees them: the teacher, whose layers are watched, and the student, whose tensors move."""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from penjing.distillation.fake_quant import on_grid, straight_through
from penjing.errors import UserError
from penjing.model.model import Model, Quantizer
from penjing.model.operators.table import operator_of

Method = Literal["ste", "lsq"]


class Network:
    """A network that runs layer by layer, so that any layer's result can be kept."""

    def __init__(self, model: Model) -> None:
        if len(model.inputs) != 1:
            raise UserError("distillation.inputs", count=len(model.inputs))
        self._model = model
        self._layers = tuple(model.layers())
        self.logits = logits_layer(model)

    def forward(self, values: Tensor, keep: Collection[str] = ()) -> tuple[Tensor, dict[str, Tensor]]:
        """[n, …] → logits [n, classes] and the results of the layers in `keep`."""
        entry = self._model.inputs[0].name
        results = {entry: self._activation(entry, values)}
        for name, module, feeds in self._layers:
            results[name] = self._activation(name, self._run(name, module, tuple(results[feed] for feed in feeds)))
        return results[self.logits].flatten(1), {name: results[name] for name in keep}

    def watch(self, values: Tensor, keep: Collection[str] = ()) -> tuple[Tensor, dict[str, Tensor]]:
        """`forward` in evaluation mode and without gradients: what a teacher is allowed to do."""
        with torch.no_grad():
            return self.forward(values, keep)

    def _run(self, name: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
        result: Tensor = module(*inputs)
        return result

    def _activation(self, name: str, values: Tensor) -> Tensor:
        quantizer = self._model.activation_quantizers.get(name)
        return values if quantizer is None else straight_through(values, quantizer)


class Student(Network):
    """A copy of a model whose tensors move: masks stay, quantized tensors are fake-quantized in the forward pass.

    The module holds float master weights; `model()` puts them on their grids. Method `ste` leaves the scales as
    calibrated: whatever calibrator chose them, the network adapts to its grid. Method `lsq` learns the weights'
    scales, in their logarithm, because an optimizer like Adam moves every parameter by an absolute step.
    """

    def __init__(self, model: Model, *, method: Method = "ste", freeze_batch_norm: bool = False) -> None:
        super().__init__(model.copy())
        self._freeze_batch_norm = freeze_batch_norm
        for parameter in self.module.parameters():
            parameter.requires_grad_(True)
        learnt = model.weight_quantizers.items() if method == "lsq" else ()
        self._log_scales = {
            name: nn.Parameter(quantizer.scale.log()) for name, quantizer in learnt if not quantizer.float16
        }
        self.train()

    @property
    def module(self) -> nn.Module:
        """The module with the master weights."""
        return self._model.module

    def train(self) -> None:
        """Training mode; batch norm keeps its statistics where a batch is one sample and has none."""
        self.module.train()
        if self._freeze_batch_norm:
            for module in self.module.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()

    def parameters(self) -> dict[str, nn.Parameter]:
        """Everything that the optimizer moves, by name."""
        scales = {f"log_scale.{name}": parameter for name, parameter in self._log_scales.items()}
        return {f"module.{name}": parameter for name, parameter in self.module.named_parameters()} | scales

    def state(self) -> dict[str, Tensor]:
        """Every tensor that training changes, by name, not copied."""
        buffers = {f"module.{name}": buffer for name, buffer in self.module.named_buffers()}
        return {name: parameter.detach() for name, parameter in self.parameters().items()} | buffers

    def load(self, state: dict[str, Tensor]) -> None:
        """The way back from `state`."""
        for name, tensor in self.state().items():
            tensor.copy_(state[name])

    def hold_masks(self) -> None:
        """Pruned weights have no gradient: with a weight of 0 no momentum and no decay ever moves them."""
        for name, mask in self._model.masks.items():
            gradient = self._model.layer(name).weight.grad
            if isinstance(gradient, Tensor):
                gradient.masked_fill_(~mask, 0.0)

    def model(self) -> Model:
        """The network as it would be kept now: in evaluation mode, weights on their grids, scales as learnt."""
        quantizers = {name: self._quantizer(name) for name in self._model.weight_quantizers}
        result = dataclasses.replace(self._model.copy(), weight_quantizers=quantizers)
        result.module.eval()
        for parameter in result.module.parameters():
            parameter.requires_grad_(False)
            parameter.grad = None
        for name, quantizer in quantizers.items():
            weight = result.weight(name)
            weight.copy_(on_grid(weight, quantizer))
        return result

    def _quantizer(self, name: str) -> Quantizer:
        quantizer = self._model.weight_quantizers[name]
        if name not in self._log_scales:
            return quantizer
        return dataclasses.replace(quantizer, scale=self._log_scales[name].detach().exp())

    def _run(self, name: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
        quantizer = self._model.weight_quantizers.get(name)
        if quantizer is None:
            return super()._run(name, module, inputs)
        log_scale = self._log_scales.get(name)
        scale = None if log_scale is None else log_scale.exp()
        weight = straight_through(module.weight, quantizer, scale)  # type: ignore[arg-type]
        result: Tensor = torch.func.functional_call(module, {"weight": weight}, inputs)
        return result


def logits_layer(model: Model) -> str:
    """The layer whose result the losses see: the first output, or what feeds it where it is a softmax."""
    by_name = {name: (module, feeds) for name, module, feeds in model.layers()}
    name = model.outputs[0].layer
    while name in by_name and operator_of(by_name[name][0]).kind in {"softmax", "identity"}:
        name = by_name[name][1][0]
    return name


def kept(model: Model) -> dict[str, Tensor]:
    """Every tensor of a trained model that a checkpoint has to hold, by name."""
    scales = {f"scale.{name}": quantizer.scale for name, quantizer in model.weight_quantizers.items()}
    return {f"module.{name}": tensor for name, tensor in model.module.state_dict().items()} | scales


def restored(model: Model, tensors: Mapping[str, Tensor]) -> Model:
    """The way back from `kept`, on a model of the same structure."""
    quantizers = {
        name: dataclasses.replace(quantizer, scale=tensors[f"scale.{name}"])
        for name, quantizer in model.weight_quantizers.items()
    }
    result = dataclasses.replace(model.copy(), weight_quantizers=quantizers)
    for name, tensor in result.module.state_dict().items():
        tensor.copy_(tensors[f"module.{name}"])
    return result
