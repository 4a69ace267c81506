"""A cubic schedule that a repair follows: little by little, each part with the rest of the weights fitted anew."""

import pytest
import torch

from penjing.compression.masks import scheduled
from penjing.inspection.graph import layer_graph
from penjing.loading.data import open_data
from penjing.loading.dataset import Dataset
from penjing.loading.open import open_model
from penjing.model.model import Model
from penjing.pipeline import steps
from penjing.pipeline.judging import judge
from penjing.pipeline.run import Finished, run_plan
from penjing.plan import Plan, plan_from_json
from penjing.planning.check import check


@pytest.fixture(scope="module")
def model() -> Model:
    return open_model("sample:digits")


@pytest.fixture(scope="module")
def data(model: Model) -> Dataset:
    return open_data("sample:digits", model=model)


def _plan(*pipeline: str, schedule: str = "cubic", **more: object) -> Plan:
    asked = {"sparsity": 0.9, "criterion": "lamp", "scope": "global", "schedule": schedule, **more}
    return plan_from_json({"defaults": asked, "pipeline": list(pipeline), "distillation": {"epochs": 1}})


def _zeros(finished: Finished) -> int:
    layers = layer_graph(finished.model).compressible
    return sum(int((finished.model.weight(layer.name) == 0).sum()) for layer in layers)


def test_that_the_repair_prunes_the_rest_and_comes_nearer_than_with_everything_at_once(
    model: Model, data: Dataset
) -> None:
    total = sum(layer.weights for layer in layer_graph(model).compressible)
    found = {
        schedule: run_plan(model, _plan("prune", "repair", schedule=schedule), data, measuring=False)
        for schedule in ("once", "cubic")
    }
    for one in found.values():
        assert _zeros(one) == round(0.9 * total)
        assert sum(int((~mask).sum()) for mask in one.model.masks.values()) == round(0.9 * total)
    distance = judge(model, data)
    at_once, slowly = (distance(found[schedule].model) for schedule in ("once", "cubic"))
    assert at_once is not None
    assert slowly is not None
    assert slowly < 0.85 * at_once


def test_that_the_parts_follow_the_schedule(model: Model, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    known = steps.repair

    def watched(sparser: Model, *args: object, **more: object) -> Model:
        seen.append(sum(int((~mask).sum()) for mask in sparser.masks.values()))
        return known(sparser, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(steps, "repair", watched)
    run_plan(model, _plan("prune", "repair"), data, measuring=False)
    total = sum(layer.weights for layer in layer_graph(model).compressible)
    assert seen == [round(scheduled(0.9, part / 3) * total) for part in (1, 2, 3)]


@pytest.mark.parametrize("pipeline", [("prune", "quantize", "repair"), ("prune", "bn_reestimate", "quantize")])
def test_that_without_a_repair_that_comes_in_time_everything_is_pruned_at_once(
    model: Model, data: Dataset, pipeline: tuple[str, ...]
) -> None:
    total = sum(layer.weights for layer in layer_graph(model).compressible)
    found = run_plan(model, _plan(*pipeline, weight_bits=8), data, training=False, measuring=False)
    assert _zeros(found) >= round(0.9 * total)  # rounding makes some more


def test_that_a_training_ahead_prunes_and_the_repair_leaves_it_to_it(model: Model, data: Dataset) -> None:
    plan = _plan("prune", "repair", "finetune", filters=0.25)
    found = run_plan(model, plan, data)
    total = sum(layer.weights for layer in layer_graph(found.model).compressible)
    assert sum(int((~mask).sum()) for mask in found.model.masks.values()) == round(0.9 * total)


def test_that_check_knows_a_repair_takes_its_time(model: Model) -> None:
    graph = layer_graph(model)
    told = [problem.code for problem in check(_plan("prune", "repair"), graph)]
    assert "check.cubic_at_once" not in told
    late = [problem.code for problem in check(_plan("prune", "quantize", "repair", weight_bits=8), graph)]
    assert "check.cubic_at_once" in late


def test_that_locked_layers_stay_through_all_parts(model: Model, data: Dataset) -> None:
    plan = _plan("prune", "repair").with_layer("fc1", locked=True)
    found = run_plan(model, plan, data, measuring=False)
    assert torch.equal(found.model.weight("fc1"), model.weight("fc1"))
    assert int((found.model.weight("fc2") == 0).sum()) > 0
