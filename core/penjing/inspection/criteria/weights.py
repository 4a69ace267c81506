"""Criteria that judge single weights by the weights alone: magnitude, LAMP, random."""

import torch
from torch import Tensor

from penjing.inspection.criteria.evidence import Evidence
from penjing.inspection.criteria.registry import judges_filters, judges_weights


@judges_weights("magnitude", filters="mean")
def magnitude(evidence: Evidence, layer: str) -> Tensor:
    """|w| (Han 2015); of a filter: their mean, so that wide and narrow filters compare."""
    return evidence.weight(layer).abs()


@judges_weights("lamp", filters="sum")
def lamp(evidence: Evidence, layer: str) -> Tensor:
    """w_u² / Σ w_v² over all |w_v| ≥ |w_u| of the layer (Lee 2021); a weight of 0 scores 0."""
    squares = evidence.weight(layer).square()
    ordered, _ = squares.flatten().sort()
    from_here = ordered.flip(0).cumsum(0).flip(0)
    # Equal weights share one score: the sum starts at the first of them.
    sums = from_here[torch.searchsorted(ordered, squares.flatten())].reshape(squares.shape)
    return torch.where(squares > 0, squares / sums, 0.0)


@judges_weights("random", filters=None)
def random_weights(evidence: Evidence, layer: str) -> Tensor:
    """U(0, 1): what any other criterion has to beat."""
    return torch.rand(evidence.weight(layer).shape, generator=evidence.generator(layer), dtype=torch.float64)


@judges_filters("random", weights=False)
def random_filters(evidence: Evidence, layer: str) -> Tensor:
    """U(0, 1) for each filter."""
    return torch.rand(len(evidence.weight(layer)), generator=evidence.generator(layer), dtype=torch.float64)
