"""A plan's steps in the plan's order, each measured, on the digits sample."""

import pytest
import torch

from penjing.catalogue.methods import methods
from penjing.inspection.graph import layer_graph
from penjing.loading.data import open_data
from penjing.loading.dataset import Dataset
from penjing.loading.open import open_model
from penjing.model.model import Model
from penjing.pipeline.run import run_plan
from penjing.pipeline.steps import steps
from penjing.plan import plan_from_json


@pytest.fixture(scope="module")
def model() -> Model:
    return open_model("sample:digits")


@pytest.fixture(scope="module")
def data(model: Model) -> Dataset:
    return open_data("sample:digits", model=model)


def test_that_every_step_of_the_catalogue_can_run_and_no_other() -> None:
    assert set(steps()) == set(methods("step"))


def test_that_an_empty_plan_returns_the_network_itself(model: Model, data: Dataset) -> None:
    finished = run_plan(model, plan_from_json({}), data)
    assert finished.model is model
    assert finished.steps == ()


def test_that_steps_run_in_the_order_of_the_plan_and_each_is_measured(model: Model, data: Dataset) -> None:
    settings = {"weight_bits": 4, "activation_bits": 8, "filters": 0.25}
    plan = plan_from_json({"defaults": settings, "pipeline": ["quantize", "prune"]})
    finished = run_plan(model, plan, data)
    assert [step.step for step in finished.steps] == ["quantize", "prune"]
    assert all(step.accuracy is not None and step.accuracy.n == 1000 for step in finished.steps)


def test_that_the_students_and_teachers_of_a_plan_are_used(model: Model, data: Dataset) -> None:
    teaching = {"student": "narrow:0.5", "epochs": 1}
    plan = plan_from_json({"pipeline": ["distill"], "distillation": teaching})
    finished = run_plan(model, plan, data)
    shapes = {layer.name: layer.weight_shape for layer in finished.graph.compressible}
    # Half of the filters of every layer but the last, whose outputs are the classes.
    assert shapes["conv1"] == (3, 1, 5, 5)
    assert shapes["conv2"] == (8, 3, 5, 5)
    assert shapes["fc1"] == (60, 200)
    assert shapes["fc3"] == (10, 42)


def test_that_no_stage_changes_the_network_it_was_given(model: Model, data: Dataset) -> None:
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    settings = {"weight_bits": 8, "activation_bits": 8, "filters": 0.25, "sparsity": 0.5}
    run_plan(model, plan_from_json({"defaults": settings, "distillation": {"epochs": 1}}), data)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.module.state_dict().items())
    assert model.masks == {}
    assert layer_graph(model).compressible[0].weight_shape == (6, 1, 5, 5)
