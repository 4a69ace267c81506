"""Criteria that judge whole filters by the weights alone: ℓ₁, ℓ₂, geometric median."""

import torch
from torch import Tensor

from penjing.inspection.criteria.evidence import Evidence
from penjing.inspection.criteria.registry import judges_filters


@judges_filters("l1")
def l1(evidence: Evidence, layer: str) -> Tensor:
    """Σ|F| (Li 2017)."""
    return evidence.weight(layer).flatten(1).abs().sum(dim=1)


@judges_filters("l2")
def l2(evidence: Evidence, layer: str) -> Tensor:
    """‖F‖₂ (He 2018)."""
    return evidence.weight(layer).flatten(1).square().sum(dim=1).sqrt()


@judges_filters("geometric_median")
def geometric_median(evidence: Evidence, layer: str) -> Tensor:
    """Σ_j' ‖F_j - F_j'‖₂ (He 2019): the filter nearest to all others is the one they can replace."""
    rows = evidence.weight(layer).flatten(1)
    return torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist").sum(dim=1)
