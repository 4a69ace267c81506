"""Criteria that judge by the slope of the loss on a few samples: neuron gradient, both Taylor forms."""

from torch import Tensor

from penjing.inspection.criteria.activations import by_neuron
from penjing.inspection.criteria.evidence import Evidence
from penjing.inspection.criteria.registry import judges_filters, judges_weights


@judges_filters("gradient")
def gradient(evidence: Evidence, layer: str) -> Tensor:
    """1/n Σ_j ‖∂L/∂a_i^j‖₁ over a neuron's positions."""
    _, slope = evidence.gradients[evidence.neurons[layer]]
    return by_neuron(evidence, layer, slope).abs().sum(dim=2).mean(dim=0)


@judges_weights("taylor", filters="sum")
def taylor(evidence: Evidence, layer: str) -> Tensor:
    """(g · w)², the squared first-order change of the loss without the weight (Molchanov 2019)."""
    return (evidence.weight_gradients[layer] * evidence.weight(layer)).square()


@judges_filters("taylor_activation")
def taylor_activation(evidence: Evidence, layer: str) -> Tensor:
    """1/n Σ_j |Σ (∂L/∂z) z| over a neuron's positions (Molchanov 2016)."""
    value, slope = evidence.gradients[evidence.neurons[layer]]
    change = by_neuron(evidence, layer, slope) * by_neuron(evidence, layer, value)
    return change.sum(dim=2).abs().mean(dim=0)
