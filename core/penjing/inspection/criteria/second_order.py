"""Criteria that judge by the curvature of the loss: neuron curvature, OBD, OBS."""

import torch
from torch import Tensor, nn

from penjing.inspection.criteria.activations import by_neuron
from penjing.inspection.criteria.evidence import Evidence
from penjing.inspection.criteria.registry import judges_filters, judges_weights, states_error
from penjing.inspection.execution import execute
from penjing.model.operators.table import operator_of

STANDARD_ERRORS = 3
"""What is stated: errors of one probe are in all positions at once, and 32 probes know their own spread but roughly."""


@judges_filters("curvature")
def curvature(evidence: Evidence, layer: str) -> Tensor:
    """1/n Σ_j ‖∂²L/∂(a_i^j)²‖₁ over a neuron's positions.

    Source: LeCun 1990 for the diagonal, Hutchinson 1990 for what is estimated of it.
    """
    return _by_neuron(evidence, layer, evidence.neuron_curvature[evidence.neurons[layer]].values.abs())


@states_error("curvature")
def curvature_error(evidence: Evidence, layer: str) -> Tensor:
    """By how much an estimated curvature may be off: 3/n Σ_j Σ of the standard errors over a neuron's positions."""
    return STANDARD_ERRORS * _by_neuron(evidence, layer, evidence.neuron_curvature[evidence.neurons[layer]].error)


@judges_weights("obd", filters="sum")
def obd(evidence: Evidence, layer: str) -> Tensor:
    """½ h_kk w_k², h the diagonal of the Hessian of the mean loss (LeCun 1990), exact for few weights, else estimated.

    An estimate below 0 says nothing but that h is small: it counts as 0.
    """
    found = evidence.weight_curvature[layer].values.to(torch.float64)
    return 0.5 * found.clamp_min(0) * evidence.weight(layer).square()


@states_error("obd")
def obd_error(evidence: Evidence, layer: str) -> Tensor:
    """By how much a filter's estimated sum may be off: 3 Σ of the standard errors of its weights' scores."""
    found = evidence.weight_curvature[layer].error.to(torch.float64)
    return 0.5 * STANDARD_ERRORS * (found * evidence.weight(layer).square()).flatten(1).sum(dim=1)


@judges_weights("obs", filters="sum")
def obs(evidence: Evidence, layer: str) -> Tensor:
    """w_q² / (2 [H⁻¹]_qq), H = 2/m Σ x xᵀ over what the layer reads (Hassibi 1993, layer by layer as Frantar 2022).

    H is damped by 1 % of its mean diagonal, so that inputs that are never active keep a finite score.
    """
    found: dict[str, Tensor] = {}

    def visit(name: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if name == layer:
            found["second_moment"] = _second_moment(module, inputs[0])

    with torch.no_grad():
        execute(evidence.model, evidence.samples.inputs, visit)
    moment = 2 * found["second_moment"]  # [groups, columns, columns]
    damping = 0.01 * moment.diagonal(dim1=1, dim2=2).mean(dim=1).clamp_min(1e-12)
    inverse = torch.linalg.inv(moment + damping[:, None, None] * torch.eye(moment.shape[1], dtype=moment.dtype))
    weight = evidence.weight(layer)
    rows = weight.reshape(len(moment), -1, moment.shape[1])  # [groups, filters of a group, columns]
    scores: Tensor = rows.square() / (2 * inverse.diagonal(dim1=1, dim2=2)[:, None])
    return scores.reshape(weight.shape)


def _second_moment(module: nn.Module, values: Tensor) -> Tensor:
    """1/m Σ x xᵀ of the columns that a layer's filters meet, [groups, columns, columns], float64."""
    total, count = torch.zeros((), dtype=torch.float64), 0
    for part in torch.split(values, 32):
        columns = operator_of(module).columns(module, part).to(torch.float64)
        total, count = total + columns.transpose(1, 2) @ columns, count + columns.shape[1]
    return total / count


def _by_neuron(evidence: Evidence, layer: str, values: Tensor) -> Tensor:
    return by_neuron(evidence, layer, values).sum(dim=2).mean(dim=0)
