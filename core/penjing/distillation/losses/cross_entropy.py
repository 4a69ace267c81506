"""What is right: cross entropy of the labels, squared error of numbers, weighted by what the teacher leaves (1 - α)."""

import torch.nn.functional as F
from torch import Tensor

from penjing.distillation.losses.table import Batch, register


def squared_error(batch: Batch) -> Tensor:
    """Mean (f(x) - t)², beside that of a constant answer."""
    assert batch.targets is not None
    return F.mse_loss(batch.student, batch.targets) / batch.scale


@register(
    "cross_entropy",
    needs=frozenset({"labels"}),
    weight=lambda options: 1 - options.soft_label,
    numbers=("squared_error", squared_error),
)
def _term(batch: Batch) -> Tensor:
    assert batch.labels is not None
    return F.cross_entropy(batch.student, batch.labels)
