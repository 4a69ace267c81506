"""Where the criteria of pruning register, by the ids of the catalogue; low scores are removed first.

A criterion judges either single weights or whole filters. One of weights is added up (or averaged) over a filter to
judge filters; one of filters gives every weight of a filter its filter's score. So each id serves both kinds.
"""

import functools
import importlib
from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor

from penjing.inspection.criteria.evidence import Evidence

CriterionKind = Literal["criterion", "filter_criterion"]
Score = Callable[[Evidence, str], Tensor]
"""(evidence, layer) → float64 scores: shaped like the weight (`criterion`), or [out] (`filter_criterion`)."""

_FAMILIES = ("weights", "filters", "activations", "gradients", "second_order")
_REGISTRY: dict[tuple[CriterionKind, str], Score] = {}
_ERRORS: dict[str, Score] = {}


def judges_weights(id_: str, *, filters: Literal["sum", "mean"] | None) -> Callable[[Score], Score]:
    """Register a criterion of single weights; `filters` says how it judges a filter (None: not at all)."""

    def register(score: Score) -> Score:
        _put("criterion", id_, score)
        if filters is not None:
            _put("filter_criterion", id_, functools.partial(_over_filters, score, filters))
        return score

    return register


def judges_filters(id_: str, *, weights: bool = True) -> Callable[[Score], Score]:
    """Register a criterion of whole filters; with `weights` it also gives every weight its filter's score."""

    def register(score: Score) -> Score:
        _put("filter_criterion", id_, score)
        if weights:
            _put("criterion", id_, functools.partial(_over_weights, score))
        return score

    return register


def states_error(id_: str) -> Callable[[Score], Score]:
    """Register how far a criterion's estimates of whole filters may be off; other criteria are exact."""

    def register(error: Score) -> Score:
        assert id_ not in _ERRORS, id_
        _ERRORS[id_] = error
        return error

    return register


def stated_errors() -> Mapping[str, Score]:
    """By criterion: the stated error of every filter's score, [out]; missing ones are exact."""
    _load()
    return _ERRORS


def registry() -> Mapping[tuple[CriterionKind, str], Score]:
    """Every implementation by kind and id."""
    _load()
    return _REGISTRY


def _put(kind: CriterionKind, id_: str, score: Score) -> None:
    assert (kind, id_) not in _REGISTRY, id_
    _REGISTRY[kind, id_] = score


def _over_filters(score: Score, how: Literal["sum", "mean"], evidence: Evidence, layer: str) -> Tensor:
    rows = score(evidence, layer).flatten(1)
    return rows.sum(dim=1) if how == "sum" else rows.mean(dim=1)


def _over_weights(score: Score, evidence: Evidence, layer: str) -> Tensor:
    weight = evidence.weight(layer)
    filters = score(evidence, layer)
    return filters.reshape(-1, *[1] * (weight.dim() - 1)).expand(weight.shape).to(torch.float64)


@functools.cache
def _load() -> None:
    for family in _FAMILIES:
        importlib.import_module(f"penjing.inspection.criteria.{family}")
