"""Filters that do nothing: those without any weight, and those whose neuron is 0 in every example.

>>> from penjing.inspection.dead import empty_filters
>>> empty_filters(model)        # doctest: +SKIP
{'conv2': (3, 17)}
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from penjing.errors import UserError
from penjing.inspection.criteria.activations import by_neuron
from penjing.inspection.criteria.evidence import Evidence
from penjing.model.model import Model

if TYPE_CHECKING:
    from penjing.loading.dataset import Dataset

Filters = tuple[int, ...]


def empty_filters(model: Model) -> Mapping[str, Filters]:
    """By layer, the filters of which every weight is 0; layers without one are left out."""
    evidence = Evidence(model)
    found = {}
    for layer in evidence.graph.compressible:
        empty = (evidence.weight(layer.name).flatten(1) == 0).all(dim=1)
        found[layer.name] = _places(empty)
    return {name: filters for name, filters in found.items() if filters}


def dead_neurons(model: Model, data: "Dataset") -> tuple[Mapping[str, Filters], int]:
    """By layer, the filters whose neuron (behind batch norm and ReLU) is 0 in all examples looked at; and how many.

    A network that cannot be run here has none that are known.
    """
    evidence = Evidence(model, data)
    try:
        activations = evidence.activations
    except UserError:
        return {}, 0
    found = {}
    for layer, end in evidence.neurons.items():
        dead = (by_neuron(evidence, layer, activations[end]) == 0).all(dim=2).all(dim=0)
        found[layer] = _places(dead)
    return {name: filters for name, filters in found.items() if filters}, len(evidence.samples)


def _places(chosen: torch.Tensor) -> Filters:
    return tuple(int(place) for place in torch.nonzero(chosen).flatten())
