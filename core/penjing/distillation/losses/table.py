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
    """Logits [n, classes]."""
    options: Distillation
    labels: Tensor | None = None
    """Class indices [n], int64."""
    teacher: Tensor | None = None
    """Logits [n, classes], without gradient."""
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


Loss = Callable[[Batch], Tensor]


def register(term: str, *, needs: frozenset[Need], weight: Callable[[Distillation], float]) -> Callable[[Loss], Loss]:
    """Put a loss into the table under its id."""

    def put(loss: Loss) -> Loss:
        assert term not in _TERMS, term
        _TERMS[term] = Term(id=term, needs=needs, weight=weight, loss=loss)
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
    """The loss Σ weight · term, and each active term's unweighted value by id."""
    values = {term.id: term.loss(batch) for term in active_terms(batch.options)}
    weighted = [terms()[name].weight(batch.options) * value for name, value in values.items()]
    return functools.reduce(lambda left, right: left + right, weighted), values


@functools.cache
def _load() -> None:
    for file in _FILES:
        importlib.import_module(f"penjing.distillation.losses.{file}")
