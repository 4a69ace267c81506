"""Accuracy measured on data, with a 95 % interval that knows which samples belong together.

>>> from penjing.estimation.measured import accuracy_of
>>> import numpy as np
>>> accuracy_of(np.array([True, True, False, True])).value
0.75
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penjing.estimation.interval import effective_samples, wilson
from penjing.loading.dataset import Dataset, SplitName
from penjing.results import Accuracy, OnProgress, Progress, unheard

Predict = Callable[[Tensor], Tensor | tuple[Tensor, ...]]
"""A network: a batch in its layout to its output (the first one counts if there are several)."""
Classes = NDArray[np.int64]


def measure(
    predict: Predict,
    dataset: Dataset,
    split_name: SplitName,
    *,
    reference: Predict | None = None,
    on_progress: OnProgress = unheard,
    batch_size: int = 256,
) -> Accuracy:
    """Top-1 accuracy on a split, or, where the data tells only that, the agreement with `reference`.

    Raises:
        UserError: What the data set says about its batches.
        ValueError: There are neither labels nor a reference.
    """
    split = dataset.split(split_name)
    chosen = predictions(predict, dataset, split_name, on_progress=on_progress, batch_size=batch_size)
    if dataset.metric == "top1" and split.y is not None:
        return accuracy_of(chosen == split.y, groups=split.groups, split=split_name)
    if reference is None:
        raise ValueError("data without labels needs a reference to agree with")
    wanted = predictions(reference, dataset, split_name, batch_size=batch_size)
    return accuracy_of(chosen == wanted, groups=split.groups, metric="agreement", split=split_name)


def predictions(
    predict: Predict,
    dataset: Dataset,
    split_name: SplitName,
    *,
    on_progress: OnProgress = unheard,
    batch_size: int = 256,
) -> Classes:
    """The class that `predict` chooses for every sample of a split, int64 [n]."""
    split = dataset.split(split_name)
    found: list[Classes] = []
    done = 0
    with torch.no_grad():
        for batch, _ in dataset.batches(split, batch_size):
            on_progress(Progress(stage="measure", done=done, total=len(split)))
            found.append(classes_of(predict(batch)))
            done += len(batch)
    on_progress(Progress(stage="measure", done=done, total=len(split)))
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def classes_of(output: Tensor | tuple[Tensor, ...]) -> Classes:
    """The chosen class of each sample: the largest output; of a single logit, whether it is above 0."""
    first = output if isinstance(output, Tensor) else output[0]
    flat = first.detach().reshape(first.shape[0], -1)
    chosen = (flat[:, 0] > 0).long() if flat.shape[1] == 1 else flat.argmax(dim=1)
    return chosen.cpu().numpy().astype(np.int64)


def accuracy_of(
    hits: NDArray[np.bool_],
    *,
    groups: NDArray[np.int64] | None = None,
    metric: str = "top1",
    split: str = "val",
) -> Accuracy:
    """The share of hits with its interval; samples of one group (a recording, a patient) are not independent."""
    n = len(hits)
    share = float(hits.mean()) if n else 0.0
    low, high = wilson(share, n if groups is None or not n else effective_samples(hits, groups))
    return Accuracy(value=share, low=low, high=high, n=n, kind="measured", metric=metric, split=split)
