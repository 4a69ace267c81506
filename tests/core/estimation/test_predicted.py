"""Predictions: composed from single layers as by hand, trusted as far as they hold, anchored by what was measured."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from penjing.estimation.calibration import Scales, chances_right, learned, trusted
from penjing.estimation.fitting import fitted
from penjing.estimation.predicted import Predictions, Predictor, changes
from penjing.estimation.sensitivity import (
    Sensitivity,
    methods_of,
    probe_plan,
    reading,
    schedule,
)
from penjing.inspection.graph import layer_graph
from penjing.layer_graph import LayerGraph
from penjing.plan import Plan
from penjing.results import Accuracy
from tests.support.answers import SAMPLES, margins, of_layers
from tests.support.teaching import convolutional

Vector = NDArray[np.float64]


@pytest.fixture(scope="module")
def graph() -> LayerGraph:
    return layer_graph(convolutional())


def accuracy(value: float, *, half: float = 0.01, kind: str = "measured") -> Accuracy:
    return Accuracy(
        value=value,
        low=value - half,
        high=value + half,
        n=1000,
        kind=kind,
        metric="top1",
        split="val",  # type: ignore[arg-type]
    )


def test_that_layers_add_up_whatever_all_margins_shrink_by(graph: LayerGraph) -> None:
    predictor = Predictor(graph, fitted(graph, of_layers(graph, noise=12.0)), accuracy(float((margins() > 0).mean())))
    first, second = (layer.name for layer in graph.compressible[:2])
    plan = Plan().with_layer(first, sparsity=0.5).with_layer(second, weight_bits=3)
    moved = margins()
    for number, size in ((0, 0.25), (1, 0.125)):
        moved = moved + size * 12.0 * np.random.default_rng(number).normal(size=SAMPLES)
    found = predictor.accuracy(plan)
    assert found is not None
    assert found.kind == "predicted"
    assert found.value == pytest.approx(float((moved > 0).mean()), abs=0.03)
    assert found.low <= found.value <= found.high


def test_that_a_plan_without_changes_keeps_the_accuracy_as_loaded(graph: LayerGraph) -> None:
    baseline = accuracy(0.9)
    found = Predictor(graph, fitted(graph, of_layers(graph, noise=12.0)), baseline).accuracy(Plan())
    assert found is not None
    assert found.value == 0.9


def test_that_nothing_is_predicted_before_anything_is_known(graph: LayerGraph) -> None:
    nothing = Sensitivity(samples=SAMPLES, baseline=reading(0.0, margins()))
    assert Predictor(graph, fitted(graph, nothing), accuracy(0.9)).accuracy(Plan()) is None
    assert fitted(graph, nothing) == Predictions(baseline=nothing.baseline.content, trust=0.5)


def test_that_whole_filters_are_counted_and_a_threshold_on_them_is_left_to_measuring(graph: LayerGraph) -> None:
    group = graph.groups[0]
    size, name = len(group.channels), group.producers[0]
    share = (2 + 0.9) / size  # two whole filters and most of a third
    assert list(changes(graph, Plan().with_layer(name, filters=share))) == [(name, "filters", 2 / size)]
    assert list(changes(graph, Plan().with_layer(name, filters=0.9 / size))) == []
    assert next(changes(graph, Plan().with_layer(name, filters=1.0)))[2] == (size - 1) / size
    known = Predictor(graph, fitted(graph, of_layers(graph, noise=12.0)), accuracy(0.9))
    plan = Plan().with_layer(name, filter_threshold=0.5)
    assert known.accuracy(plan) is None
    assert known.anchored(plan, accuracy(0.5)).accuracy(Plan()) == known.accuracy(Plan())


def test_that_what_was_measured_is_predicted_and_pulls_its_neighbours(graph: LayerGraph) -> None:
    known = Predictor(graph, fitted(graph, of_layers(graph, noise=12.0)), accuracy(0.9))
    name = graph.compressible[0].name
    plan, near, far = (Plan().with_layer(name, sparsity=share) for share in (0.6, 0.62, 0.05))
    anchored = known.anchored(plan, accuracy(0.31))
    at_once, beside, apart = (anchored.accuracy(one) for one in (plan, near, far))
    was = known.accuracy(near)
    assert at_once is not None
    assert beside is not None
    assert was is not None
    assert at_once.value == pytest.approx(0.31)
    assert beside.value == pytest.approx(0.31, abs=0.05)
    assert abs(beside.value - 0.31) < abs(was.value - 0.31)
    assert apart == known.accuracy(far)
    newer = anchored.renewed(graph, fitted(graph, of_layers(graph, noise=12.0)), accuracy(0.9)).accuracy(plan)
    assert newer is not None
    assert newer.value == pytest.approx(0.31)


def test_that_where_predictions_say_nothing_the_network_as_loaded_is_the_guess() -> None:
    random = np.random.default_rng(2)
    before = random.normal(3, 2, SAMPLES)
    moves = random.normal(size=(24, 4, SAMPLES)).astype(np.float32) * random.uniform(0, 8, (24, 1, 1)).astype(
        np.float32
    )
    right = np.full(24, float((before > 0).mean()))
    found = trusted(before, moves, right, least=0.01)
    assert found.weight <= 0.1


def test_that_factors_are_found_again_from_whole_plans() -> None:
    random = np.random.default_rng(3)
    before = random.normal(3, 2, 512)
    moves = (random.normal(size=(96, 4, 512)) * random.uniform(0, 2, (96, 4, 1))).astype(np.float32)
    true = Scales(factors=(0.25, 1.0, 3.0, 1.0), noise=0.3)
    scales = learned(before, moves, chances_right(before, moves, true))
    plain = np.abs(chances_right(before, moves, Scales()) - chances_right(before, moves, true)).mean()
    better = np.abs(chances_right(before, moves, scales) - chances_right(before, moves, true)).mean()
    assert better < plain / 2


def test_that_chances_are_those_of_the_normal_distribution() -> None:
    before, moves = np.array([1.0, -1.0]), np.array([[2.0, 2.0]] + 3 * [[0.0, 0.0]], np.float32)
    # The sum is 2, its noise half of that: margins 3 and 1, one standard deviation being 1.
    by_hand = (0.5 * (1 + math.erf(3 / math.sqrt(2))) + 0.5 * (1 + math.erf(1 / math.sqrt(2)))) / 2
    assert float(chances_right(before, moves, Scales(noise=0.5))) == pytest.approx(by_hand, abs=0.01)


def test_that_all_layers_are_asked_once_before_any_is_asked_again(graph: LayerGraph) -> None:
    tasks = schedule(graph, methods_of(Plan()))
    single = [task for task in tasks if not isinstance(task, Plan)]
    first = [(layer, aspect) for layer, aspect, _ in single[: len({(one[0], one[1]) for one in single})]]
    assert len(set(first)) == len(first)
    assert len(set(single)) == len(single)
    assert sum(isinstance(task, Plan) for task in tasks[: len(tasks) // 2]) >= 6


def test_that_probes_use_the_methods_of_the_plan_and_not_its_strength() -> None:
    plan = Plan(pipeline=("prune", "quantize", "distill")).with_defaults(criterion="lamp", sparsity=0.5, weight_bits=4)
    methods = methods_of(plan)
    assert methods.defaults.criterion == "lamp"
    assert (methods.defaults.sparsity, methods.defaults.weight_bits) == (0.0, 32)
    assert [step.step for step in methods.steps] == ["prune", "quantize"]
    assert methods_of(plan.with_defaults(sparsity=0.9)) == methods
    probe = probe_plan(methods, "conv", "weight_bits", 3)
    assert probe.settings("conv").weight_bits == 3
    assert probe.settings("other").weight_bits == 32
