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
    """Inputs [n, …] as the network takes them and, where the data has them, classes [n] or numbers [n, values]."""

    inputs: tuple[Tensor, ...]
    labels: Tensor | None
    targets: Tensor | None = None

    @property
    def values(self) -> Tensor:
        """What goes into the first input."""
        return self.inputs[0]

    def __len__(self) -> int:
        return len(self.values)

    def every(self, step: int) -> "FewSamples":
        """One in so many."""
        labels, targets = (None if one is None else one[::step] for one in (self.labels, self.targets))
        return FewSamples(tuple(values[::step] for values in self.inputs), labels, targets)


def few_samples(data: "Dataset", count: int) -> FewSamples:
    """At most `count` samples of the training split, evenly spread over it, the same at every call."""
    total = len(data.train)
    indices = np.unique(np.linspace(0, total - 1, min(count, total)).astype(np.int64))
    labels = None if data.train.y is None else torch.from_numpy(np.asarray(data.train.y[indices], dtype=np.int64))
    targets = data.wanted(data.train, indices) if data.has_values else None
    return FewSamples(data.inputs(data.train, indices), labels, targets)
