"""The diagonal of the Hessian of a network's own loss: exact where that is affordable, else estimated with its error.

With z the answers, ℓ the loss by them and J = ∂z/∂x, the Hessian is Jᵀ(∂²ℓ/∂z²)J and Σ_c (∂ℓ/∂z_c) ∂²z_c/∂x². Of the
cross-entropy of scores with p = softmax(z), ∂ℓ/∂z is p - y and ∂²ℓ/∂z² is diag(p) - p pᵀ; of the mean squared error of
v numbers they are 2/v (z - t) and 2/v. The first part takes a backward pass for each answer (or random signs in their
place); the second vanishes where the network is piecewise linear in x, and where it is not, Hutchinson's estimate
E[v ⊙ Hv], v of random signs, finds it.
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
    """What `scores` [n, classes or values], computed with gradients recorded, lose against what is right.

    `right` are labels [n], int64, of which the cross-entropy is taken, or numbers [n, values] and their squared error.
    """

    scores: Tensor
    right: Tensor
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
        if self._of_numbers:
            return (self.scores - self.right).square().mean(dim=1).sum() / self._shared
        return F.cross_entropy(self.scores, self.right, reduction="sum") / self._shared

    @property
    def _of_numbers(self) -> bool:
        return self.right.dim() == 2

    @property
    def _shared(self) -> int:
        """By how many samples a loss is shared."""
        return 1 if self.each else len(self.scores)

    def _bent(self) -> Tensor:
        """Σ ∂ℓ/∂z · z with ∂ℓ/∂z held: its Hessian is what bends of the scores themselves."""
        scores, width = self.scores.detach(), self.scores.shape[1]
        if self._of_numbers:
            surprise = 2 / width * (scores - self.right)
        else:
            surprise = scores.softmax(dim=1) - F.one_hot(self.right, width)
        return (self.scores * surprise).sum() / self._shared

    def _seed(self, probe: Tensor) -> Tensor:
        """B times a probe [n, answers], BBᵀ = ∂²ℓ/∂z²: diag(√p) - p √pᵀ of classes, √(2/v) of numbers."""
        if self._of_numbers:
            return probe * math.sqrt(2 / self.scores.shape[1])
        chances = self.scores.softmax(dim=1).detach()
        seed = chances.sqrt() * probe
        return seed - chances * seed.sum(dim=1, keepdim=True)

    def _gauss_newton(self, inner: Mapping[str, Tensor], generator: torch.Generator) -> Mapping[str, Diagonal]:
        """The diagonals of JᵀBBᵀJ: squares of Jᵀb, b a column of B (`_seed`) or a random sum of them.

        A weight is shared by the samples: their columns meet in one pass, and only random signs keep them apart.
        """
        if not inner:
            return {}
        scores, classes = self.scores, self.scores.shape[1]
        exact = self.each and classes <= PROBES
        found = {name: _Sums(values) for name, values in inner.items()}
        for index in range(classes if exact else PROBES):
            probe = F.one_hot(torch.tensor(index), classes).expand(scores.shape) if exact else _signs(scores, generator)
            slopes = torch.autograd.grad(
                scores,
                list(inner.values()),
                self._seed(probe),
                retain_graph=True,
                allow_unused=True,
                materialize_grads=True,
            )
            for sums, slope in zip(found.values(), slopes, strict=True):
                sums.add(slope.square() / self._shared)
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
