"""Judges answers to the examples of a split by its data's metric: scores that add up to the value, and margins.

>>> import torch
>>> scorer = Scorer(data, "val")                                  # doctest: +SKIP
>>> scorer.accuracy(scorer.scores(outputs, np.arange(64)))        # doctest: +SKIP
"""

import functools
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penjing.catalogue.metrics import metric
from penjing.errors import UserError
from penjing.estimation.margins import blank, margins_of
from penjing.estimation.quality import Measure, quality_of
from penjing.loading.dataset import Dataset, SplitName
from penjing.results import Accuracy

Vector = NDArray[np.float64]
Classes = NDArray[np.int64]
Indices = NDArray[np.int64]
_CHUNK = 1024


class Scorer:
    """Of one split; `reference` is what the original chooses, the truth of an agreement, int64 [n]."""

    def __init__(self, data: Dataset, split_name: SplitName, *, reference: Classes | None = None) -> None:
        self.data, self.split_name, self.split = data, split_name, data.split(split_name)
        self.metric = metric(data.metric)
        self.labels = reference if self.metric.id == "agreement" else self.split.y
        """What is right by example: a class, or (rank) whether it is abnormal; None where numbers are."""

    @property
    def needs_reference(self) -> bool:
        """Whether only the original tells what is right, and what it says is not known yet."""
        return self.metric.id == "agreement" and self.labels is None

    def scores(self, output: Tensor, indices: Indices) -> Vector:
        """By example: 1 where it is right (share), its squared or absolute error, how abnormal it looks (rank).

        An answer that is no number is not right.

        Raises:
            UserError: `measure.no_number` where an error of such an answer is asked for.
        """
        flat = output.detach().reshape(len(indices), -1).double()
        if self.metric.is_share:
            assert self.labels is not None
            right = _right(flat, self.labels[indices], self.metric.k, self.data.border) & ~blank(flat)
            return right.astype(np.float64)
        if not flat.isfinite().all():
            first = int(indices[int(torch.nonzero(~flat.isfinite().all(dim=1))[0])])
            raise UserError("measure.no_number", example=first, split=self.split_name)
        if self.metric.kind == "rank" and not self.data.reconstructs:
            return np.asarray((flat[:, 0] if flat.shape[1] == 1 else flat[:, 1] - flat[:, 0]).numpy(), np.float64)
        apart = flat - self.data.wanted(self.split, indices).double()
        errors = apart.abs() if self.metric.id == "mae" else apart.square()
        return np.asarray(errors.mean(dim=1).numpy(), np.float64)

    def margins(self, output: Tensor, indices: Indices, scores: Vector | None = None) -> Vector:
        """By example, more is better; `measure.level` makes of them what `scores` come to."""
        flat = output.detach().reshape(len(indices), -1)
        if self.metric.is_share:
            assert self.labels is not None
            return margins_of(flat, self.labels[indices], k=self.metric.k, border=self.data.border)
        found = self.scores(flat, indices) if scores is None else scores
        if self.metric.kind != "rank":
            return 1 - found / self.measure.scale
        assert self.labels is not None
        return np.where(self.labels[indices] > 0, found, -found) / self.measure.scale

    def accuracy(self, scores: NDArray[Any], seen: NDArray[Any] | None = None) -> Accuracy:
        """The value of these scores and its interval; `seen` are the places they belong to, None: all in order."""
        places = slice(None) if seen is None else seen
        groups = None if self.split.groups is None else self.split.groups[places]
        against = self.against
        return quality_of(
            self.metric.id,
            scores,
            against=None if against is None else against[places],
            groups=groups,
            split=self.split_name,
        )

    @functools.cached_property
    def against(self) -> NDArray[Any] | None:
        """What `quality_of` holds scores against: whether an example is abnormal; what a constant would err."""
        if self.metric.kind == "rank":
            assert self.split.y is not None
            return self.split.y > 0
        return self._constant_errors if self.metric.kind == "fit" else None

    @functools.cached_property
    def measure(self) -> Measure:
        """How margins become one number."""
        kind = {"share": "share", "rank": "rank"}.get(self.metric.kind, "error")
        scale = 1.0
        if kind == "error" or (kind == "rank" and self.data.reconstructs):
            found = float(self._constant_errors.mean()) if len(self.split) else 0.0
            scale = found if found > 0 else 1.0
        abnormal = b""
        if kind == "rank":
            assert self.split.y is not None
            abnormal = (self.split.y > 0).tobytes()
        return Measure(metric=self.metric.id, scale=scale, abnormal=abnormal)

    @functools.cached_property
    def _constant_errors(self) -> Vector:
        """By example: the error of the split's mean for an answer."""
        count = len(self.split)
        parts = [np.arange(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]
        wanted = [self.data.wanted(self.split, part).double() for part in parts]
        if not wanted:
            return np.zeros(0)
        mean = torch.stack([one.sum(dim=0) for one in wanted]).sum(dim=0) / count
        how = torch.abs if self.metric.id == "mae" else torch.square
        return np.concatenate([how(one - mean).mean(dim=1).numpy() for one in wanted])


def _right(flat: Tensor, labels: Classes, k: int, border: float) -> NDArray[np.bool_]:
    """Whether the label is among the k largest outputs; of equal ones the first counts as larger."""
    if flat.shape[1] == 1:
        return np.asarray((flat[:, 0] > border).long().numpy() == labels)
    if k == 1:
        return np.asarray(flat.argmax(dim=1).numpy() == labels)
    wanted = torch.from_numpy(labels)
    known = wanted < flat.shape[1]
    places = wanted.clamp(max=flat.shape[1] - 1)[:, None]
    own = flat.gather(1, places)
    before = torch.arange(flat.shape[1])[None] < places
    ahead = ((flat > own) | ((flat == own) & before)).sum(dim=1)
    return np.asarray(((ahead < k) & known).numpy())
