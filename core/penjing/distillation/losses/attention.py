"""Attention transfer: where the student looks is drawn to where the teacher looks (Zagoruyko 2017)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from penjing.distillation.losses.table import Batch, register


def attention_map(feature: Tensor) -> Tensor:
    """Q / ‖Q‖₂ with Q = vec(Σ_c |A_c|²): [n, channels, …] → [n, positions]."""
    return F.normalize(feature.square().sum(dim=1).flatten(1), dim=1)


def attention_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """½ ‖Q_s/‖Q_s‖₂ - Q_t/‖Q_t‖₂‖₂, batch mean; the weight in the mixture is the paper's β."""
    difference = attention_map(student) - attention_map(teacher)
    distance: Tensor = torch.linalg.vector_norm(difference, dim=1)
    return 0.5 * distance.mean()


@register("attention", needs=frozenset({"teacher", "features"}), weight=lambda options: options.attention)
def _term(batch: Batch) -> Tensor:
    pairs = zip(batch.student_features, batch.teacher_features, strict=True)
    return torch.stack([attention_distance(ours, theirs) for ours, theirs in pairs]).sum()
