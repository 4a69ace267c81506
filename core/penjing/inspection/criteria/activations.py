"""Criteria that judge neurons by how they respond to a few samples: mean activation, APoZ."""

import torch
from torch import Tensor

from penjing.inspection.criteria.evidence import Evidence
from penjing.inspection.criteria.registry import judges_filters


@judges_filters("activation")
def activation(evidence: Evidence, layer: str) -> Tensor:
    """1/n Σ_j |a_i^j|, of a convolution also the mean over positions (Hu 2016 look at the same values)."""
    return by_neuron(evidence, layer, evidence.activations[evidence.neurons[layer]]).abs().mean(dim=(0, 2))


@judges_filters("apoz")
def apoz(evidence: Evidence, layer: str) -> Tensor:
    """1 - average percentage of zeros (Hu 2016): a neuron with a HIGH share of zeros goes first."""
    found = by_neuron(evidence, layer, evidence.activations[evidence.neurons[layer]])
    return (found != 0).to(torch.float64).mean(dim=(0, 2))


def by_neuron(evidence: Evidence, layer: str, values: Tensor) -> Tensor:
    """Values of a layer's neurons as float64 [n, neurons, positions]."""
    axis = evidence.graph.by_name[layer].channel_axis
    moved = values.to(torch.float64).movedim(axis, 1)
    return moved.reshape(moved.shape[0], moved.shape[1], -1)
