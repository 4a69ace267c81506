"""Hard labels: cross entropy, weighted by what the soft labels leave (1 - α)."""

import torch.nn.functional as F
from torch import Tensor

from penjing.distillation.losses.table import Batch, register


@register("cross_entropy", needs=frozenset({"labels"}), weight=lambda options: 1 - options.soft_label)
def _term(batch: Batch) -> Tensor:
    assert batch.labels is not None
    return F.cross_entropy(batch.student, batch.labels)
