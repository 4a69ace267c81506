"""A few training samples for what looks at data without learning from it: scores, statistics, calibration."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from penjing.loading.dataset import Dataset


@dataclass(frozen=True)
class FewSamples:
    """Inputs [n, …] as the network takes them and, where the data has labels, classes int64 [n]."""

    values: Tensor
    labels: Tensor | None

    def __len__(self) -> int:
        return len(self.values)


def few_samples(data: "Dataset", count: int) -> FewSamples:
    """At most `count` samples of the training split, evenly spread over it, the same at every call."""
    total = len(data.train)
    indices = np.unique(np.linspace(0, total - 1, min(count, total)).astype(np.int64))
    labels = None if data.train.y is None else torch.from_numpy(np.asarray(data.train.y[indices], dtype=np.int64))
    return FewSamples(data.batch(data.train, indices), labels)
