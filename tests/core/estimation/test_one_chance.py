"""A single output that ends in a sigmoid is a chance: it says the second class above one half, not above 0."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from penjing.compression.simulation import simulate
from penjing.distillation.network import Network
from penjing.estimation.evaluator import Evaluator
from penjing.estimation.margins import margins_of
from penjing.estimation.measured import measure, predictions
from penjing.inspection.graph import layer_graph
from penjing.loading.data import open_data
from penjing.loading.dataset import Dataset
from penjing.model.model import Model
from penjing.model.two_sided import border_of
from penjing.pipeline.probing import Prober
from penjing.plan import Plan
from penjing.verification.truth import truth_of_model
from penjing.worker.progressive import Baseline, measure_baseline
from tests.support.networks import network

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(200, 5)).astype(np.float32)
Y = (X[:, 0] + 0.8 * RANDOM.normal(size=200) > 0.3).astype(np.int64)


def ending(*last: nn.Module, outputs: int = 1) -> Model:
    torch.manual_seed(1)
    return network(
        (5,), [("fc", nn.Linear(5, outputs), ""), *((f"end{place}", one, "") for place, one in enumerate(last))]
    )


def opened(folder: Path, model: Model, metric: str | None = "top1") -> Dataset:
    np.savez(folder / "data.npz", x=X, y=Y)
    return open_data(folder / "data.npz", model=model, metric=metric)


@pytest.mark.parametrize(
    ("model", "border"),
    [
        (ending(nn.Sigmoid()), 0.5),
        (ending(nn.Hardsigmoid()), 0.5),
        (ending(nn.Sigmoid(), nn.Flatten()), 0.5),
        (ending(), 0.0),
        (ending(nn.Sigmoid(), nn.ReLU()), 0.0),
        (ending(nn.Sigmoid(), outputs=2), 0.0),
    ],
)
def test_that_the_last_operator_of_a_single_output_says_where_its_border_is(model: Model, border: float) -> None:
    assert border_of(model) == border


def test_that_a_chance_is_judged_at_one_half_by_every_part(tmp_path: Path) -> None:
    model = ending(nn.Sigmoid())
    data = opened(tmp_path, model)
    layer = model.layer("fc")
    assert isinstance(layer, nn.Linear)
    logits = data.val.x.astype(np.float64) @ layer.weight[0].double().numpy() + float(layer.bias[0])
    said = logits > 0  # σ(z) > ½ exactly where z > 0
    right = said == (np.asarray(data.val.y) > 0)
    assert 0.2 < said.mean() < 0.8
    assert measure(simulate(model), data, "val").value == right.mean()
    assert predictions(simulate(model), data, "val").tolist() == said.astype(int).tolist()
    *_, baseline = measure_baseline(Evaluator(data, "val").outputs(model), data, "val")
    assert isinstance(baseline, Baseline)
    assert baseline.accuracy.value == right.mean() and baseline.chosen.tolist() == said.astype(int).tolist()
    chances = 1 / (1 + np.exp(-logits))
    wanted = np.where(np.asarray(data.val.y) > 0, chances - 0.5, 0.5 - chances)
    assert np.allclose(baseline.margins, wanted, atol=1e-6)
    batches = truth_of_model(model, data, baseline=model).batches()
    before = np.concatenate([batch.before for batch in batches])  # type: ignore[misc]
    assert before.tolist() == predictions(simulate(model), data, "test").tolist()
    scores, _ = Network(model).watch(torch.from_numpy(data.val.x))
    assert np.allclose(scores[:, 1], logits, atol=1e-5) and not scores[:, 0].any()
    known = Prober(model, data, Plan(), graph=layer_graph(model)).nothing()
    assert known.measure.level(known.baseline.margins) == right.mean()


def test_that_agreement_of_a_chance_changes_where_it_crosses_one_half(tmp_path: Path) -> None:
    original = ending(nn.Sigmoid())
    data = opened(tmp_path, original, "agreement")
    other = original.copy()
    with torch.no_grad():
        other.layer("fc").bias.add_(0.7)  # type: ignore[union-attr, operator]
    layer = original.layer("fc")
    assert isinstance(layer, nn.Linear)
    logits = data.test.x @ layer.weight[0].numpy() + float(layer.bias[0])
    same = ((logits > 0) == (logits + 0.7 > 0)).mean()
    assert 0.3 < same < 1
    found = measure(simulate(other), data, "test", reference=simulate(original))
    assert found.value == pytest.approx(same, abs=1e-12)


def test_that_a_margin_is_how_far_beyond_the_border_an_answer_is() -> None:
    output, truth = torch.tensor([[0.75], [0.4], [0.5]]), np.array([1, 1, 0])
    assert margins_of(output, truth, border=0.5).round(6).tolist() == [0.25, -0.1, 0.0]
    assert margins_of(output, truth).round(6).tolist() == [0.75, 0.4, -0.5]
