"""Every metric is what its definition says, worked out pair by pair or from a formula, and its interval holds."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from penjing.catalogue.metrics import METRICS, metric
from penjing.compression.simulation import simulate
from penjing.estimation.measured import measure
from penjing.estimation.quality import auc, auc_change, quality_of
from penjing.estimation.scoring import Scorer
from penjing.loading.dataset import Dataset, Form, Split
from penjing.model.model import Model
from tests.support.networks import network
from tests.support.several_inputs import two_inputs

RANDOM = np.random.default_rng(11)


def linear(taken: int, outputs: int) -> Model:
    return network((taken,), [("fc", nn.Linear(taken, outputs), "")])


def data(
    metric: str, *, targets: bool = False, labels: int = 0, reconstructs: bool = False, count: int = 50
) -> Dataset:
    split = Split(
        x=RANDOM.standard_normal((count, 5)).astype(np.float32),
        y=RANDOM.integers(0, labels, count) if labels else None,
        targets=RANDOM.standard_normal((count, 3)).astype(np.float32) if targets else None,
    )
    return Dataset(train=split, val=split, test=split, metric=metric, reconstructs=reconstructs)


def test_that_which_way_is_better_and_how_a_drop_is_told_belong_to_the_metric() -> None:
    for one in METRICS:
        better, worse = (0.4, 0.5) if one.kind == "error" else (0.5, 0.4)
        assert one.goodness(better) > one.goodness(worse)
        assert one.drop(better, worse) == pytest.approx(25 if one.kind == "error" else 10)
        assert one.goodness(one.worst) <= one.goodness(worse)
        assert one.ranks(better) > one.ranks(worse)
    assert [metric(name).show(0.87654) for name in ("top3", "mae", "r2")] == ["87.7 %", "0.8765", "0.8765"]
    for wrong in ("top0", "top1001", "topk", "accuracy", ""):
        with pytest.raises(KeyError):
            metric(wrong)


@pytest.mark.parametrize("name", ["mse", "mae", "r2"])
def test_that_errors_are_means_over_samples_and_outputs(name: str) -> None:
    model, given = linear(5, 3), data(name, targets=True)
    assert given.val.targets is not None
    answers = simulate(model)(torch.from_numpy(given.val.x))
    assert isinstance(answers, torch.Tensor)
    apart = answers.double().numpy() - given.val.targets.astype(np.float64)
    errors = {"mse": (apart**2).mean(axis=1), "mae": np.abs(apart).mean(axis=1), "r2": (apart**2).mean(axis=1)}[name]
    spread = given.val.targets - given.val.targets.mean(axis=0)
    found = measure(simulate(model), given, "val", batch_size=7)
    wanted = 1 - (apart**2).sum() / (spread.astype(np.float64) ** 2).sum() if name == "r2" else errors.mean()
    assert found.value == pytest.approx(wanted, rel=1e-5)
    assert found.low < found.value < found.high and (found.metric, found.n) == (name, 50)
    if name != "r2":
        assert found.high - found.value == pytest.approx(1.959964 * errors.std(ddof=1) / math.sqrt(50), rel=1e-4)
    scorer = Scorer(given, "val")
    margins = scorer.margins(answers, np.arange(50))
    assert scorer.measure.value(scorer.measure.level(margins)) == pytest.approx(found.value, rel=1e-5)


def test_that_top_k_counts_the_label_among_the_k_largest() -> None:
    model, given = linear(5, 4), data("top2", labels=4)
    answers = simulate(model)(torch.from_numpy(given.val.x))
    assert isinstance(answers, torch.Tensor) and given.val.y is not None
    wanted = [label in torch.topk(row, 2).indices.tolist() for row, label in zip(answers, given.val.y, strict=True)]
    assert measure(simulate(model), given, "val").value == pytest.approx(np.mean(wanted))
    margins = Scorer(given, "val").margins(answers, np.arange(50))
    assert (margins > 0).tolist() == wanted


def test_that_auc_counts_pairs_and_ties_half() -> None:
    scores, abnormal = np.round(RANDOM.random(40), 1), RANDOM.random(40) < 0.4
    pairs = [
        1.0 if high > low else 0.5 if high == low else 0.0 for high in scores[abnormal] for low in scores[~abnormal]
    ]
    assert auc(scores, abnormal) == pytest.approx(np.mean(pairs))
    assert auc(scores, np.zeros(40, np.bool_)) == 0.5


def test_that_an_autoencoder_is_measured_by_the_error_of_what_it_gives_back() -> None:
    model, given = linear(5, 5), data("auc", labels=2, reconstructs=True)
    answers = simulate(model)(torch.from_numpy(given.val.x))
    assert isinstance(answers, torch.Tensor) and given.val.y is not None
    errors = ((answers.numpy() - given.val.x) ** 2).mean(axis=1)
    found = measure(simulate(model), given, "val")
    assert found.value == pytest.approx(auc(errors, given.val.y > 0))
    scorer = Scorer(given, "val")
    assert scorer.measure.level(scorer.margins(answers, np.arange(50))) == pytest.approx(found.value)


@pytest.mark.parametrize("name", ["mse", "r2", "auc"])
@pytest.mark.parametrize("clustered", [False, True])
def test_that_95_of_100_intervals_hold_the_truth(name: str, clustered: bool) -> None:
    if name == "auc" and clustered:
        pytest.skip("an AUC's interval does not know of groups")
    random, inside = np.random.default_rng(2), 0
    for _ in range(400):
        groups = np.repeat(np.arange(30), 10)
        shared = random.standard_normal(30)[groups] if clustered else 0.0
        if name == "auc":
            abnormal = random.random(300) < 0.3
            found = quality_of(name, random.standard_normal(300) + abnormal, against=abnormal)
            truth = 0.5 * (1 + math.erf(1 / 2))  # Φ(1 / √2)
        else:
            targets, noise = random.standard_normal(300) * 2, random.standard_normal(300) + shared
            against = (targets - targets.mean()) ** 2
            found = quality_of(name, noise**2, against=against, groups=groups if clustered else None)
            variance = 2.0 if clustered else 1.0
            truth = variance if name == "mse" else 1 - variance / 4
        inside += found.low <= truth <= found.high
    # Squares are skewed, and 30 clusters of them tell their variance late; without groups it would be two of three.
    assert (0.87 if clustered else 0.91) <= inside / 400 <= 0.985


def test_that_a_change_of_auc_is_told_nearer_than_two_values() -> None:
    abnormal = RANDOM.random(200) < 0.5
    before = RANDOM.standard_normal(200) + abnormal
    after = before + 0.1 * RANDOM.standard_normal(200)
    change, half = auc_change(before, after, abnormal)
    assert change == pytest.approx(auc(after, abnormal) - auc(before, abnormal))
    apart = quality_of("auc", before, against=abnormal)
    assert half < (apart.high - apart.low) / 4


def test_that_a_network_of_several_inputs_is_measured_with_all_of_them() -> None:
    model = two_inputs()
    x, facts = RANDOM.random((20, 1, 4, 4)).astype(np.float32), RANDOM.random((20, 3)).astype(np.float32)
    chosen = simulate(model)(torch.from_numpy(x), torch.from_numpy(facts))
    assert isinstance(chosen, torch.Tensor)
    split = Split(x=x, y=chosen.argmax(dim=1).numpy(), others=(facts,))
    given = Dataset(train=split, val=split, test=split, others=(Form(),))
    assert measure(simulate(model), given, "val", batch_size=6).value == 1.0


def test_that_copies_of_a_sample_in_its_group_make_an_auc_no_surer() -> None:
    scores, abnormal = RANDOM.standard_normal(40), RANDOM.random(40) > 0.6
    scores = scores + abnormal
    alone = quality_of("auc", scores, against=abnormal)
    thrice, groups = np.repeat(scores, 3), np.repeat(np.arange(40), 3)
    copied = quality_of("auc", thrice, against=np.repeat(abnormal, 3), groups=groups)
    assert copied.value == pytest.approx(alone.value)
    # The variance is that of the samples themselves; few groups know it worse: Student's t with 39 degrees, 2.0227.
    wider = 2.0227 / 1.95996
    assert copied.value - copied.low == pytest.approx(wider * (alone.value - alone.low), rel=1e-4)
    assert quality_of("auc", thrice, against=np.repeat(abnormal, 3)).low > copied.low
    change, half = auc_change(thrice, thrice + np.repeat(RANDOM.standard_normal(40), 3), np.repeat(abnormal, 3), groups)
    assert half > 0 and abs(change) < 1


def test_that_the_interval_of_a_grouped_auc_holds_when_machines_differ() -> None:
    drawn, held, tries = np.random.default_rng(5), 0, 200
    for _ in range(tries):
        # 20 machines of 10 recordings; each shifts its scores, half are abnormal: the AUC is Φ(1 / √3).
        groups = np.repeat(np.arange(20), 10)
        abnormal = np.tile(np.arange(10) % 2 == 1, 20)
        scores = drawn.standard_normal(20)[groups] * math.sqrt(0.5) + drawn.standard_normal(200) + abnormal
        found = quality_of("auc", scores, against=abnormal, groups=groups)
        truth = 0.5 * (1 + math.erf(1 / math.sqrt(3) / math.sqrt(2)))
        held += found.low <= truth <= found.high
    assert held >= 0.9 * tries
