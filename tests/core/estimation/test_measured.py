"""Accuracy as measured on data sets."""

import numpy as np
import pytest
import torch
from torch import Tensor

from penjing.errors import Cancelled
from penjing.estimation.measured import classes_of, measure, predictions
from penjing.loading.dataset import Dataset, Split
from penjing.results import Progress

LOGITS = np.array([[2, 1, 0], [0, 3, 1], [1, 0, 2], [5, 4, 3], [0, 1, 0]], np.float32)


def data(labels: list[int] | None, *, groups: list[int] | None = None) -> Dataset:
    split = Split(
        x=LOGITS,
        y=None if labels is None else np.array(labels, np.int64),
        groups=None if groups is None else np.array(groups, np.int64),
    )
    return Dataset(train=split, val=split, test=split, metric="agreement" if labels is None else "top1")


def identity(values: Tensor) -> Tensor:
    return values


def test_that_top1_counts_the_largest_output_over_all_batches() -> None:
    found = measure(identity, data([0, 1, 2, 1, 1]), "val", batch_size=2)
    assert (found.value, found.n, found.metric, found.split, found.kind) == (0.8, 5, "top1", "val", "measured")
    assert found.low < 0.8 < found.high


def test_that_unlabelled_data_gives_agreement_with_the_reference() -> None:
    found = measure(identity, data(None), "test", reference=lambda values: values.flip(1))
    # Largest of the reversed rows: 2 → class 2, class 1, class 0, class 2, class 1; equal to 0 1 2 0 1 in two rows.
    assert (found.value, found.metric, found.split) == (0.4, "agreement", "test")


def test_that_unlabelled_data_without_a_reference_is_a_bug() -> None:
    with pytest.raises(ValueError, match="reference"):
        measure(identity, data(None), "val")


def test_that_recordings_widen_the_interval() -> None:
    labels = [0, 1, 2, 1, 0]
    alone, together = measure(identity, data(labels), "val"), measure(identity, data(labels, groups=[1] * 5), "val")
    assert together.high - together.low > alone.high - alone.low


def test_that_a_single_logit_is_a_yes_or_no() -> None:
    assert classes_of(torch.tensor([[-0.5], [0.5], [0.0]])).tolist() == [0, 1, 0]
    assert classes_of(torch.tensor([-0.5, 0.5])).tolist() == [0, 1]


def test_that_the_first_of_several_outputs_and_trailing_axes_of_one_count() -> None:
    output = torch.tensor(LOGITS).reshape(5, 3, 1, 1)
    assert classes_of((output, -output)).tolist() == [0, 1, 2, 0, 1]


def test_that_progress_is_told_and_can_stop_the_work() -> None:
    heard: list[Progress] = []
    predictions(identity, data(None), "val", on_progress=heard.append, batch_size=2)
    assert [step.done for step in heard] == [0, 2, 4, 5] and all(step.total == 5 for step in heard)

    def cancel(progress: Progress) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        measure(identity, data([0] * 5), "val", on_progress=cancel)
