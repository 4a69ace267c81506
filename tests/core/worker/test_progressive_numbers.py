"""Errors and AUC on the way: unbiased, the interval holds, and the last one is the plain one."""

import numpy as np
import pytest
from torch import nn

from penjing.compression.simulation import simulate
from penjing.estimation.evaluator import plainly
from penjing.estimation.measured import measure
from penjing.loading.dataset import Dataset, Split
from penjing.model.model import Model
from penjing.worker.progressive import Baseline, measure_baseline, measure_change, unchanged
from tests.support.networks import network


def linear(seed: int, outputs: int) -> Model:
    return network((6,), [("fc", nn.Linear(6, outputs), "")], seed=seed)


def data(metric: str, seed: int, count: int = 1500) -> Dataset:
    random = np.random.default_rng(seed)
    x = random.standard_normal((count, 6)).astype(np.float32)
    y = (random.random(count) < 0.3).astype(np.int64)
    x[y > 0] *= 1.3
    rank = metric == "auc"
    split = Split(x=x, y=y if rank else None, targets=None if rank else random.random((count, 2)).astype(np.float32))
    return Dataset(train=split, val=split, test=split, metric=metric, reconstructs=rank)


@pytest.mark.parametrize("metric", ["mse", "mae", "r2", "auc"])
def test_that_what_is_told_on_the_way_holds_and_ends_with_the_plain_value(metric: str) -> None:
    inside, told = 0, 0
    for seed in range(8):
        given, outputs = data(metric, seed), 6 if metric == "auc" else 2
        before, after = linear(0, outputs), linear(1, outputs)
        *_, baseline = measure_baseline(plainly(simulate(before), given, "val"), given, "val")
        assert isinstance(baseline, Baseline)
        assert baseline.accuracy == measure(simulate(before), given, "val")
        wanted = measure(simulate(after), given, "val")
        found = list(measure_change(plainly(simulate(after), given, "val"), given, baseline, full=True))
        for one in found[4:-1]:
            assert one.accuracy.low <= one.accuracy.value <= one.accuracy.high and one.change is None
            scale = baseline.scorer.measure.scale if baseline.scorer.metric.kind == "error" else 1.0
            inside += abs(one.accuracy.value - wanted.value) <= one.rest * scale
            told += 1
        assert found[-1].final and found[-1].per_class == () and found[-1].accuracy == wanted
        assert unchanged(baseline, given).accuracy == baseline.accuracy
    assert inside / told > 0.85  # of 95 %, but those of one data set are not independent


def test_that_a_quick_measurement_ends_early_where_nearly_nothing_changed() -> None:
    given = data("mse", 0)
    before, after = linear(0, 2), linear(0, 2)
    after.weight("fc").mul_(1.0001)
    *_, baseline = measure_baseline(plainly(simulate(before), given, "val"), given, "val")
    assert isinstance(baseline, Baseline)
    *_, last = measure_change(plainly(simulate(after), given, "val"), given, baseline, full=False)
    assert last.final and last.accuracy.n < 200
    assert last.accuracy.value == pytest.approx(measure(simulate(after), given, "val").value, rel=0.01)
