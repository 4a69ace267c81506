"""The accuracy on the way is honest: unbiased, its interval holds, and the last one is the plain one."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from penjing.compression.prune import prune
from penjing.compression.simulation import simulate
from penjing.estimation.evaluator import Evaluator, Outputs, plainly
from penjing.estimation.margins import margins_of
from penjing.estimation.measured import measure, predictions
from penjing.estimation.paired import strata
from penjing.estimation.scoring import Scorer
from penjing.inspection.graph import layer_graph
from penjing.loading.dataset import Dataset, Split
from penjing.model.model import Model
from penjing.plan import Plan
from penjing.worker.progressive import (
    Baseline,
    Standing,
    estimate,
    measure_baseline,
    measure_change,
    spread_batches,
    unchanged,
)
from tests.support.teaching import convolutional, quarters


def said(model: Model, data: Dataset) -> Outputs:
    return plainly(simulate(model), data, "val")


def baseline_of(data: Dataset, seed: int = 0) -> tuple[list[Standing], Baseline]:
    found = list(measure_baseline(said(convolutional(seed=seed), data), data, "val"))
    *standings, last = found
    assert isinstance(last, Baseline)
    return [one for one in standings if isinstance(one, Standing)], last


def synthetic(truth: int, *, count: int, groups: bool = False) -> Baseline:
    """A baseline that is right on the first `truth` of `count` samples of one class."""
    chosen = np.zeros(count, np.int64)
    chosen[truth:] = 1
    split = Split(
        x=np.zeros((count, 1), np.float32),
        y=np.zeros(count, np.int64),
        groups=np.arange(count) // 10 if groups else None,
    )
    return Baseline(
        split="val",
        chosen=chosen,
        truth=np.zeros(count, np.int64),
        margins=np.linspace(3, -1, count),
        scores=(chosen == 0).astype(np.float64),
        scorer=Scorer(Dataset(train=split, val=split, test=split), "val"),
    )


@pytest.mark.parametrize("labels", [True, False])
def test_that_the_last_accuracy_is_that_of_the_plain_measurement(labels: bool) -> None:
    data, student = quarters(val=400, labels=labels), convolutional(seed=1)
    _, baseline = baseline_of(data)
    *earlier, last = measure_change(said(student, data), data, baseline, full=True)
    assert earlier
    assert last.final
    assert not any(one.final for one in earlier)
    assert last.accuracy == measure(student, data, "val", reference=convolutional())
    assert baseline.accuracy == measure(convolutional(), data, "val", reference=convolutional())


def test_that_the_last_accuracy_is_that_of_a_plain_loop_whatever_ran_it_and_whatever_was_kept() -> None:
    model, data = convolutional(), quarters(val=300)
    graph, evaluator = layer_graph(model), Evaluator(data, "val")
    *_, baseline = measure_baseline(evaluator.outputs(model), data, "val")
    assert isinstance(baseline, Baseline)
    truth, inputs = data.val.y, data.batch(data.val, slice(None))
    assert truth is not None
    for share in (0.3, 0.9):
        changed = prune(model, graph, Plan().with_layer("conv2", sparsity=share)).model
        *_, last = measure_change(evaluator.outputs(changed), data, baseline, full=True)
        with torch.no_grad():
            right = [int(changed.module(one[None]).argmax()) == label for one, label in zip(inputs, truth, strict=True)]
        assert last.accuracy.value == sum(right) / 300
        assert last.accuracy.n == 300


def test_that_the_baseline_ends_with_the_plain_measurement_and_its_classes() -> None:
    data = quarters(val=400)
    standings, baseline = baseline_of(data)
    assert [one.accuracy.n for one in standings] == [16, 32, 48, 64, 96, 128, 192, 320, 400]
    assert standings[-1].accuracy == measure(convolutional(), data, "val")
    hits = predictions(simulate(convolutional()), data, "val") == data.val.y
    assert np.array_equal(baseline.hits, hits)
    assert data.val.y is not None
    by_hand = [float(hits[data.val.y == label].mean()) for label in range(4)]
    assert standings[-1].per_class == pytest.approx(by_hand, abs=1e-12)


def test_that_margins_say_how_far_the_choice_is_from_the_next() -> None:
    data = quarters(val=8)
    _, baseline = baseline_of(data)
    logits = convolutional()(data.batch(data.val, slice(None)))
    assert isinstance(logits, torch.Tensor)
    for index, row in enumerate(logits.double()):
        outputs = row.tolist()
        right = outputs.pop(int(baseline.truth[index]))
        assert baseline.margins[index] == pytest.approx(right - max(outputs), rel=1e-5)


def test_that_groups_widen_the_interval_of_the_last_as_of_the_plain_one() -> None:
    data = quarters(val=200)
    data = dataclasses.replace(data, val=dataclasses.replace(data.val, groups=np.arange(200) // 20))
    _, baseline = baseline_of(data)
    *_, last = measure_change(said(convolutional(seed=1), data), data, baseline, full=True)
    assert last.accuracy == measure(convolutional(seed=1), data, "val")


def test_that_the_interval_adds_what_the_rest_may_change_in_quadrature() -> None:
    baseline = synthetic(900, count=1000)
    hits, margins, seen = baseline.hits.copy(), baseline.margins.copy(), np.zeros(1000, np.bool_)
    place = strata(baseline.margins)
    for number in range(5):
        seen[np.flatnonzero(place == number)[:20]] = True
    lost = np.flatnonzero((place == 1) & seen & hits)[:3]
    hits[lost], margins[lost] = False, -0.1
    found = estimate(baseline, hits, margins, seen, place)
    # A twentieth of the samples lost 3 of the 20 that were seen there.
    assert found.accuracy.value == pytest.approx(0.9 - 0.05 * 3 / 20)
    p, n, z = found.accuracy.value, 1000, 1.959963984540054
    middle, scale = p + z * z / (2 * n), 1 + z * z / n
    spread = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = (middle - spread) / scale, (middle + spread) / scale
    assert found.rest > 0
    assert found.accuracy.low == pytest.approx(p - math.hypot(p - low, found.rest))
    assert found.accuracy.high == pytest.approx(p + math.hypot(high - p, found.rest))


def test_that_a_label_without_an_output_is_never_right() -> None:
    margins = margins_of(torch.tensor([[1.0, 3.0], [2.0, 0.5]]), np.array([2, 0]))
    assert margins.tolist() == [-2.0, 1.5]


def test_that_a_quick_measurement_ends_when_the_rest_hardly_matters() -> None:
    data = quarters(val=4000)
    _, baseline = baseline_of(data)
    again = list(measure_change(said(convolutional(), data), data, baseline, full=False))
    # The same network moves no margin: the least number of samples is enough.
    assert [one.accuracy.n for one in again] == [12, 20, 28, 36, 48, 64]
    other = list(measure_change(said(convolutional(seed=1), data), data, baseline, full=False))
    assert other[-1].final
    assert other[-1].rest <= 0.005 < other[-2].rest


def test_that_the_network_as_loaded_needs_no_new_look() -> None:
    data = quarters(val=100)
    standings, baseline = baseline_of(data)
    found = unchanged(baseline, data)
    assert (found.accuracy, found.per_class) == (standings[-1].accuracy, standings[-1].per_class)


@pytest.mark.parametrize("count", [1, 2, 31, 33, 64, 65, 1000])
def test_that_batches_take_every_sample_once_and_in_the_same_order_every_time(count: int) -> None:
    keys = np.random.default_rng(0).integers(0, 3, count).astype(float)
    one, other = (np.concatenate(list(spread_batches(keys))) for _ in range(2))
    assert np.array_equal(one, other)
    assert np.array_equal(np.sort(one), np.arange(count))


def test_that_every_beginning_is_spread_evenly_over_the_keys() -> None:
    keys = np.random.default_rng(1).permutation(1024).astype(float)
    order = np.concatenate(list(spread_batches(keys)))
    for size in (4, 32, 128, 512):
        quarter = (keys[order[:size]] // 256).astype(int)
        assert np.bincount(quarter, minlength=4).tolist() == [size // 4] * 4
