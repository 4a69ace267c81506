"""The diagonal of the Hessian of a classifier's loss: exact where that is affordable, else estimated with its error.

With z the scores of the classes, p = softmax(z) and J = ∂z/∂x, the Hessian is Jᵀ(diag(p) - p pᵀ)J and
Σ_c (p_c - y_c) ∂²z_c/∂x². The first takes a backward pass for each class (or random signs in their place); the second
vanishes where the network is piecewise linear in x, and where it is not, Hutchinson's estimate E[v ⊙ Hv], v of random
signs, finds it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from penjing.model.model import Model
from penjing.model.operators.table import operator_of

PROBES = 32
"""Random probes of an estimate; at most so many values or classes are probed one by one instead, which is exact."""


@dataclass(frozen=True)
class Diagonal:
    """A diagonal and the standard error of each of its values, shaped alike; 0 where it is exact."""

    values: Tensor
    error: Tensor

    def __add__(self, other: "Diagonal") -> "Diagonal":
        return Diagonal(self.values + other.values, torch.hypot(self.error, other.error))


@dataclass(frozen=True)
class Loss:
    """The cross-entropy of `scores` [n, classes], computed with gradients recorded, against `labels` [n]."""

    scores: Tensor
    labels: Tensor
    each: bool
    """Whether every sample has a loss of its own, and what it is differentiated by has the samples along its first
    axis (activations); otherwise the loss is their mean (weights)."""

    def diagonals(self, inner: Mapping[str, Tensor], generator: torch.Generator) -> Mapping[str, Diagonal]:
        """∂²L/∂x² of every tensor x by name; random signs come from the generator."""
        shared = 1 if self.each else 0
        few = {name: one for name, one in inner.items() if math.prod(one.shape[shared:]) <= PROBES}
        rest = {name: one for name, one in inner.items() if name not in few}
        found = dict(hutchinson(self._whole(), few, generator, shared=shared))
        bent = hutchinson(self._bent(), rest, generator, shared=shared)
        found |= {name: first + bent[name] for name, first in self._gauss_newton(rest, generator).items()}
        return found

    def _whole(self) -> Tensor:
        return F.cross_entropy(self.scores, self.labels, reduction="sum" if self.each else "mean")

    def _bent(self) -> Tensor:
        """Σ (p - y) z with p held: its Hessian is what bends of the scores themselves."""
        surprise = self.scores.softmax(dim=1).detach() - F.one_hot(self.labels, self.scores.shape[1])
        return (self.scores * surprise).sum() / (1 if self.each else len(self.scores))

    def _gauss_newton(self, inner: Mapping[str, Tensor], generator: torch.Generator) -> Mapping[str, Diagonal]:
        """The diagonals of JᵀBBᵀJ, B = diag(√p) - p √pᵀ: squares of Jᵀb, b a column of B or a random sum of them.

        A weight is shared by the samples: their columns meet in one pass, and only random signs keep them apart.
        """
        if not inner:
            return {}
        scores, chances = self.scores, self.scores.softmax(dim=1).detach()
        classes = scores.shape[1]
        exact = self.each and classes <= PROBES
        found = {name: _Sums(values) for name, values in inner.items()}
        for index in range(classes if exact else PROBES):
            probe = F.one_hot(torch.tensor(index), classes).expand(scores.shape) if exact else _signs(scores, generator)
            seed = chances.sqrt() * probe
            seed = seed - chances * seed.sum(dim=1, keepdim=True)
            slopes = torch.autograd.grad(
                scores, list(inner.values()), seed, retain_graph=True, allow_unused=True, materialize_grads=True
            )
            for sums, slope in zip(found.values(), slopes, strict=True):
                sums.add(slope.square() / (1 if self.each else len(scores)))
        return {name: sums.total() if exact else sums.mean() for name, sums in found.items()}


def hutchinson(
    loss: Tensor, inner: Mapping[str, Tensor], generator: torch.Generator, *, shared: int
) -> Mapping[str, Diagonal]:
    """∂²loss/∂x² of every x; the first `shared` axes are independent of each other and probed together."""
    if not inner:
        return {}
    slopes = torch.autograd.grad(
        loss, list(inner.values()), create_graph=True, allow_unused=True, materialize_grads=True
    )
    # One look at all of them spares a network that is piecewise linear in its activations one look at each.
    if shared and not _bends(slopes, list(inner.values()), generator):
        return {name: Diagonal(torch.zeros_like(values), torch.zeros_like(values)) for name, values in inner.items()}
    return {
        name: _probed(slope, values, generator, shared=shared)
        for (name, values), slope in zip(inner.items(), slopes, strict=True)
    }


def _bends(slopes: Sequence[Tensor], inner: Sequence[Tensor], generator: torch.Generator) -> bool:
    """Whether any slope changes with any of what it is taken by."""
    curved = [slope for slope in slopes if slope.requires_grad]
    if not curved:
        return False
    probed = torch.stack([(slope * _signs(slope, generator)).sum() for slope in curved]).sum()
    changes = torch.autograd.grad(probed, list(inner), retain_graph=True, allow_unused=True)
    return any(change is not None and bool(change.any()) for change in changes)


def _probed(slope: Tensor, values: Tensor, generator: torch.Generator, *, shared: int) -> Diagonal:
    """∂slope/∂values, only its diagonal."""
    nothing = Diagonal(torch.zeros_like(values), torch.zeros_like(values))
    if not slope.requires_grad:
        return nothing
    inner = values.shape[shared:]
    elements = math.prod(inner)
    exact = elements <= PROBES
    found = _Sums(values)
    for index in range(elements if exact else PROBES):
        if exact:
            probe = F.one_hot(torch.tensor(index), elements).to(values.dtype).reshape(inner).expand(values.shape)
        else:
            probe = _signs(values, generator)
        (product,) = torch.autograd.grad(
            slope, values, probe, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        if not exact and not product.any():
            return nothing  # Hv = 0 for signs drawn at random: there is no second derivative at all
        found.add(probe * product)
    return found.total() if exact else found.mean()


def _signs(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randint(0, 2, like.shape, generator=generator).to(like.dtype) * 2 - 1


class _Sums:
    """Adds up what probes find."""

    def __init__(self, like: Tensor) -> None:
        self._count, self._sum, self._squares = 0, torch.zeros_like(like), torch.zeros_like(like)

    def add(self, values: Tensor) -> None:
        values = values.detach()
        self._count, self._sum, self._squares = self._count + 1, self._sum + values, self._squares + values.square()

    def total(self) -> Diagonal:
        return Diagonal(self._sum, torch.zeros_like(self._sum))

    def mean(self) -> Diagonal:
        mean = self._sum / self._count
        variance = (self._squares / self._count - mean.square()).clamp_min(0)
        return Diagonal(mean, (variance / max(self._count - 1, 1)).sqrt())


class _HardSigmoid(nn.Module):
    """relu6(x + 3) / 6: torch differentiates its own hard sigmoid only once."""

    def forward(self, values: Tensor) -> Tensor:
        """Of any shape."""
        return F.relu6(values + 3) / 6


def twice_differentiable(model: Model) -> Model:
    """The network with layers in the place of those that torch differentiates only once."""
    once = [name for name, module, _ in model.layers() if operator_of(module).kind == "hard_sigmoid"]
    return model.replace_layers({name: _HardSigmoid() for name in once}) if once else model
