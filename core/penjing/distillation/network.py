"""Networks as training sees them: the teacher, whose layers are watched, and the student, whose tensors move."""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from penjing.compression.sharing import coarse_bias, values_of
from penjing.distillation.fake_quant import learned_step, straight_through
from penjing.distillation.shared_weights import SharedValues
from penjing.model.model import Model, Quantizer
from penjing.model.operators.table import operator_of
from penjing.model.two_sided import CHANCES, chance_layer, scores_of_both

Method = Literal["ste", "lsq"]
Inputs = Tensor | tuple[Tensor, ...]
HALF_ENERGY = 0.5
"""Masters farther from their shared values than that, as Σ(w - ŵ)² / Σŵ², are weights of another scale."""


class Network:
    """A network that runs layer by layer, so that any layer's result can be kept."""

    def __init__(self, model: Model, *, numbers: bool = False) -> None:
        """Watch a network: its logits, or with `numbers` its first output as it is."""
        self._model = model
        self._layers = tuple(model.layers())
        self.logits = model.outputs[0].layer if numbers else logits_layer(model)
        self._numbers = numbers

    def forward(self, values: Inputs, keep: Collection[str] = ()) -> tuple[Tensor, dict[str, Tensor]]:
        """[n, …] of each input → logits [n, classes] and the results of the layers in `keep`."""
        given = (values,) if isinstance(values, Tensor) else values
        names = [entry.name for entry in self._model.inputs]
        results = {name: self._activation(name, one) for name, one in zip(names, given, strict=True)}
        for name, module, feeds in self._layers:
            results[name] = self._activation(name, self._run(name, module, tuple(results[feed] for feed in feeds)))
        answers = results[self.logits].flatten(1)
        return answers if self._numbers else scores_of_both(answers), {name: results[name] for name in keep}

    def watch(self, values: Inputs, keep: Collection[str] = ()) -> tuple[Tensor, dict[str, Tensor]]:
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
    calibrated: whatever chose them, the network adapts to its grid. Method `lsq` learns the scales of weights and
    activations, in their logarithm, because an optimizer like Adam moves every parameter by an absolute step.

    Weights that share a codebook run as its values, which follow the master weights.
    """

    def __init__(
        self, model: Model, *, method: Method = "ste", freeze_batch_norm: bool = False, numbers: bool = False
    ) -> None:
        super().__init__(model.copy(), numbers=numbers)
        self._freeze_batch_norm = freeze_batch_norm
        for parameter in self.module.parameters():
            parameter.requires_grad_(True)
        self._shared = {name: SharedValues(codebook) for name, codebook in model.codebooks.items()}
        learnt = method == "lsq"
        self._weight_scales = _learnt_scales(model.weight_quantizers, shared=False) if learnt else {}
        self._activation_scales = _learnt_scales(_own_activations(model), shared=True) if learnt else {}
        self._train()

    @property
    def module(self) -> nn.Module:
        """The module with the master weights."""
        return self._model.module

    def start_from(self, masters: Model) -> None:
        """Take the float weights that the quantized ones were rounded from: a grid alone forgets which were close.

        A layer whose masters are on average more than half a step off was scaled before it was rounded (equalization)
        and starts from its grid.
        """
        for name, quantizer in self._model.weight_quantizers.items():
            if name in self._shared:
                continue  # the codebook is the grid
            weight, master, mask = self._model.weight(name), masters.weight(name), self._model.masks.get(name)
            master = master if mask is None else master * mask
            steps = torch.finfo(torch.float16).eps if quantizer.float16 else quantizer.scale.mean()
            if float((quantizer.on_grid(master) - weight).abs().mean()) <= 0.5 * float(steps):
                weight.copy_(master)
        for name in self._shared:
            weight, master, mask = self._model.weight(name), masters.weight(name), self._model.masks.get(name)
            master = master if mask is None else master * mask
            if float((master - weight).square().sum()) <= HALF_ENERGY * float(weight.square().sum()):
                weight.copy_(master)

    def parameters(self) -> dict[str, nn.Parameter]:
        """Everything that the optimizer moves, by name."""
        found = {f"module.{name}": parameter for name, parameter in self.module.named_parameters()}
        found |= {f"weight_scale.{name}": scale for name, scale in self._weight_scales.items()}
        # Tensors that share a scale share the parameter: only its first name counts.
        activations = {id(scale): (name, scale) for name, scale in reversed(self._activation_scales.items())}
        return found | {f"activation_scale.{name}": scale for name, scale in activations.values()}

    def state(self) -> dict[str, Tensor]:
        """Every tensor that training changes, by name, not copied."""
        buffers = {f"module.{name}": buffer for name, buffer in self.module.named_buffers()}
        buffers |= {f"codebook.{name}": shared.values for name, shared in self._shared.items()}
        buffers |= {f"mask.{name}": mask for name, mask in self._model.masks.items()}
        return {name: parameter.detach() for name, parameter in self.parameters().items()} | buffers

    def load(self, state: dict[str, Tensor]) -> None:
        """The way back from `state`."""
        masks = {name: state[f"mask.{name}"] for name in self._model.masks}  # those of now may be the caller's
        self._model = dataclasses.replace(self._model, masks=masks)
        for name, tensor in self.state().items():
            tensor.copy_(state[name])

    def masters(self) -> Model:
        """A copy with the float weights as they are, nothing quantized, in evaluation mode: what pruning judges."""
        return _settled(
            dataclasses.replace(self._model.copy(), codebooks={}, weight_quantizers={}, activation_quantizers={})
        )

    def prune(self, masks: Mapping[str, Tensor]) -> None:
        """Hold more weights at zero from now on."""
        self._model = dataclasses.replace(self._model, masks={**self._model.masks, **masks})
        self.clear_masked()

    def clear_masked(self) -> None:
        """Pruned weights are 0, whatever the momentum of those that went lately says."""
        for name, mask in self._model.masks.items():
            self._model.weight(name).mul_(_factors(mask)).add_(0.0)  # -0 is stored otherwise than 0

    def hold_masks(self) -> None:
        """Pruned weights have no gradient."""
        for name, mask in self._model.masks.items():
            gradient = self._model.layer(name).weight.grad
            if isinstance(gradient, Tensor):
                gradient.mul_(_factors(mask))

    def model(self) -> Model:
        """The network as it would be kept now: in evaluation mode, weights on their grids, scales as learnt."""
        weights = _with_scales(self._model.weight_quantizers, self._weight_scales)
        activations = _with_scales(self._model.activation_quantizers, self._activation_scales)
        result = dataclasses.replace(self._model.copy(), weight_quantizers=weights, activation_quantizers=activations)
        with torch.no_grad():
            for name, shared in self._shared.items():
                weight = result.weight(name)
                weight.copy_(shared(weight, result.masks.get(name)))
                bias = getattr(result.layer(name), "bias", None)
                if isinstance(bias, Tensor):
                    bias.copy_(coarse_bias(bias))
        for name, quantizer in weights.items():
            weight = result.weight(name)
            weight.copy_(quantizer.on_grid(weight))
        codebooks = {name: values_of(result.weight(name), result.masks.get(name)) for name in self._shared}
        return _settled(dataclasses.replace(result, codebooks=codebooks))

    def _train(self) -> None:
        """Training mode; batch norm keeps its statistics where a batch is one sample and has none."""
        self.module.train()
        if self._freeze_batch_norm:
            for module in self.module.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()

    def _run(self, name: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
        quantizer, shared = self._model.weight_quantizers.get(name), self._shared.get(name)
        if quantizer is None and shared is None:
            return super()._run(name, module, inputs)
        weight = self._model.layer(name).weight
        assert isinstance(weight, Tensor)
        if shared is not None:
            weight = shared(weight, self._model.masks.get(name))
        if quantizer is not None:
            weight = _fake(weight, quantizer, self._weight_scales.get(name), samples=1)
        result: Tensor = torch.func.functional_call(module, {"weight": weight}, inputs)
        return result

    def _activation(self, name: str, values: Tensor) -> Tensor:
        quantizer = self._model.activation_quantizers.get(name)
        if quantizer is None:
            return values
        return _fake(values, quantizer, self._activation_scales.get(name), samples=len(values))


def _factors(mask: Tensor) -> Tensor:
    """1 and 0: multiplying takes an eighth of the time that filling under a mask takes, and it is done every batch."""
    return mask.view(torch.uint8).float()


def _settled(model: Model) -> Model:
    """The model itself, in evaluation mode and without gradients."""
    model.module.eval()
    for parameter in model.module.parameters():
        parameter.requires_grad_(False)
        parameter.grad = None
    return model


def logits_layer(model: Model) -> str:
    """The layer whose result the losses see: the first output, or what feeds it where it is a softmax or sigmoid."""
    by_name = {name: (operator_of(module).kind, feeds) for name, module, feeds in model.layers()}
    name = model.outputs[0].layer if (chance := chance_layer(model)) is None else chance
    while name in by_name and by_name[name][0] in {"softmax", "identity", *CHANCES}:
        name = by_name[name][1][0]
    return name


def kept(model: Model) -> dict[str, Tensor]:
    """Every tensor of a trained model that a checkpoint has to hold, by name."""
    found = {f"module.{name}": tensor for name, tensor in model.module.state_dict().items()}
    found |= {f"weight_scale.{name}": quantizer.scale for name, quantizer in model.weight_quantizers.items()}
    found |= {f"mask.{name}": mask for name, mask in model.masks.items()}
    found |= {f"codebook.{name}": codebook for name, codebook in model.codebooks.items()}
    return found | {
        f"activation_scale.{name}": quantizer.scale for name, quantizer in model.activation_quantizers.items()
    }


def restored(model: Model, tensors: Mapping[str, Tensor]) -> Model:
    """The way back from `kept`, on a model of the same structure."""
    weights = {
        name: dataclasses.replace(quantizer, scale=tensors[f"weight_scale.{name}"])
        for name, quantizer in model.weight_quantizers.items()
    }
    activations = {
        name: dataclasses.replace(quantizer, scale=tensors[f"activation_scale.{name}"])
        for name, quantizer in model.activation_quantizers.items()
    }
    result = dataclasses.replace(
        model.copy(),
        masks={name: tensors[f"mask.{name}"] for name in model.masks},
        codebooks={name: tensors[f"codebook.{name}"] for name in model.codebooks},
        weight_quantizers=weights,
        activation_quantizers=activations,
    )
    for name, tensor in result.module.state_dict().items():
        tensor.copy_(tensors[f"module.{name}"])
    return result


def _own_activations(model: Model) -> dict[str, Quantizer]:
    """The activations whose scale may change: that of a softmax is part of what its integer kernel computes.

    Numbers that name rows of a table are codes themselves, whatever looks at them before.
    """
    fixed = set()
    for name, module, inputs in reversed(list(model.layers())):
        kernel = operator_of(module).integer
        if kernel is not None and kernel.scale == "probability":
            fixed.add(name)
        if kernel is not None and (kernel.table == "rows" or (kernel.scale == "same" and name in fixed)):
            fixed.update(inputs)
    return {name: quantizer for name, quantizer in model.activation_quantizers.items() if name not in fixed}


def _learnt_scales(quantizers: Mapping[str, Quantizer], *, shared: bool) -> dict[str, nn.Parameter]:
    """The logarithm of each scale; with `shared`, equal codes have one: a pooling passes on the codes of its input."""
    scales: dict[str, nn.Parameter] = {}
    known: dict[tuple[object, ...], nn.Parameter] = {}
    for name, quantizer in quantizers.items():
        if quantizer.float16:
            continue
        alike = shared and quantizer.axis is None
        codes = (quantizer.bits, quantizer.scale.item(), quantizer.zero_point.item()) if alike else (name,)
        scales[name] = known.setdefault(codes, nn.Parameter(quantizer.scale.log()))
    return scales


def _with_scales(quantizers: Mapping[str, Quantizer], logs: Mapping[str, nn.Parameter]) -> dict[str, Quantizer]:
    return {
        name: dataclasses.replace(quantizer, scale=logs[name].detach().exp()) if name in logs else quantizer
        for name, quantizer in quantizers.items()
    }


def _fake(values: Tensor, quantizer: Quantizer, log_scale: nn.Parameter | None, *, samples: int) -> Tensor:
    if log_scale is None:
        return straight_through(values, quantizer)
    return learned_step(values, quantizer, log_scale.exp(), samples=samples)
