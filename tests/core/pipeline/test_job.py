"""What the whole job does to a plan before it runs it."""

import pytest

from penjing.inspection.graph import layer_graph
from penjing.pipeline.job import effective_plan
from penjing.plan import plan_from_json
from tests.support.networks import NETWORKS

GRAPH = layer_graph(NETWORKS["plain"](0))


@pytest.mark.parametrize(
    ("pipeline", "said"),
    [
        (["prune", "quantize"], ()),
        (["prune", "qat"], ()),
        ([{"step": "qat", "method": "lsq"}], ()),
        (["prune", "distill"], ("warning.quantize_not_in_pipeline",)),
    ],
)
def test_that_bits_without_a_step_that_quantizes_are_said(pipeline: list[object], said: tuple[str, ...]) -> None:
    plan = plan_from_json({"defaults": {"weight_bits": 8}, "pipeline": pipeline})
    assert effective_plan(plan, ("onnx",), GRAPH) == (plan, said)


@pytest.mark.parametrize(
    ("pipeline", "steps"),
    [(["prune"], ["prune", "quantize"]), (["prune", "qat"], ["prune", "qat"]), (["quantize"], ["quantize"])],
)
def test_that_a_float_plan_in_a_format_of_integers_is_quantized_once(pipeline: list[str], steps: list[str]) -> None:
    plan, said = effective_plan(plan_from_json({"pipeline": pipeline}), ("onnx-int8",), GRAPH)
    assert said == ("warning.set_to_int8",)
    assert [step.step for step in plan.steps] == steps
    assert (plan.defaults.weight_bits, plan.defaults.activation_bits) == (8, 8)
