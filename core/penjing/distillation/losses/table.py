"""The terms that a training loss is a sum of, registered by id; a new term is a new file in this package.

>>> from penjing.distillation.losses.table import terms
>>> sorted(terms())
['attention', 'cross_entropy', 'feature', 'soft_label']
"""

import functools
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from penjing.plan import Distillation

Need = Literal["labels", "teacher", "features"]

_FILES = ("soft_label", "cross_entropy", "feature", "attention")
_TERMS: dict[str, "Term"] = {}


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What the terms may look at for one batch of n samples."""

    student: Tensor
    """Logits [n, classes], or the numbers that are answered [n, values]."""
    options: Distillation
    labels: Tensor | None = None
    """Class indices [n], int64."""
    teacher: Tensor | None = None
    """Of the teacher as `student`, without gradient."""
    numbers: bool = False
    """Whether numbers are answered instead of classes told."""
    targets: Tensor | None = None
    """The right numbers [n, values]."""
    scale: float = 1.0
    """The squared error of a constant answer: errors are told beside it, so that they are of one size."""
    student_features: tuple[Tensor, ...] = ()
    """One tensor [n, channels, …] for each pair of layers."""
    teacher_features: tuple[Tensor, ...] = ()
    regressors: tuple[Callable[[Tensor], Tensor], ...] = ()
    """For each pair r, which gives the student's feature the teacher's number of channels."""


@dataclass(frozen=True, kw_only=True)
class Term:
    """One summand: its weight under given options, what it needs, and its value as a mean over the batch."""

    id: str
    needs: frozenset[Need]
    weight: Callable[[Distillation], float]
    loss: Callable[[Batch], Tensor]
    numbers: "tuple[str, Loss] | None" = None
    """What it is called and computes where numbers are answered; None: the same."""

    def name(self, batch: Batch) -> str:
        """What its value is told as."""
        return self.numbers[0] if batch.numbers and self.numbers else self.id

    def value(self, batch: Batch) -> Tensor:
        """Its mean over the batch."""
        return self.numbers[1](batch) if batch.numbers and self.numbers else self.loss(batch)


Loss = Callable[[Batch], Tensor]


def register(
    term: str,
    *,
    needs: frozenset[Need],
    weight: Callable[[Distillation], float],
    numbers: tuple[str, Loss] | None = None,
) -> Callable[[Loss], Loss]:
    """Put a loss into the table under its id."""

    def put(loss: Loss) -> Loss:
        assert term not in _TERMS, term
        _TERMS[term] = Term(id=term, needs=needs, weight=weight, loss=loss, numbers=numbers)
        return loss

    return put


def terms() -> Mapping[str, Term]:
    """Every term by id."""
    _load()
    return _TERMS


def active_terms(options: Distillation) -> tuple[Term, ...]:
    """The terms whose weight is not zero."""
    return tuple(term for term in terms().values() if term.weight(options) > 0)


def mixture(batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss Σ weight · term, and each active term's unweighted value by name."""
    active = active_terms(batch.options)
    values = {term.name(batch): term.value(batch) for term in active}
    weighted = [term.weight(batch.options) * values[term.name(batch)] for term in active]
    return functools.reduce(lambda left, right: left + right, weighted), values


@functools.cache
def _load() -> None:
    for file in _FILES:
        importlib.import_module(f"penjing.distillation.losses.{file}")
