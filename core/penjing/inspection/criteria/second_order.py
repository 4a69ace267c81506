"""Criteria that judge by the curvature of the loss: neuron curvature, OBD, OBS."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from penjing.inspection.criteria.activations import by_neuron
from penjing.inspection.criteria.evidence import Evidence
from penjing.inspection.criteria.registry import judges_filters, judges_weights
from penjing.inspection.execution import execute, look_only
from penjing.inspection.few_samples import FewSamples
from penjing.model.model import Model
from penjing.model.operators.table import operator_of

PROBES = 32
"""Random probes of a Hutchinson estimate; at most so many values are probed one by one instead, which is exact."""

SAMPLES = 64
"""Samples whose loss is differentiated twice."""


@judges_filters("curvature")
def curvature(evidence: Evidence, layer: str) -> Tensor:
    """1/n Σ_j ‖∂²L/∂(a_i^j)²‖₁ over a neuron's positions; the diagonal exact or by Hutchinson's estimate.

    Source: LeCun 1990 for the diagonal, Hutchinson 1990 for the estimate E[v ⊙ Hv], v of random signs.
    """
    name, samples = evidence.neurons[layer], _fewer(evidence.samples)
    with torch.enable_grad():
        values = samples.values.clone().requires_grad_()
        found = execute(_twice_differentiable(evidence.model), values, look_only, keep=frozenset({name}))
        loss = evidence.losses(found, samples).sum()
        # Samples do not meet in evaluation mode: one probe serves them all, each with its own second derivative.
        diagonal = _diagonal(loss, found[name], evidence.generator(layer), shared=1)
    return by_neuron(evidence, layer, diagonal).abs().sum(dim=2).mean(dim=0)


@judges_weights("obd", filters="sum")
def obd(evidence: Evidence, layer: str) -> Tensor:
    """½ h_kk w_k², h the diagonal of the Hessian of the mean loss (LeCun 1990), exact or by Hutchinson's estimate.

    An estimate below 0 says nothing but that h is small: it counts as 0.
    """
    samples, model = _fewer(evidence.samples), _twice_differentiable(evidence.model).copy()
    with torch.enable_grad():
        weight = model.layer(layer).get_parameter("weight").requires_grad_()
        loss = evidence.losses(execute(model, samples.values, look_only), samples).mean()
        diagonal = _diagonal(loss, weight, evidence.generator(layer), shared=0)
    return 0.5 * diagonal.to(torch.float64).clamp_min(0) * evidence.weight(layer).square()


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
        execute(evidence.model, evidence.samples.values, visit)
    moment = 2 * found["second_moment"]  # [groups, columns, columns]
    damping = 0.01 * moment.diagonal(dim1=1, dim2=2).mean(dim=1).clamp_min(1e-12)
    inverse = torch.linalg.inv(moment + damping[:, None, None] * torch.eye(moment.shape[1], dtype=moment.dtype))
    weight = evidence.weight(layer)
    rows = weight.reshape(len(moment), -1, moment.shape[1])  # [groups, filters of a group, columns]
    scores: Tensor = rows.square() / (2 * inverse.diagonal(dim1=1, dim2=2)[:, None])
    return scores.reshape(weight.shape)


class _HardSigmoid(nn.Module):
    """relu6(x + 3) / 6: torch differentiates its own hard sigmoid only once."""

    def forward(self, values: Tensor) -> Tensor:
        """Of any shape."""
        return F.relu6(values + 3) / 6


def _twice_differentiable(model: Model) -> Model:
    once = [name for name, module, _ in model.layers() if operator_of(module).kind == "hard_sigmoid"]
    return model.replace_layers({name: _HardSigmoid() for name in once}) if once else model


def _second_moment(module: nn.Module, values: Tensor) -> Tensor:
    """1/m Σ x xᵀ of the columns that a layer's filters meet, [groups, columns, columns], float64."""
    total, count = torch.zeros((), dtype=torch.float64), 0
    for part in torch.split(values, 32):
        columns = operator_of(module).columns(module, part).to(torch.float64)
        total, count = total + columns.transpose(1, 2) @ columns, count + columns.shape[1]
    return total / count


def _diagonal(loss: Tensor, values: Tensor, generator: torch.Generator, *, shared: int) -> Tensor:
    """The diagonal of ∂²loss/∂values²; the first `shared` axes are independent of each other and probed together."""
    (slope,) = torch.autograd.grad(loss, values, create_graph=True, allow_unused=True, materialize_grads=True)
    if not slope.requires_grad:
        return torch.zeros_like(values)
    inner = values.shape[shared:]
    elements = inner.numel()
    exact = elements <= PROBES
    total = torch.zeros_like(values)
    for index in range(elements if exact else PROBES):
        if exact:
            probe = F.one_hot(torch.tensor(index), elements).to(values.dtype).reshape(inner).expand(values.shape)
        else:
            probe = torch.randint(0, 2, values.shape, generator=generator).to(values.dtype) * 2 - 1
        (product,) = torch.autograd.grad(
            slope, values, probe, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        total += probe * product
    return (total if exact else total / PROBES).detach()


def _fewer(samples: FewSamples) -> FewSamples:
    every = max(1, -(-len(samples) // SAMPLES))
    return FewSamples(samples.values[::every], None if samples.labels is None else samples.labels[::every])
