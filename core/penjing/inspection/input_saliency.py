"""Where in one input a network looks when it chooses a class: Grad-CAM and gradient × input.

A quantized network is looked at with its codes: values are those of its grids, and gradients pass straight through
(Bengio 2013) where a value lies inside its range. A softmax at the end is left out: the score z_c is what feeds it.

>>> from penjing.inspection.input_saliency import input_saliency
>>> input_saliency(model, x, method="grad_cam").values.shape    # doctest: +SKIP
(28, 28)
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

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

_SOFTMAX = frozenset({"softmax", "log_softmax"})


@dataclass(frozen=True, kw_only=True)
class InputSaliency:
    """What one network makes of one input."""

    values: NDArray[np.float32]
    """By position: [height, width], [length], or [features] of an input without positions. Grad-CAM's are ≥ 0, those
    of gradient × input are signed and add the channels up."""
    target: int
    """The class whose score is explained."""
    chosen: int
    """The class with the highest score."""
    score: float
    """z of `target`, before any softmax."""
    probability: float
    """Softmax of the scores at `target`; 1 where there is one score only."""
    layer: str | None
    """The layer whose result Grad-CAM weighs."""


@dataclass(frozen=True)
class _Run:
    """A network run on one input, with gradients."""

    entry: Tensor
    results: Mapping[str, Tensor]
    """Every layer's, after its quantizer if it has one."""
    scores: Tensor
    """[classes]."""
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
    model: Model, sample: Tensor, *, method: str, target: int | None = None, channel_axis: int = 1
) -> InputSaliency:
    """Why a network gives a class its score.

    Args:
        model: With one input, whose first output is [n, classes].
        sample: [1, …], as the network takes it.
        method: An id of the catalogue's `input_saliency`.
        target: A class; None: the one that the network chooses.
        channel_axis: Where the sample has its channels: 1, or -1 for channels last.

    Raises:
        UserError: `saliency.needs_one_input`, `saliency.needs_scores` where the output is not [n, classes],
            `saliency.no_such_class`, `saliency.needs_positions` for Grad-CAM of a network without positions,
            `saliency.not_finite_input` where the network makes NaN or infinity of the sample.
    """
    run = _run(model, sample, channel_axis)
    if not bool(torch.isfinite(run.scores).all()):
        raise UserError("saliency.not_finite_input")
    chosen = int(run.scores.argmax())
    known = len(run.scores)
    wanted = chosen if target is None else target
    if not 0 <= wanted < known:
        raise UserError("saliency.no_such_class", target=wanted, last=known - 1)
    values, layer = METHODS[method](model, run, run.scores[wanted])
    return InputSaliency(
        values=values.detach().numpy().astype(np.float32),
        target=wanted,
        chosen=chosen,
        score=float(run.scores[wanted].detach()),
        probability=float(run.scores.detach().double().softmax(dim=0)[wanted]),
        layer=layer,
    )


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
    (slope,) = torch.autograd.grad(score, maps, allow_unused=True, materialize_grads=True)
    weights = slope.flatten(2).mean(dim=2).reshape(*maps.shape[:2], *[1] * (maps.dim() - 2))
    found = (weights * maps).sum(dim=1, keepdim=True).relu()
    mode = "bilinear" if maps.dim() == 4 else "linear"
    return F.interpolate(found, size=run.positions, mode=mode, align_corners=False)[0, 0], layer


METHODS: Mapping[str, Explain] = {"grad_cam": _grad_cam, "gradient_input": _gradient_input}
"""By the catalogue's ids."""


def _run(model: Model, sample: Tensor, channel_axis: int) -> _Run:
    if len(model.inputs) != 1:
        raise UserError("saliency.needs_one_input", inputs=len(model.inputs))
    entry, quantizers = model.inputs[0].name, model.activation_quantizers
    with torch.enable_grad():
        values = sample.detach().clone().requires_grad_()
        results = {entry: _coded(values, quantizers.get(entry))}
        for name, module, feeds in model.layers():
            results[name] = _coded(module(*(results[feed] for feed in feeds)), quantizers.get(name))
        scores = results[_scoring(model)]
    if scores.dim() != 2:
        raise UserError("saliency.needs_scores", shape=list(scores.shape[1:]))
    return _Run(entry=values, results=results, scores=scores[0], channel_axis=channel_axis)


def _scoring(model: Model) -> str:
    """The layer whose result are the scores: the output, or what feeds the softmax that it is."""
    feeds = {name: (operator_of(module).kind, inputs) for name, module, inputs in model.layers()}
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
    graph, rank = layer_graph(model), run.entry.dim()
    convolutions = [
        layer.name
        for layer in graph.compressible
        if layer.kind == "conv" and len(layer.output_shape) == rank and math.prod(layer.output_shape[2:]) > 1
    ]
    if not convolutions:
        raise UserError("saliency.needs_positions")
    return neurons_of(graph)[convolutions[-1]]
