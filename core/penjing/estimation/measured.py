"""Accuracy measured on data, with a 95 % interval that knows which samples belong together.

>>> from penjing.estimation.measured import accuracy_of
>>> import numpy as np
>>> accuracy_of(np.array([True, True, False, True])).value
0.75
"""

from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penjing.errors import lacks_memory
from penjing.estimation.interval import effective_samples, wilson
from penjing.estimation.margins import NONE, blank
from penjing.estimation.scoring import Scorer
from penjing.loading.dataset import Dataset, SplitName
from penjing.results import Accuracy, OnProgress, Progress, unheard

Predict = Callable[..., Tensor | tuple[Tensor, ...]]
"""A network: a batch of each input in its layout to its output (the first one counts if there are several)."""
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
    """The data's metric on a split, or, where the data tells only that, the agreement with `reference`.

    Raises:
        UserError: What the data set says about its batches.
        ValueError: There is neither a truth nor a reference.
    """
    scorer = Scorer(dataset, split_name)
    if scorer.needs_reference:
        if reference is None:
            raise ValueError("data without labels needs a reference to agree with")
        scorer = Scorer(dataset, split_name, reference=predictions(reference, dataset, split_name))
    found, blanks = [np.zeros(0)], 0
    for output, indices in _outputs(predict, dataset, split_name, on_progress, batch_size):
        found.append(scorer.scores(output, indices))
        blanks += int(np.count_nonzero(blank(output)))
    return msgspec.structs.replace(scorer.accuracy(np.concatenate(found)), blank=blanks)


def predictions(
    predict: Predict,
    dataset: Dataset,
    split_name: SplitName,
    *,
    on_progress: OnProgress = unheard,
    batch_size: int = 256,
) -> Classes:
    """The class that `predict` chooses for every sample of a split, int64 [n]."""
    parts = _outputs(predict, dataset, split_name, on_progress, batch_size)
    found = [classes_of(output, border=dataset.border) for output, _ in parts]
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def _outputs(
    predict: Predict, dataset: Dataset, split_name: SplitName, on_progress: OnProgress, batch_size: int
) -> Iterator[tuple[Tensor, Classes]]:
    """The first output of every batch of a split, in order, and the places in it."""
    split, start = dataset.split(split_name), 0
    with torch.no_grad():
        while start < len(split):
            on_progress(Progress(stage="measure", done=start, total=len(split)))
            indices = np.arange(start, min(start + batch_size, len(split)))
            try:
                result = predict(*dataset.inputs(split, slice(start, start + batch_size)))
            except Exception as error:  # onnxruntime's errors have no common public base class
                if not lacks_memory(error) or len(indices) == 1:
                    raise
                batch_size = len(indices) // 2  # fewer at a time need less
                continue
            start += len(indices)
            yield (result if isinstance(result, Tensor) else result[0]), indices
    on_progress(Progress(stage="measure", done=len(split), total=len(split)))


def classes_of(output: Tensor | tuple[Tensor, ...], *, border: float = 0.0) -> Classes:
    """The class of each sample: the largest output, of a single one whether it is above `border`; of NaN `NONE`."""
    first = output if isinstance(output, Tensor) else output[0]
    flat = first.detach().reshape(first.shape[0], -1)
    chosen = (flat[:, 0] > border).long() if flat.shape[1] == 1 else flat.argmax(dim=1)
    return np.where(blank(flat), NONE, chosen.cpu().numpy().astype(np.int64))


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
