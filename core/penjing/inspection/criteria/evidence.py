"""What criteria judge from: weights in float64, a seed, and what one pass over a few samples shows, computed once."""

import functools
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from penjing.errors import UserError
from penjing.inspection.criteria.curvature import Diagonal, Loss, twice_differentiable
from penjing.inspection.execution import affordable, execute, look_only
from penjing.inspection.few_samples import FewSamples, few_samples
from penjing.inspection.graph import layer_graph
from penjing.layer_graph import LayerGraph
from penjing.model.model import Model
from penjing.model.two_sided import CHANCES, border_of, chances_of_both, scores_of_both

if TYPE_CHECKING:
    from penjing.loading.dataset import Dataset

SAMPLES = 256
"""Most samples that a criterion looks at."""
CURVED_SAMPLES = 64
"""Samples whose loss is differentiated twice."""


@dataclass(frozen=True)
class Evidence:
    """A model and what its criteria may look at."""

    model: Model
    data: "Dataset | None" = None
    seed: int = 0

    def weight(self, layer: str) -> Tensor:
        """The layer's weight in float64, [out, in, …]."""
        return self.model.weight(layer).to(torch.float64)

    def generator(self, layer: str) -> torch.Generator:
        """Random numbers that depend on the seed and the layer alone, not on who asked before."""
        return torch.Generator().manual_seed(self.seed ^ zlib.crc32(layer.encode()))

    @functools.cached_property
    def graph(self) -> LayerGraph:
        """The network as values."""
        return layer_graph(self.model)

    @functools.cached_property
    def samples(self) -> FewSamples:
        """A few training samples; classes where the data has none are those that the network chooses itself.

        Raises:
            UserError: `saliency.needs_data`; `saliency.needs_classes` if the network's output is not [n, classes].
        """
        if self.data is None or len(self.data.train) == 0:
            raise UserError("saliency.needs_data")
        found = few_samples(self.data, affordable(self.model, SAMPLES, together=True))
        if found.targets is not None or found.labels is not None:
            return found
        return FewSamples(found.inputs, self._chosen(found.inputs))

    @functools.cached_property
    def neurons(self) -> Mapping[str, str]:
        """By layer with filters: the layer whose result is the neurons' activation (see `neurons_of`)."""
        return neurons_of(self.graph)

    @functools.cached_property
    def activations(self) -> Mapping[str, Tensor]:
        """Results of every layer that `neurons` names, for the samples."""
        with torch.no_grad():
            return execute(self.model, self.samples.inputs, look_only, keep=frozenset(self.neurons.values()))

    @functools.cached_property
    def gradients(self) -> Mapping[str, tuple[Tensor, Tensor]]:
        """(activation, ∂L_j/∂activation) of every layer that `neurons` names; L_j is the loss of sample j."""
        names = list(dict.fromkeys(self.neurons.values()))
        with torch.enable_grad():
            # The input wants a gradient, so that every result has one.
            inputs = tuple(values.clone().requires_grad_() for values in self.samples.inputs)
            found = execute(self.model, inputs, look_only, keep=frozenset(names))
            loss = self.losses(found).sum()
            slopes = torch.autograd.grad(loss, [found[name] for name in names], allow_unused=True)
        return {
            name: (found[name].detach(), torch.zeros_like(found[name]) if slope is None else slope)
            for name, slope in zip(names, slopes, strict=True)
        }

    @functools.cached_property
    def weight_gradients(self) -> Mapping[str, Tensor]:
        """∂L/∂w of every compressible layer, L the mean loss of the samples; float64."""
        model = self.model.copy()
        weights = {layer.name: model.layer(layer.name).get_parameter("weight") for layer in self.graph.compressible}
        with torch.enable_grad():
            for weight in weights.values():
                weight.requires_grad_()
            loss = self.losses(execute(model, self.samples.inputs, look_only)).mean()
            slopes = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
        pairs = zip(weights.items(), slopes, strict=True)
        return {name: (weight * 0 if slope is None else slope).to(torch.float64) for (name, weight), slope in pairs}

    def losses(self, results: Mapping[str, Tensor]) -> Tensor:
        """The cross-entropy of each sample, or the squared error of its numbers, [n], from the results of a run.

        Raises:
            UserError: `saliency.needs_classes` if the network's output is not [n, classes].
        """
        targets = self.samples.targets
        if targets is not None:
            return (results[self.model.outputs[0].layer].flatten(1) - targets).square().mean(dim=1)
        self.check_classes(results)
        scores = results[self.model.outputs[0].layer]
        if self.logits != self.model.outputs[0].layer:
            scores = chances_of_both(scores).clamp_min(1e-12).log()
        else:
            scores = scores_of_both(scores)
        assert self.samples.labels is not None
        return F.cross_entropy(scores, self.samples.labels, reduction="none")

    @functools.cached_property
    def neuron_curvature(self) -> Mapping[str, Diagonal]:
        """∂²L_j/∂a² of every layer that `neurons` names, for few samples j: [n, …]."""
        samples, names = self._fewer, dict.fromkeys(self.neurons.values())
        with torch.enable_grad():
            values = tuple(one.clone().requires_grad_() for one in samples.inputs)
            keep = frozenset({*names, self.logits})
            found = execute(twice_differentiable(self.model), values, look_only, keep=keep)
            loss = self._loss(found, samples, each=True)
            return loss.diagonals({name: found[name] for name in names}, self.generator("neurons"))

    @functools.cached_property
    def weight_curvature(self) -> Mapping[str, Diagonal]:
        """∂²L/∂w² of every compressible layer, L the mean loss of few samples."""
        samples, model = self._fewer, twice_differentiable(self.model).copy()
        weights = {layer.name: model.layer(layer.name).get_parameter("weight") for layer in self.graph.compressible}
        with torch.enable_grad():
            for weight in weights.values():
                weight.requires_grad_()
            found = execute(model, samples.inputs, look_only, keep=frozenset({self.logits}))
            return self._loss(found, samples, each=False).diagonals(weights, self.generator("weights"))

    def _loss(self, results: Mapping[str, Tensor], samples: FewSamples, *, each: bool) -> Loss:
        if samples.targets is not None:
            return Loss(results[self.logits].flatten(1), samples.targets, each)
        self.check_classes(results)
        assert samples.labels is not None
        return Loss(scores_of_both(results[self.logits]), samples.labels, each)

    @functools.cached_property
    def _fewer(self) -> FewSamples:
        samples = self.samples
        every = max(1, -(-len(samples) // CURVED_SAMPLES))
        return samples.every(every)

    @functools.cached_property
    def logits(self) -> str:
        """The layer whose results are the scores of the classes, or the numbers that are answered.

        That is the output, or what a softmax, or a sigmoid of one score for two classes, reads at the end.
        """
        name = self.model.outputs[0].layer
        layer = self.graph.by_name.get(name)
        if layer is None or self.samples.targets is not None:
            return name
        ends = layer.kind == "softmax" or (layer.kind in CHANCES and math.prod(layer.output_shape) == 1)
        return layer.inputs[0] if ends else name

    def check_classes(self, results: Mapping[str, Tensor]) -> None:
        """Nothing if the network's output is [n, classes], or [n, 1] where the data says which of two is right.

        Raises:
            UserError: `saliency.needs_classes`.
        """
        scores = results[self.model.outputs[0].layer]
        fewest = 1 if self.data is not None and self.data.train.y is not None else 2
        if scores.dim() != 2 or scores.shape[1] < fewest:
            raise UserError("saliency.needs_classes", shape=list(scores.shape[1:]))

    def _chosen(self, values: tuple[Tensor, ...]) -> Tensor:
        with torch.no_grad():
            found = execute(self.model, values, look_only)[self.model.outputs[0].layer]
        # Only a single output has a border other than 0.
        return scores_of_both(found.flatten(1) - border_of(self.model)).argmax(dim=1)


def neurons_of(graph: LayerGraph) -> Mapping[str, str]:
    """By layer with filters: the layer whose result is the neurons' activation.

    That is the last of the elementwise layers (batch norm, ReLU, …) which alone read the layer's result.
    """
    readers: dict[str, list[str]] = {}
    for layer in graph.layers:
        for feed in layer.inputs:
            readers.setdefault(feed, []).append(layer.name)
    outputs = {output.layer for output in graph.outputs}
    found = {}
    for layer in graph.compressible:
        end = layer.name
        while end not in outputs and len(readers.get(end, ())) == 1:
            reader = graph.by_name[readers[end][0]]
            if not (reader.in_place or reader.alias) or reader.output_shape != graph.by_name[end].output_shape:
                break
            end = reader.name
        found[layer.name] = end
    return found
