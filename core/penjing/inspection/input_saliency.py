"""Where in one input a network looks when it chooses a class or answers a number: Grad-CAM and gradient × input.

A quantized network is looked at with its codes: values are those of its grids, and gradients pass straight through
(Bengio 2013) where a value lies inside its range. A softmax at the end is left out: the score z_c is what feeds it.
What gives its input back is asked where its error comes from.

>>> from penjing.inspection.input_saliency import input_saliency
>>> input_saliency(model, x, method="grad_cam").values.shape    # doctest: +SKIP
(28, 28)
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from penjing.errors import UserError
from penjing.inspection.criteria.evidence import neurons_of
from penjing.inspection.graph import layer_graph
from penjing.model.model import Model, Quantizer
from penjing.model.operators.table import operator_of
from penjing.model.two_sided import chance_layer, scores_of_both

if TYPE_CHECKING:
    from penjing.loading.dataset import Dataset

Aim = Literal["class", "number", "error"]
"""What is explained: a class's score, a number that is answered, or the mean squared error of what is given back."""
_SOFTMAX = frozenset({"softmax", "log_softmax"})


@dataclass(frozen=True, kw_only=True)
class InputSaliency:
    """What one network makes of one input."""

    values: NDArray[np.float32]
    """By position: [height, width], [length], or [features] of an input without positions. Grad-CAM's are ≥ 0, those
    of gradient × input are signed and add the channels up."""
    target: int
    """The class whose score is explained, or the place of the number; 0 of an error."""
    chosen: int
    """The class with the highest score; where none is chosen, the target."""
    score: float
    """z of `target`, before any softmax; the number, or the error."""
    probability: float
    """Softmax of the scores at `target`; 1 where no class is chosen."""
    layer: str | None
    """The layer whose result Grad-CAM weighs."""


@dataclass(frozen=True)
class _Run:
    """A network run on one input, with gradients."""

    entry: Tensor
    name: str
    """Of the input that is looked into."""
    results: Mapping[str, Tensor]
    """Every layer's, after its quantizer if it has one."""
    channel_axis: int

    @property
    def positions(self) -> tuple[int, ...]:
        """How many positions the input has along each axis; none if it is a row of features."""
        shape = list(self.entry.shape[1:])
        if len(shape) > 1:
            del shape[-1 if self.channel_axis < 0 else self.channel_axis - 1]
            return tuple(shape)
        return ()


Explain = Callable[[Model, _Run, Tensor], tuple[Tensor, str | None]]
"""(network, run, z_c) → values by position, and the layer that was looked at."""


def input_saliency(
    model: Model,
    sample: Tensor | tuple[Tensor, ...],
    *,
    method: str,
    target: int | None = None,
    entry: int = 0,
    channel_axis: int = 1,
    aim: Aim = "class",
) -> InputSaliency:
    """Why a network gives a class its score, answers a number, or errs in giving its input back.

    Args:
        model: A network; its first output is explained, [n, classes] where a class is the aim.
        sample: [1, …], as the network takes it; of several inputs one for each.
        method: An id of the catalogue's `input_saliency`.
        target: A class, or the place of a number; None: the class that the network chooses, the first number.
        entry: The input that is looked into.
        channel_axis: Where this input has its channels: 1, or -1 for channels last.
        aim: What is explained.

    Raises:
        UserError: `saliency.needs_scores` where the output is not [n, classes], `saliency.no_such_class`,
            `saliency.no_such_number`, `saliency.needs_positions` for Grad-CAM of a network without positions,
            `saliency.no_gradient` where none reaches the input, `saliency.not_finite_input` where the network makes
            NaN or infinity of the sample.
    """
    samples = (sample,) if isinstance(sample, Tensor) else sample
    run = _run(model, samples, entry, channel_axis)
    told = _told_class(model, run, target) if aim == "class" else _told_number(model, run, target, aim)
    _check_slope(told.score)
    values, layer = METHODS[method](model, run, told.score)
    return InputSaliency(
        values=values.detach().numpy().astype(np.float32),
        target=told.target,
        chosen=told.chosen,
        score=float(told.score.detach()),
        probability=told.probability,
        layer=layer,
    )


def aim_of(data: "Dataset") -> Aim:
    """What a network of this data is asked about."""
    if data.has_values:
        return "error" if data.reconstructs else "number"
    return "class"


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What is explained."""

    score: Tensor
    target: int
    chosen: int
    probability: float = 1.0


def _told_class(model: Model, run: _Run, target: int | None) -> _Told:
    found = run.results[_scoring(model)]
    single = math.prod(found.shape[1:]) == 1  # of any shape: one number tells two classes
    if found.dim() != 2 and not single:
        raise UserError("saliency.needs_scores", shape=list(found.shape[1:]))
    scores = scores_of_both(found.flatten(1))[0]
    _check_finite(scores)
    chosen = int(scores.argmax())
    wanted = chosen if target is None else target
    if not 0 <= wanted < len(scores):
        raise UserError("saliency.no_such_class", target=wanted, last=len(scores) - 1)
    # Of the scores [0, z] what speaks for the first class is what speaks against the second.
    score = scores[wanted] - scores[1 - wanted] if single else scores[wanted]
    chances = scores.detach().double().softmax(dim=0)
    return _Told(score=score, target=wanted, chosen=chosen, probability=float(chances[wanted]))


def _told_number(model: Model, run: _Run, target: int | None, aim: Aim) -> _Told:
    answers = run.results[model.outputs[0].layer].flatten(1)[0]
    _check_finite(answers)
    if aim == "error":
        return _Told(score=(answers - run.entry.flatten(1)[0]).square().mean(), target=0, chosen=0)
    wanted = 0 if target is None else target
    if not 0 <= wanted < len(answers):
        raise UserError("saliency.no_such_number", number=wanted + 1, count=len(answers))
    return _Told(score=answers[wanted], target=wanted, chosen=wanted)


def _check_finite(values: Tensor) -> None:
    if not bool(torch.isfinite(values).all()):
        raise UserError("saliency.not_finite_input")


def _check_slope(*results: Tensor) -> None:
    """Words are looked up by their numbers, and some operators pass no gradient."""
    if not all(result.requires_grad for result in results):
        raise UserError("saliency.no_gradient")


def _gradient_input(model: Model, run: _Run, score: Tensor) -> tuple[Tensor, None]:
    """X · ∂z_c/∂x (Shrikumar 2016), the channels of a position added up."""
    (slope,) = torch.autograd.grad(score, run.entry, allow_unused=True, materialize_grads=True)
    found = run.entry * slope
    return (found.sum(dim=run.channel_axis) if run.positions else found)[0], None


def _grad_cam(model: Model, run: _Run, score: Tensor) -> tuple[Tensor, str]:
    """ReLU(Σ_k α_k A^k), α_k the mean over positions of ∂z_c/∂A^k (Selvaraju 2017), at the input's size.

    A is the last result with positions that a convolution makes, after the elementwise layers behind it.
    """
    layer = _last_map(model, run)
    maps = run.results[layer]
    _check_slope(maps)
    (slope,) = torch.autograd.grad(score, maps, allow_unused=True, materialize_grads=True)
    weights = slope.flatten(2).mean(dim=2).reshape(*maps.shape[:2], *[1] * (maps.dim() - 2))
    found = (weights * maps).sum(dim=1, keepdim=True).relu()
    mode = "bilinear" if maps.dim() == 4 else "linear"
    return F.interpolate(found, size=run.positions, mode=mode, align_corners=False)[0, 0], layer


METHODS: Mapping[str, Explain] = {"grad_cam": _grad_cam, "gradient_input": _gradient_input}
"""By the catalogue's ids."""


def _run(model: Model, samples: tuple[Tensor, ...], entry: int, channel_axis: int) -> _Run:
    names, quantizers = [one.name for one in model.inputs], model.activation_quantizers
    with torch.enable_grad():
        given = [one.detach().clone() for one in samples]
        values = given[entry].requires_grad_()
        results = {name: _coded(one, quantizers.get(name)) for name, one in zip(names, given, strict=True)}
        for name, module, feeds in model.layers():
            results[name] = _coded(module(*(results[feed] for feed in feeds)), quantizers.get(name))
    return _Run(entry=values, name=names[entry], results=results, channel_axis=channel_axis)


def _scoring(model: Model) -> str:
    """The layer whose result are the scores: the output, or what feeds the softmax, or of one output the sigmoid."""
    feeds = {name: (operator_of(module).kind, inputs) for name, module, inputs in model.layers()}
    chance = chance_layer(model)
    if chance is not None:
        return feeds[chance][1][0]
    found = model.outputs[0].layer
    while found in feeds and feeds[found][0] in _SOFTMAX:
        found = feeds[found][1][0]
    return found


def _coded(values: Tensor, quantizer: Quantizer | None) -> Tensor:
    """Values on their grid, with the gradient of the values themselves inside the range and none outside."""
    if quantizer is None:
        return values
    codes = torch.round(values.detach() / quantizer.scale) + quantizer.zero_point
    passed = torch.where((codes >= quantizer.q_min) & (codes <= quantizer.q_max), values, values.detach())
    return passed + (quantizer.on_grid(values.detach()) - passed.detach())


def _last_map(model: Model, run: _Run) -> str:
    graph, rank, reached = layer_graph(model), run.entry.dim(), {run.name}
    for layer in graph.layers:
        if reached & set(layer.inputs):
            reached.add(layer.name)
    convolutions = [
        layer.name
        for layer in graph.compressible
        if layer.kind == "conv"
        and layer.name in reached
        and len(layer.output_shape) == rank
        and math.prod(layer.output_shape[2:]) > 1
    ]
    if not convolutions:
        raise UserError("saliency.needs_positions")
    return neurons_of(graph)[convolutions[-1]]
