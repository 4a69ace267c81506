"""Where samples belong together, an interval on the way is no narrower than that of all samples will be."""

import numpy as np
import pytest
import torch
from torch import Tensor

from penjing.loading.dataset import Dataset, Split
from penjing.worker.progressive import Baseline, Standing, measure_baseline, measure_change

GROUPS, EACH = 12, 40


def outputs_of(right: np.ndarray):  # type: ignore[no-untyped-def]  # a closure over answers
    """Answers that are right where they are to be, of two classes whose truth is always the first."""

    def outputs(indices: np.ndarray) -> Tensor:
        sure = np.where(right[indices], 1.0, -1.0) * (1 + indices % 7)
        return torch.tensor(np.stack([sure, np.zeros(len(indices))], axis=1), dtype=torch.float32)

    return outputs


@pytest.mark.parametrize("seed", range(5))
def test_that_a_plan_that_hurts_whole_groups_has_a_wide_interval_before_all_are_seen(seed: int) -> None:
    count = GROUPS * EACH
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(GROUPS), EACH)
    split = Split(x=np.zeros((count, 1), np.float32), y=np.zeros(count, np.int64), groups=groups)
    data = Dataset(train=split, val=split, test=split, classes=("a", "b"))
    baseline = next(
        found
        for found in measure_baseline(outputs_of(rng.random(count) < 0.95), data, "val")
        if isinstance(found, Baseline)
    )
    spared = rng.permutation(GROUPS)[: GROUPS // 2]  # all of a group is right, or nothing
    found: list[Standing] = list(measure_change(outputs_of(np.isin(groups, spared)), data, baseline, full=True))
    halves = [(one.accuracy.high - one.accuracy.low) / 2 for one in found]
    assert halves[-1] > 0.2  # twelve groups say little, however many samples they have
    enough = [half for half, one in zip(halves, found, strict=True) if one.accuracy.n >= 64]
    assert min(enough) > 0.8 * halves[-1]
