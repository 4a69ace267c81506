"""Remedies: the layer that hurts is found by taking layers back one by one, and what helps is measured and ranked."""

import dataclasses

import numpy as np
import pytest

from penjing.estimation.sensitivity import reading
from penjing.inspection.graph import layer_graph
from penjing.pipeline.probing import Listener
from penjing.pipeline.recovering import Recovering, recovered, suspects
from penjing.pipeline.run import run_plan
from penjing.plan import Plan
from penjing.planning.recovery import Candidate, Recovered, candidates, changed_layers, kept, ranked
from tests.support.teaching import convolutional, quarters

PLAN = Plan(pipeline=("prune", "quantize")).with_layer("conv2", weight_bits=2, granularity="per_tensor")


def test_that_the_layer_that_hurts_is_found_and_everything_is_tried() -> None:
    model, data = convolutional(), dataclasses.replace(quarters(val=128))
    graph = layer_graph(model)
    plan = PLAN.with_layer("fc", weight_bits=8)
    work = Recovering(model, graph, plan, Listener(model, data, graph, lambda: None))
    steps = 0
    while not work.over:
        work.step()
        steps += 1
    assert work.layer == "conv2"
    assert steps == work.done == work.total == 1 + 2 + len(work.found)
    tried = {(one.candidate.remedy, one.candidate.value): one for one in work.found}
    assert {remedy for remedy, _ in tried} == {"keep", "bits", "per_channel", "gptq", "bias_correction", "equalize"}
    assert tried["bits", 8].nearer > tried["bits", 3].nearer > 0
    assert tried["keep", 32].nearer >= tried["bits", 8].nearer - 1e-3


def test_that_every_candidate_changes_one_thing_in_the_layer_and_can_be_run() -> None:
    model, data = convolutional(), quarters(val=32)
    plan = Plan(pipeline=("prune", "quantize")).with_layer("conv2", sparsity=0.6, filters=0.5, weight_bits=4)
    found = {(one.remedy, one.value): one.plan for one in candidates(plan, "conv2")}
    assert set(found) == {
        ("keep", 32.0),
        ("bits", 5.0),
        ("bits", 8.0),
        ("gptq", None),
        ("bias_correction", None),
        ("equalize", None),
        ("sparsity", 0.3),
        ("filters", 0.25),
        ("repair", None),
    }
    assert found["sparsity", 0.3].settings("conv2").sparsity == 0.3
    assert [step.step for step in found["repair", None].steps] == ["prune", "repair", "quantize"]
    assert not changed_layers(layer_graph(model), found["keep", 32.0])
    for changed in found.values():
        assert changed.settings("conv1") == plan.settings("conv1")
        run_plan(model, changed, data, training=False, measuring=False)


def test_that_a_plan_that_changes_nothing_has_no_layer_that_hurts() -> None:
    model, data = convolutional(), quarters(val=32)
    graph = layer_graph(model)
    work = Recovering(model, graph, Plan(), Listener(model, data, graph, lambda: None))
    work.step()
    assert work.over
    assert (work.layer, work.found) == (None, ())


def test_that_of_many_layers_those_are_suspected_that_lose_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penjing.pipeline.recovering.MOST_LAYERS", 2)
    model = convolutional()
    plan = Plan().with_layer("conv1", weight_bits=2).with_layer("conv2", sparsity=0.9).with_layer("fc", weight_bits=8)
    assert suspects(model, layer_graph(model), plan) == ("conv1", "conv2")


def test_that_what_was_gained_has_the_interval_of_a_paired_difference() -> None:
    before, after = np.full(100, -1.0), np.full(100, -1.0)
    before[:50] = after[:48] = after[60:70] = 1.0
    found = recovered(Candidate(remedy="gptq", plan=Plan()), reading(0.5, before), reading(0.2, after))
    assert found.gained == pytest.approx(0.08)  # 10 gained, 2 lost, of 100
    up, down = 11 / 102, 3 / 102
    assert found.half == pytest.approx(1.959964 * ((up + down - (up - down) ** 2) / 102) ** 0.5, rel=1e-5)
    assert found.nearer == pytest.approx(0.3)


def test_that_remedies_are_ranked_by_what_they_give_back_for_a_byte() -> None:
    def one(remedy: str, gained: float, nearer: float = 0.0) -> Recovered:
        candidate = Candidate(remedy=remedy, plan=Plan())  # type: ignore[arg-type]
        return Recovered(candidate=candidate, gained=gained, half=0.01, nearer=nearer)

    rows = [
        (one("keep", 0.10), 1000.0),
        (one("bits", 0.08), 100.0),
        (one("gptq", 0.05), 0.0),
        (one("equalize", -0.02), 0.0),
    ]
    rows += [(one("per_channel", 0.0, 0.3), 20.0)]
    order = [found.candidate.remedy for found, _ in ranked(rows)]
    assert order == ["gptq", "bits", "keep", "per_channel", "equalize"]


def test_that_keeping_a_layer_leaves_the_others_and_its_activations_alone() -> None:
    plan = Plan().with_defaults(weight_bits=4, activation_bits=8, sparsity=0.5)
    found = kept(plan, "fc")
    assert (found.settings("fc").weight_bits, found.settings("fc").sparsity) == (32, 0.0)
    assert found.settings("fc").activation_bits == 8
    assert found.settings("conv") == plan.settings("conv")
